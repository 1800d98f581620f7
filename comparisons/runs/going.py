"""What runs of all kinds have in common: lanes in threads of their own, steered, told as frames, and ended."""

from __future__ import annotations

import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, Protocol, Self, TypeVar

from comparisons.runs.frames import Reason, RunState
from comparisons.runs.steering import Steering
from comparisons.runs.worker import join
from streaming.errors import StreamError

__all__ = ["Going", "Tells"]

FrameT = TypeVar("FrameT")
FrameOut = TypeVar("FrameOut", covariant=True)


class Tells(Protocol[FrameOut]):
    """What tells how a run stands."""

    def frame(self) -> FrameOut:
        """As it is now."""

    def rewind(self, seq: int | None) -> None:
        """Tell the next frame to somebody who saw frame `seq` last, or who knows nothing."""

    def ending(self) -> dict[str, object]:
        """How it ended, for the log."""


class Going(ABC, Generic[FrameT]):
    """Lanes in parallel, from start to end; it runs once. Use it as a context manager, so that it ends with the block.

    Attributes:
        id: names the run in its frames.
    """

    def __init__(self, frames_per_second: float, run_id: str | None) -> None:
        """Nothing runs yet.

        Args:
            frames_per_second: how often it is told.
            run_id: names it; by default a name of its own.
        """
        self.id = run_id or uuid.uuid4().hex[:12]
        self._steering = Steering()
        self._threads: list[threading.Thread] = []
        self._period_seconds = 1 / frames_per_second

    @abstractmethod
    def start(self) -> Tells[FrameT]:
        """Open the lanes, and let them go; `close` it then.

        Returns:
            What tells how the run stands.

        Raises:
            StreamError: the run has begun already, or has ended.
        """

    def __enter__(self) -> Self:
        """Nothing yet: see `start` and `frames`."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the run."""
        self.close()

    @property
    def state(self) -> RunState:
        """Whether lanes are at work, held, or at their ends."""
        return self._steering.state

    def pause(self) -> None:
        """Hold all lanes after the read that they are in; running time stands still."""
        self._steering.hold()

    def resume(self) -> None:
        """Let the lanes go on."""
        self._steering.go_on()

    def stop(self, why: Reason = "user") -> None:
        """Ask all lanes to stop. They do within a fraction of a second; the last frame tells of it, and why."""
        self._steering.stop(why)

    def close(self) -> None:
        """Stop, and wait until the threads have ended and the caches are freed."""
        self.stop()
        join(self._threads)
        self._steering.end()

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until all lanes have ended; whether they have."""
        return self._steering.wait_for_end(max(0.0, seconds))

    def frames(self) -> Iterator[FrameT]:
        """Tell the run, a few times per second until it has ended; closing the iterator ends the run.

        Raises:
            StreamError: the run has begun already, or has ended.
        """
        teller = self.start()
        try:
            due = time.monotonic()
            while not self._steering.ended:
                due = max(time.monotonic(), due + self._period_seconds)
                yield teller.frame()
                self.wait(due - time.monotonic())
            yield teller.frame()
        finally:
            self.close()

    def _require_new(self) -> None:
        if self._threads or self._steering.ended:
            raise StreamError("This run has begun already, or has ended: make a new one.")

    def _require_at_work(self) -> None:
        if not self._steering.at_work:
            raise StreamError("There is no run to ask: start one.")

    def _let_go(self, threads: list[threading.Thread]) -> None:
        self._threads = threads
        self._steering.begin()
        for thread in threads:
            thread.start()
