"""A lane's place in its feed: segments come in as they are, and go out cut to the read at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from comparisons.text.feeds import Feed, Segment
from comparisons.text.prompts import Tells, Turn

__all__ = ["Asked", "Cut", "FeedCursor", "Place"]

Place = Literal["front", "start", "text", "within", "between"]
"""In front of all, behind the start token, after a text, within a turn, between two turns."""

_NOTHING: Final = Segment(ids=(), part="start")


_KEPT_TURNS = 1024
"""Of so many turns it is known where they began: questions go a few dozen turns back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A turn whose prompt asks for a fact, and the tokens before the turn that told it."""

    turn: Turn
    told_at: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """Tokens to read, the question to answer after them, and the facts that they tell, each with its end's place."""

    ids: tuple[int, ...]
    asks: Asked | None = None
    told: tuple[tuple[int, Tells], ...] = ()


class FeedCursor:
    """Where a lane is in its feed; a prompt that is to be answered ends a cut.

    Attributes:
        ended: whether the feed has come to its end.
    """

    def __init__(self, feed: Feed, answered: Callable[[Asked, int], bool]) -> None:
        """At the beginning.

        Args:
            feed: the text; it is iterated here and nowhere else.
            answered: whether a question that is read after so many tokens is to be answered; asked once for each.
        """
        self._segments: Iterator[Segment | None] = iter(feed)
        self._answered = answered
        self._segment = _NOTHING
        self._used = 0
        self._tokens = 0
        self._begins: dict[int, int] = {}
        self.ended = False

    def take(self, most: int) -> Cut:
        """Up to `most` tokens, fewer in front of an answer, at the end, and where the feed has no more yet."""
        ids: list[int] = []
        told: list[tuple[int, Tells]] = []
        while len(ids) < most and self._refill():
            segment = self._segment
            fresh = segment.ids[self._used : self._used + most - len(ids)]
            ids.extend(fresh)
            self._used, self._tokens = self._used + len(fresh), self._tokens + len(fresh)
            if self._used == len(segment.ids) and segment.turn is not None:
                asked = self._asked(segment.turn) if segment.part == "prompt" else None
                if asked is not None and self._answered(asked, self._tokens):
                    return Cut(ids=tuple(ids), asks=asked, told=tuple(told))
                if segment.part == "reply" and segment.turn.tells is not None:
                    told.append((len(ids), segment.turn.tells))
        return Cut(ids=tuple(ids), told=tuple(told))

    @property
    def place(self) -> Place:
        """Where a prompt that comes next stands."""
        if self._segment is _NOTHING:
            return "front"
        read = self._used == len(self._segment.ids)
        if self._segment.part == "start" and read:
            return "start"
        if self._segment.part == "text":
            return "text"
        return "between" if self._segment.part == "reply" and read else "within"

    def _asked(self, turn: Turn) -> Asked | None:
        """What the prompt asks for, where it was told in this text."""
        told_at = None if turn.asks is None else self._begins.get(turn.asks)
        return None if told_at is None else Asked(turn=turn, told_at=told_at)

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
            if segment.turn is not None:
                self._begins.setdefault(segment.turn.index, self._tokens)
                self._begins.pop(segment.turn.index - _KEPT_TURNS, None)
        return segment is not None
