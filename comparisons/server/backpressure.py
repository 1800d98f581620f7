"""A run that nobody reads: it is told until nobody asks on, or until what was told piles up, and ends then.

Gradio may drop a call half-way and keep what it was iterating. So a run is told in a thread of its own, which does not
need its reader to end: it closes the run when the reader leaves, and when it has not heard from the reader for long.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from queue import SimpleQueue

__all__ = ["UNREAD_SECONDS", "while_read"]

_LOG = logging.getLogger(__name__)

UNREAD_SECONDS = 5.0
"""How long nothing may be taken of what is told."""


def while_read(
    told: Generator[str, None, None],
    piled: Callable[[], int],
    *,
    seconds: float = UNREAD_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[str, None, None]:
    """What is told, for as long as somebody takes it.

    Args:
        told: what there is to say. It is closed when this generator is, which does not wait for it, and when this
            generator was not asked for the next text for too long, whoever still holds it.
        piled: how much of it was said and not taken yet.
        seconds: how long nothing may be taken, and half of how long nobody may ask on.
        clock: seconds.
    """
    reader = _Reader(piled, seconds, clock)
    threading.Thread(target=reader.tell, args=(told,), name="telling", daemon=True).start()
    try:
        while (text := reader.next()) is not None:
            yield text
    finally:
        reader.leave()


class _Reader:
    """Hands one text at a time from the thread that tells to the one that reads, and knows whether that one reads."""

    def __init__(self, piled: Callable[[], int], seconds: float, clock: Callable[[], float]) -> None:
        self._piled, self._seconds, self._clock = piled, seconds, clock
        self._said: SimpleQueue[str | BaseException | None] = SimpleQueue()
        self._asked = threading.Semaphore(0)
        self._left = False
        self._count, self._taken, self._since = 0, 0, clock()

    def next(self) -> str | None:
        """The next text, None after the last; raises what telling raised."""
        self._asked.release()
        said = self._said.get()
        if isinstance(said, BaseException):
            raise said
        return said

    def leave(self) -> None:
        """Read no more."""
        self._left = True
        self._asked.release()

    def tell(self, told: Generator[str, None, None]) -> None:
        """Tell all of it, or as much as is read."""
        try:
            with closing(told):
                while self._is_wanted() and (text := next(told, None)) is not None and self._takes():
                    self._said.put(text)
                    self._count += 1
        except BaseException as error:  # the reader's to handle
            self._said.put(error)
        else:
            self._said.put(None)

    def _is_wanted(self) -> bool:
        """Whether the reader asks for the next text, soon enough."""
        asked = self._asked.acquire(timeout=2 * self._seconds)  # a busy server asks late
        if not asked:
            _LOG.info("nobody asks on", extra={"told": self._count})
        return asked and not self._left

    def _takes(self) -> bool:
        """Whether something was taken of what had piled up, lately enough."""
        unread = self._piled()
        if not unread or self._count - unread > self._taken:
            self._taken, self._since = self._count - unread, self._clock()
        if self._clock() - self._since > self._seconds:
            _LOG.info("nobody reads", extra={"unread": unread})
            return False
        return True
