"""What the lanes of a run are told: to go, to hold, to stop; and the run's clock, which stands still in a pause."""

from __future__ import annotations

import threading
from collections.abc import Callable

from comparisons.runs.frames import Reason, RunState
from comparisons.runs.pacing import TICK_SECONDS, RunClock

__all__ = ["Steering"]


class Steering:
    """Of one run. From any thread.

    Attributes:
        clock: running time.
        why: why the run was stopped, once it was.
    """

    def __init__(self) -> None:
        """The run has not begun."""
        self.clock = RunClock()
        self.why: Reason = "user"
        self._begun = False
        self._going = threading.Event()
        self._stopping = threading.Event()
        self._ended = threading.Event()

    @property
    def state(self) -> RunState:
        """Whether lanes are at work, held, or at their ends."""
        if self.ended:
            return "finished"
        return "running" if self.going or not self._begun else "paused"

    @property
    def going(self) -> bool:
        """Whether lanes may read."""
        return self._going.is_set()

    @property
    def stopping(self) -> bool:
        """Whether lanes are to end."""
        return self._stopping.is_set()

    @property
    def ended(self) -> bool:
        """Whether all lanes have ended."""
        return self._ended.is_set()

    @property
    def at_work(self) -> bool:
        """Whether lanes read, are held, or may be asked."""
        return self._begun and not self.stopping and not self.ended

    def begin(self) -> None:
        """Let the lanes go for the first time."""
        self._begun = True
        self.clock.go()
        self._going.set()

    def hold(self) -> None:
        """Hold all lanes after the read that they are in; running time stands still."""
        if self.at_work:
            self._going.clear()
            self.clock.hold()

    def go_on(self) -> None:
        """Let held lanes go on."""
        if self.at_work:
            self.clock.go()
            self._going.set()

    def stop(self, why: Reason) -> None:
        """Tell the lanes to end; the first reason is the one that counts."""
        if not self.stopping:
            self.why = why
        self._stopping.set()
        self._going.set()

    def end(self) -> None:
        """All lanes have ended."""
        self.clock.hold()
        self._ended.set()

    def wait_while_held(self, unless: Callable[[], bool]) -> None:
        """Wait until lanes may go on, are to end, or there is something else to do."""
        while not (self._going.wait(TICK_SECONDS) or self.stopping or unless()):
            pass

    def rest(self, seconds: float) -> None:
        """Wait for so long, or until lanes are to end."""
        self._stopping.wait(seconds)

    def wait_for_end(self, seconds: float) -> bool:
        """Wait for so long, or until all lanes have ended; whether they have."""
        return self._ended.wait(seconds)
