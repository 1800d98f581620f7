"""Where each frame of a run begins: where the one before the last ended, so that losing one loses nothing."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["KEPT_FRAMES", "Overlap"]

KEPT_FRAMES = 512
"""Of so many frames it is known where they ended, for a reader who comes back."""

Ends = TypeVar("Ends")


class Overlap(Generic[Ends]):
    """Of one run, for one reader at a time; the reader may be another in the end.

    Attributes:
        nothing: the ends of a frame that tells nothing.
        start: where the next frame begins.
        seq: its number.
        with_header: whether it carries the header.
    """

    def __init__(self, nothing: Ends) -> None:
        """Nothing is told yet."""
        self.nothing = self.start = self._known = nothing
        self.seq, self.with_header = 0, True
        self._ends: dict[int, Ends] = {}

    def told(self, ends: Ends) -> None:
        """That a frame was told, and where what grows ended in it."""
        self.start, self._known = self._known, ends
        self._ends[self.seq] = ends
        self._ends.pop(self.seq - KEPT_FRAMES, None)
        self.seq, self.with_header = self.seq + 1, False

    def rewind(self, seq: int | None) -> None:
        """Tell the next frame to somebody who saw frame `seq` last, or who knows nothing: it carries the header."""
        self.with_header = True
        self.start = self._known = self.nothing if seq is None else self._ends.get(seq, self.nothing)
