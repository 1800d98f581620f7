"""Work in several processes of this machine, in Python's own pool."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from streaming.errors import StreamError

__all__ = ["in_processes"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(items: Sequence[Item], work: Callable[[Item], Result], *, jobs: int) -> Iterator[Result]:
    """Do the work for each item, in processes that are started anew (not forked).

    Args:
        items: fit to be pickled.
        work: a function of a module; it raises nothing.
        jobs: processes.

    Yields:
        One result for each item, in the order in which they end.

    Raises:
        StreamError: a process was killed; all that was finished by then has been yielded.
    """
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
    killed = False
    try:
        for future in as_completed([pool.submit(work, item) for item in items]):
            if isinstance(future.exception(), BrokenProcessPool):
                killed = True
            else:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
    if killed:
        raise StreamError("A process was killed, perhaps for want of memory: go on with --resume, and fewer --jobs.")


def _begin() -> None:
    """A worker ends at once on Ctrl-C, and with its parent, even where that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)
