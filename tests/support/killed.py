"""A command that is killed again and again while it works, and gone on with each time until it is done.

It runs in child processes. Each is sent a signal a random moment after it changed a file, SIGKILL but for every third
time; the last one is left alone. How they ended is printed. The children are forked before any work is done.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from comparisons.__main__ import main

KILLS = 6


def start(argv: Sequence[str]) -> int:
    """A child at work; its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        code = main(argv)
    finally:
        sys.stdout.flush()
        os._exit(code)


def kill_at_work(pid: int, watched: Path, chance: random.Random, how: signal.Signals) -> None:
    """Send the signal soon after the file has changed, or not at all where the child ends before."""
    before = watched.stat().st_mtime_ns if watched.exists() else 0
    while not (watched.exists() and watched.stat().st_mtime_ns > before):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.002)
    time.sleep(chance.uniform(0, 0.15))
    os.kill(pid, how)


def run(seed: int, watched: Path, argv: Sequence[str]) -> None:
    """Run a command of `comparisons`, kill it after it changed the file `watched`, start it again, and let it end."""
    chance = random.Random(seed)
    for turn in range(KILLS + 1):
        pid = start(argv)
        if turn < KILLS:
            kill_at_work(pid, watched, chance, signal.SIGTERM if turn % 3 == 1 else signal.SIGKILL)
        print("ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
