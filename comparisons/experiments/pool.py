"""Work in several processes of this machine that loses nothing when one of them dies.

Python's own pool gives up as a whole when a process is killed, and does not say whose work that was. So what was at
work then is done again, one after the other, each in a process of its own: work that kills its process is found out
there, and the rest goes on in a new pool.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_any
from typing import TypeVar

__all__ = ["work_off"]

Item, Result = TypeVar("Item"), TypeVar("Result")

_TRIES_ALONE = 2


def work_off(
    items: Sequence[Item], work: Callable[[Item], Result], *, jobs: int, lost: Callable[[Item], Result]
) -> Iterator[Result]:
    """Do the work for each item.

    Args:
        items: hashable or not, fit to be pickled.
        work: a function of a module; it raises nothing.
        jobs: processes, started anew (not forked).
        lost: what to answer, in this process, for an item that kills its process again and again.

    Yields:
        One result for each item, in the order in which they end.
    """
    waiting = deque(items)
    while waiting:
        for item in (yield from _until_a_process_dies(waiting, work, jobs)):
            yield _alone(item, work, lost)


def _until_a_process_dies(
    waiting: deque[Item], work: Callable[[Item], Result], jobs: int
) -> Generator[Result, None, list[Item]]:
    """Take items off the queue, to its end if it can; returns those that were at work when a process died."""
    running: dict[Future, Item] = {}
    with _pool(jobs) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    running[pool.submit(work, waiting[0])] = waiting[0]
                    waiting.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield future.result()
                    del running[future]
        except BrokenProcessPool:
            return list(running.values())
    return []


def _alone(item: Item, work: Callable[[Item], Result], lost: Callable[[Item], Result]) -> Result:
    for _ in range(_TRIES_ALONE):
        try:
            with _pool(1) as pool:
                return pool.submit(work, item).result()
        except BrokenProcessPool:
            continue
    return lost(item)


def _pool(jobs: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)


def _begin() -> None:
    """A worker ends at once on Ctrl-C, and with its parent, even where that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    wait_for_any([multiprocessing.parent_process().sentinel])
    os._exit(1)
