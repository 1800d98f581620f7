"""As many threads at work at once as there are cores, each in its turn."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Cores"]


class Cores:
    """A context manager for pieces of work, from any thread.

    Whoever comes first goes first. A semaphore would let a thread that has just ended a piece begin the next before
    those that wait have woken up.
    """

    def __init__(self, count: int) -> None:
        """So many may work at once."""
        self._count = self._free = count
        self._lanes = 0
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def lane(self) -> Iterator[None]:
        """One more thread comes and goes that will want to work now and then."""
        with self._lock:
            self._lanes += 1
        try:
            yield
        finally:
            with self._lock:
                self._lanes -= 1

    @property
    def share(self) -> int:
        """How many cores each may work on at once without taking one from another: 1 at least."""
        return max(1, self._count // max(1, self._lanes))

    @property
    def crowded(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    def __enter__(self) -> None:
        """Wait for the turn."""
        turn = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                return
            self._waiting.append(turn)
        try:
            turn.wait()
        except BaseException:  # whatever ends a thread here takes no core along
            self._forgo(turn)
            raise

    def __exit__(self, *exception: object) -> None:
        """Let the next one work."""
        with self._lock:
            self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._free += 1

    def _forgo(self, turn: threading.Event) -> None:
        with self._lock:
            if turn.is_set():
                self._pass_on()
            else:
                self._waiting.remove(turn)
