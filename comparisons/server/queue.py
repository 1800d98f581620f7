"""Who may run and who waits: so many slots, and a queue in front of them.

A slot is held from its admission until it is left. While others wait, whoever has had a turn, or has paused for long,
is told to make way. Times are those of a clock that only goes forward.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable
from statistics import fmean
from typing import Literal

from streaming.errors import ServerBusy

__all__ = ["RunQueue", "Slot"]

_LATELY = 20
"""Runs whose length tells how long the next ones may take."""

_PAUSES_AT_MOST = 10
"""A pause may last so many times longer while nobody waits."""


class RunQueue:
    """A server's slots for runs. From any thread."""

    def __init__(
        self,
        runs: int = 4,
        waiting: int = 32,
        *,
        turn_seconds: float = 120.0,
        pause_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """All are free.

        Args:
            runs: how many there are.
            waiting: how many may wait.
            turn_seconds: how long a slot may be kept while others wait.
            pause_seconds: how long a run may pause while others wait.
            clock: seconds.
        """
        self.runs, self.waiting = runs, waiting
        self.turn_seconds, self.pause_seconds = turn_seconds, pause_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._held: list[Slot] = []
        self._queue: list[Slot] = []
        self._lengths: deque[float] = deque(maxlen=_LATELY)

    @property
    def counts(self) -> tuple[int, int]:
        """How many hold a slot, and how many wait."""
        return len(self._held), len(self._queue)

    def enter(self, visitor: str) -> Slot:
        """A slot, or one in the queue; a visitor who has one already goes on in it.

        Raises:
            ServerBusy: as many wait as may.
        """
        slot = Slot(self, visitor)
        with self._changed:
            if not self._take_over(slot):
                if len(self._held) >= self.runs and len(self._queue) >= self.waiting:
                    full = f"All {self.runs} places are taken and {len(self._queue)} others wait"
                    raise ServerBusy(f"{full}: come back in a few minutes.")
                self._queue.append(slot)
            self._admit()
        return slot

    def _take_over(self, slot: Slot) -> bool:
        for line in (self._held, self._queue):
            for index, earlier in enumerate(line):
                if earlier.visitor == slot.visitor:
                    slot.since = earlier.since
                    line[index] = slot
                    self._changed.notify_all()
                    return True
        return False

    def _admit(self) -> None:
        while self._queue and len(self._held) < self.runs:
            slot = self._queue.pop(0)
            slot.since = self._clock()
            self._held.append(slot)
        self._changed.notify_all()

    def _leave(self, slot: Slot) -> None:
        with self._changed:
            if slot in self._held:
                self._held.remove(slot)
                self._lengths.append(self._clock() - slot.since)
            if slot in self._queue:
                self._queue.remove(slot)
            self._admit()

    def _wait(self, slot: Slot, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: slot not in self._queue, seconds)

    def _rough_wait(self, slot: Slot) -> float:
        """As if every run took as long as they did lately, and none longer than a turn."""
        with self._changed:
            usual = min(fmean(self._lengths or [self.turn_seconds]), self.turn_seconds)
            now = self._clock()
            ends = [max(0.0, held.since + usual - now) for held in self._held] or [0.0]
            ahead = self._queue.index(slot) if slot in self._queue else 0
        heapq.heapify(ends)
        for _ in range(ahead):
            heapq.heapreplace(ends, ends[0] + usual)
        return ends[0]


class Slot:
    """One visitor's, held or waited for.

    Attributes:
        visitor: whose it is.
        since: when it was admitted, by the clock of its `RunQueue`.
    """

    def __init__(self, queue: RunQueue, visitor: str) -> None:
        """See `RunQueue.enter`."""
        self.visitor = visitor
        self.since = 0.0
        self._owner = queue
        self._paused_since: float | None = None

    @property
    def held(self) -> bool:
        """Whether its visitor may run."""
        return self in self._owner._held

    @property
    def number(self) -> int:
        """Its number in the queue, from 1; 0 where it is not in the queue (any more)."""
        queue = list(self._owner._queue)
        return queue.index(self) + 1 if self in queue else 0

    @property
    def wait_seconds(self) -> float:
        """Roughly how long it will be until it is held."""
        return self._owner._rough_wait(self)

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until it is no longer in the queue; whether it is held."""
        self._owner._wait(self, seconds)
        return self.held

    def overdue(self, *, paused: bool) -> Literal["turn", "idle"] | None:
        """Why its run should end now, if it should.

        Args:
            paused: whether the run is held at the moment.
        """
        queue, now = self._owner, self._owner._clock()
        if not paused:
            self._paused_since = None
        elif self._paused_since is None:
            self._paused_since = now
        wanted = bool(queue._queue)
        if self._paused_since is not None:
            patience = queue.pause_seconds * (1 if wanted else _PAUSES_AT_MOST)
            return "idle" if now - self._paused_since >= patience else None
        return "turn" if wanted and now - self.since >= queue.turn_seconds else None

    def leave(self) -> None:
        """Give it up, or stop waiting; again is harmless."""
        self._owner._leave(self)
