"""A lane's place in its feed: segments come in as they are, and go out cut to the read at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from comparisons.text.feeds import Feed, Segment
from comparisons.text.prompts import Tells, Turn

__all__ = ["Cut", "FeedCursor"]

_NOTHING: Final = Segment(ids=(), part="start")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """Tokens to read, the turn to answer after them, and the facts that they tell, each with its end's place."""

    ids: tuple[int, ...]
    asks: Turn | None = None
    told: tuple[tuple[int, Tells], ...] = ()


class FeedCursor:
    """Where a lane is in its feed; a prompt that is to be answered ends a cut.

    Attributes:
        ended: whether the feed has come to its end.
    """

    def __init__(self, feed: Feed, answered: Callable[[Turn], bool]) -> None:
        """At the beginning.

        Args:
            feed: the text; it is iterated here and nowhere else.
            answered: whether the prompt of a turn is to be answered.
        """
        self._segments: Iterator[Segment | None] = iter(feed)
        self._answered = answered
        self._segment = _NOTHING
        self._used = 0
        self.ended = False

    def take(self, most: int) -> Cut:
        """Up to `most` tokens, fewer in front of an answer, at the end, and where the feed has no more yet."""
        ids: list[int] = []
        told: list[tuple[int, Tells]] = []
        while len(ids) < most and self._refill():
            segment = self._segment
            fresh = segment.ids[self._used : self._used + most - len(ids)]
            ids.extend(fresh)
            self._used += len(fresh)
            if self._used == len(segment.ids) and segment.turn is not None:
                if segment.part == "prompt" and self._answered(segment.turn):
                    return Cut(ids=tuple(ids), asks=segment.turn, told=tuple(told))
                if segment.part == "reply" and segment.turn.tells is not None:
                    told.append((len(ids), segment.turn.tells))
        return Cut(ids=tuple(ids), told=tuple(told))

    def before_prompt(self, start_token: int | None, blank_line: tuple[int, ...]) -> tuple[int, ...]:
        """What to read before a prompt that comes next: the start token in front of all, the end of an open turn."""
        if self._segment is _NOTHING:
            return () if start_token is None else (start_token,)
        between = self._used == len(self._segment.ids) and self._segment.part in ("start", "reply")
        return () if between else blank_line

    def _refill(self) -> bool:
        """Whether there is something to take; a feed that has nothing yet is asked again another time."""
        if self._used < len(self._segment.ids):
            return True
        if self.ended:
            return False
        try:
            segment = next(self._segments)
        except StopIteration:
            self.ended = True
            return False
        if segment is not None:
            self._segment, self._used = segment, 0
        return segment is not None
