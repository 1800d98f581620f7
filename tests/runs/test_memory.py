"""What all runs share: nobody gets what is not there."""

from __future__ import annotations

import threading

import pytest

from comparisons.runs.memory import KvMemory
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support.speaking import loaded


def test_what_others_hold_is_not_granted_and_what_they_free_is():
    memory = KvMemory(100)
    one, other = memory.share(), memory.share()
    assert one.hold(70) and not other.hold(31) and other.hold(30)
    assert not one.hold(71) and memory.held_bytes == 100
    assert one.hold(10) and other.hold(90)
    one.free(), other.free(), other.free()
    assert memory.held_bytes == 0


def test_without_a_limit_everything_is_granted_and_counted():
    memory = KvMemory()
    assert memory.share().hold(10**15)
    assert (memory.held_bytes, memory.limit_bytes) == (10**15, None)


def test_many_at_once_never_hold_more_than_there_is():
    memory, seen = KvMemory(1000), []

    def take_and_give() -> None:
        share = memory.share()
        for nbytes in range(400):
            share.hold(nbytes)
            seen.append(memory.held_bytes)
        share.free()

    threads = [threading.Thread(target=take_and_give) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(seen) <= 1000 and memory.held_bytes == 0


@pytest.mark.parametrize("policy", ["dense", "sinks:4+28", "window:32", "recompute:8"])
def test_what_a_stream_will_take_is_known_before_it_reads(policy):
    stream = open_stream(loaded(), Policy.parse(policy), chunk=16)
    stream.read([1] * 5)
    for count in (1, 16, 3, 16, 16, 1, 16, 16):
        foreseen = stream.allocated_after(count)
        stream.read([1] * count)
        assert stream.allocated_nbytes == foreseen
