"""Whether anybody reads what is told: a run goes on for who takes it, and is kept a while for who is away.

A lost connection says nothing: what is told piles up, or nobody asks on. So what counts is when something was last
taken. Gradio may also drop a call half-way and keep what it was iterating; that is the same to us.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Audience", "Patience"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a run waits for a visitor who does not read.

    Attributes:
        hold_seconds: after so long its lanes are held, so that they work for nobody.
        grace_seconds: after so long it ends.
    """

    hold_seconds: float = 5.0
    grace_seconds: float = 40.0


class Audience:
    """The readers of one session, of whom the latest counts. From any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody has come yet.

        Args:
            clock: seconds.
        """
        self._clock = clock
        self._reader = 0
        self._told = self._taken = 0
        self._since = clock()

    def enter(self) -> int:
        """A reader comes, in the place of an earlier one; the number to know them by."""
        self._reader += 1
        self._since = self._clock()
        return self._reader

    def reads(self, reader: int) -> bool:
        """Whether this reader is the latest."""
        return reader == self._reader

    def tell(self) -> None:
        """One more message goes out."""
        self._told += 1

    def ask_on(self, unread: int) -> None:
        """The reader asks for the next message, while so many lie ready and were not taken."""
        taken = self._told - unread
        if not unread or taken > self._taken:
            self._taken, self._since = taken, self._clock()

    @property
    def away_seconds(self) -> float:
        """How long nothing was taken."""
        return self._clock() - self._since
