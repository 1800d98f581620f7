from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from comparisons.allocator import keep_freed_memory

torch.set_num_threads(1)
if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit(77)
for turn in range(32):
    torch.ones(10_000_000)
    if turn == 15:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def measured(script: str, *how: str) -> float:
    """What a script prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", script, *how], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this C library's allocator cannot be told")
    return float(done.stdout)


def test_memory_that_was_freed_is_used_again_without_faults():
    assert measured(FAULTS, "keep") < 500 < measured(FAULTS, "leave")


POOLS = """
import sys, threading
import psutil
from comparisons.allocator import give_freed_memory_back

def fill():
    kept = [bytearray(100_000) for _ in range(500)]  # smaller than what glibc maps by itself
    ends.append(bytearray(2000))  # what was freed does not lie at the end of the pool

def rss():
    return psutil.Process().memory_info().rss / 1e6

ends = []
for _ in range(4):
    threads = [threading.Thread(target=fill) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
before = rss()
if not give_freed_memory_back():
    sys.exit(77)
print(before - rss())
"""


def test_what_the_pools_of_threads_keep_can_be_given_back():
    assert measured(POOLS) > 30


HOLES = """
import sys
import psutil
import torch
from comparisons.allocator import give_large_blocks_back, keep_freed_memory

keep_freed_memory()
if sys.argv[1] == "give" and not give_large_blocks_back():
    sys.exit(77)
before = psutil.Process().memory_info().rss
size = 5_000_000
layers = [torch.ones(size, dtype=torch.uint8) for _ in range(20)]
while size < 10_000_000:  # all layers of a cache grow by a tenth, one after the other
    size = size * 11 // 10
    for i, layer in enumerate(layers):
        grown = torch.empty(size, dtype=torch.uint8)
        grown[: len(layer)] = layer
        grown[len(layer) :] = 1
        layers[i] = grown
        del layer, grown
print((psutil.Process().memory_info().rss - before) / (20 * size))
"""


def test_large_blocks_that_grow_in_turn_leave_no_holes():
    """As a cache's layers do: what is resident, against what they hold."""
    assert measured(HOLES, "give") < 1.05 < 1.1 < measured(HOLES, "keep")
