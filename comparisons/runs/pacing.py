"""How fast a lane reads: the run's clock, and how many tokens a lane may take at once."""

from __future__ import annotations

import threading
import time

__all__ = ["TICK_SECONDS", "Pacer", "RunClock", "story_pace"]

TICK_SECONDS = 0.1
"""How often a lane at a set pace reads: a slow pace token by token, a fast one some at a time, which costs less."""

_LONGEST_READ_SECONDS = 2.0
"""How long one read should take, so that a pause is kept and curves move; a stop does not wait for its end."""

_HURRIED_READ_SECONDS = 0.2
"""How long while others wait: lanes for their turn, or a visitor for the rest of an answer."""

_GROWTH = 8
"""A read may be so many times longer than the one before: a lane begins with a token, and soon reads a full chunk."""

_EASILY = 2.0
"""A lane whose reads are so many times faster than its pace may read less at a time."""

_CATCH_UP_SECONDS = 0.5
"""How much reading a lane that was held up may make good at once."""

_LONGEST_REPLY_SECONDS = 0.5
"""How long a lane may reply to a visitor before it reads again: questions without end hold nothing up."""

_STORY_QUICK, _STORY_SLOW = 100.0, 10.0
"""Tokens per second of the story's pace: on the way, and where something happens."""

_STORY_BEFORE, _STORY_AFTER = 48, 200
"""Tokens around the training length that are told slowly: what is measured over 256 tokens has moved by then."""


def story_pace(tokens: int, context: int) -> float:
    """The pace that lingers where a dense cache leaves its training length.

    Args:
        tokens: read so far.
        context: training length, in tokens.
    """
    return _STORY_SLOW if -_STORY_BEFORE <= tokens - context < _STORY_AFTER else _STORY_QUICK


class RunClock:
    """Running time: seconds since the start, without the pauses."""

    def __init__(self) -> None:
        """At 0, standing still."""
        self._lock = threading.Lock()
        self._before = 0.0
        self._since: float | None = None

    def seconds(self) -> float:
        """Since the start."""
        with self._lock:
            return self._before if self._since is None else self._before + time.monotonic() - self._since

    def go(self) -> None:
        """Start, or go on."""
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()

    def hold(self) -> None:
        """Stand still."""
        with self._lock:
            if self._since is not None:
                self._before += time.monotonic() - self._since
                self._since = None


class Pacer:
    """How many tokens a lane may read now, for the pace asked for and by the time that its reads take.

    A lane at a set pace reads a tick's worth at a time. Where that takes longer than the tick, as with a large model
    that reads a few tokens hardly faster than many, the tick grows until the lane keeps its pace, or goes as fast as it
    can.
    """

    def __init__(self, clock: RunClock) -> None:
        """From the clock's present on."""
        self._clock = clock
        self._looked = clock.seconds()
        self._due = 1.0
        self._missing = 0.0
        self._asked_at = time.monotonic()
        self._most, self._rate = 1, 0.0
        self._tick = TICK_SECONDS
        self.read_seconds = 0.0

    def most(self, *, hurried: bool) -> int:
        """Tokens that may be read at once."""
        return min(self._most, max(1, int(self._rate * _HURRIED_READ_SECONDS))) if hurried else self._most

    def due(self, pace: float | None, chunk: int, *, hurried: bool = False) -> int:
        """Tokens to read now; 0 to wait until a tick's worth of them, one at least, is due."""
        self._asked_at = time.monotonic()
        most = min(chunk, self.most(hurried=hurried))
        if pace is None:
            return most
        now = self._clock.seconds()
        most_due = max(1.0, pace * max(_CATCH_UP_SECONDS, 2 * self._tick))
        self._due = min(self._due + (now - self._looked) * pace, most_due)
        self._looked = now
        self._missing = max(1.0, min(most, pace * self._tick)) - self._due
        return min(most, int(self._due)) if self._missing <= 0 else 0

    @property
    def overdue(self) -> bool:
        """Whether it is long ago that anybody wanted to read."""
        return time.monotonic() - self._asked_at > _LONGEST_REPLY_SECONDS

    def wait_seconds(self, pace: float | None) -> float:
        """How long to wait after `due` was 0; no longer than a tick, since the pace may change."""
        return TICK_SECONDS if pace is None else min(TICK_SECONDS, self._missing / pace)

    def took(self, tokens: int, seconds: float, pace: float | None = None) -> None:
        """What a read took, to know how long the next may be."""
        self._due = max(0.0, self._due - tokens)
        if not tokens:
            return
        self.read_seconds, self._rate = seconds, tokens / max(seconds, 1e-9)
        self._most = max(1, self._most // 2, min(_GROWTH * self._most, int(self._rate * _LONGEST_READ_SECONDS)))
        if pace is not None:
            keeps_pace = self._rate > _EASILY * pace
            tick = self._tick / 2 if keeps_pace else 2 * self._tick if self._rate < pace else self._tick
            self._tick = min(_LONGEST_READ_SECONDS, max(TICK_SECONDS, tick))
