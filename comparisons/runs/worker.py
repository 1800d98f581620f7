"""One lane's thread: it opens the lane, drives it step by step, and ends it, whatever happens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import torch

from comparisons.runs.cores import Cores
from comparisons.runs.interrupt import Interrupted, interruptible
from comparisons.runs.lane.journal import Journal
from comparisons.runs.lane.lane import Lane
from comparisons.runs.lane.replies import Replies
from comparisons.runs.pacing import TICK_SECONDS, Pacer
from comparisons.runs.settings import LiveSettings, RunSettings
from comparisons.runs.steering import Steering
from streaming.errors import StreamingError

__all__ = ["Worker", "failure", "join"]

_LOG = logging.getLogger(__name__)

_JOIN_SECONDS = 30.0
"""How long to wait for a thread inside a read that cannot be interrupted, before giving it up in the log."""


_LONG_READ_SECONDS = 0.05
"""From there on a read gains by more threads."""


@dataclass(eq=False, kw_only=True)
class Worker:
    """What drives one lane of a run.

    Attributes:
        name: of its thread and in the log.
        settings: the run's.
        live: what may be changed while it goes.
        steering: what the run's lanes are told.
        journal: the lane's.
        replies: the lane's.
        open: opens the lane.
        cores: entered for each piece of work.
        ended: called at the end.
        bytes_per_token: of the lane's keys and values; 0 before it is open.
    """

    name: str
    settings: RunSettings
    live: LiveSettings
    steering: Steering
    journal: Journal
    replies: Replies
    open: Callable[[], Lane]
    cores: Cores
    ended: Callable[[], None]
    bytes_per_token: int = field(default=0, init=False)

    def thread(self) -> threading.Thread:
        """Open the lane; what is to drive it, not started yet."""
        lane = self._opened()
        if lane is not None:
            self.bytes_per_token = lane.budget.bytes_per_token
        return threading.Thread(target=self._work, args=(lane,), name=self.name, daemon=True)

    def _opened(self) -> Lane | None:
        try:
            with self.cores:
                return self.open()
        except Exception as error:
            self._fail(error)
            return None

    def _work(self, lane: Lane | None) -> None:
        """The thread, from the first token to the last."""
        torch.set_num_threads(self.settings.threads or 1)
        try:
            if lane is not None:
                with self.cores.lane(), interruptible(lambda: self.steering.stopping):
                    self._drive(lane)
        except BaseException as error:  # there is nobody above a thread to tell
            self._fail(error)
        finally:
            if lane is None:
                self.replies.close()
            else:
                lane.close()
            self.ended()

    def _drive(self, lane: Lane) -> None:
        steering, pacer = self.steering, Pacer(self.steering.clock)
        while not lane.ended:
            if steering.stopping:
                lane.journal.end("stopped", steering.why)
            elif steering.clock.seconds() >= self.settings.max_seconds:
                lane.journal.end("stopped", "seconds")
            else:
                with suppress(Interrupted):
                    self._step(lane, pacer)

    def _step(self, lane: Lane, pacer: Pacer) -> None:
        if lane.replies.wanted and not (self.steering.going and pacer.overdue):
            self._reply(lane, pacer)
        elif not self.steering.going:
            self._hold(lane)
        elif lane.answering:
            with self._turn() as goes_on:
                if goes_on:
                    lane.advance(1)
        else:
            self._read(lane, pacer)

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """A core to work on; whether there still is work: the run may be stopped while a lane waits for its turn."""
        with self.cores:
            yield not self.steering.stopping

    def _hold(self, lane: Lane) -> None:
        lane.journal.set_status("paused")
        self.steering.wait_while_held(lambda: lane.replies.wanted)
        if self.steering.going:
            lane.journal.set_status("reading")

    def _reply(self, lane: Lane, pacer: Pacer) -> None:
        """One step of a lane's reply to a visitor; what goes wrong in it is told there and ends nothing else."""
        if self.steering.going:
            lane.journal.set_status("answering")
        try:
            with self._turn() as goes_on:
                if goes_on:
                    lane.reply(min(pacer.most(hurried=True), self.settings.chunk))
        except Interrupted:
            raise
        except Exception as error:
            tokens = lane.journal.tokens
            _LOG.error("Lane %s cannot reply after %d tokens.", self.name, tokens, exc_info=error)
            lane.replies.decline(failure(error, tokens))

    def _read(self, lane: Lane, pacer: Pacer) -> None:
        pace = self.live.pace_at(lane.journal.tokens, lane.loaded.context)
        due = pacer.due(pace, self.settings.chunk, hurried=self.cores.crowded or lane.replies.wanted)
        if due == 0:
            if not lane.replies.wanted:
                self.steering.rest(pacer.wait_seconds(pace))
            return
        with self._turn() as goes_on:
            if not goes_on:
                return
            self._set_threads(pacer.read_seconds)
            began = time.perf_counter()
            read = lane.advance(due)
            pacer.took(read, time.perf_counter() - began, pace)
        if not read and not lane.ended:  # the feed has nothing yet
            self.steering.rest(TICK_SECONDS)

    def _set_threads(self, read_seconds: float) -> None:
        """Of torch, in this thread: those that find no free core spin, and short reads gain nothing by them."""
        if self.settings.threads is None:
            threads = self.cores.share if read_seconds > _LONG_READ_SECONDS else 1
            if threads != torch.get_num_threads():
                torch.set_num_threads(threads)

    def _fail(self, error: BaseException) -> None:
        tokens = self.journal.tokens
        _LOG.error("Lane %s failed after %d tokens.", self.name, tokens, exc_info=error)
        self.journal.end("failed", "error", failure(error, tokens))


def join(threads: list[threading.Thread]) -> None:
    """Wait until these have ended; one that is stuck is left behind, in the log."""
    for thread in threads:
        if thread.is_alive():
            thread.join(_JOIN_SECONDS)
        if thread.is_alive():
            _LOG.error("Lane %s is stuck in a read and was left behind.", thread.name)


def failure(error: BaseException, tokens: int) -> str:
    """What a visitor is told of an error."""
    if _out_of_memory(error):
        return f"There was no memory left after {tokens:,} tokens: lower the memory budget, or stop other runs."
    if isinstance(error, StreamingError):
        return str(error)
    return f"The model failed after {tokens:,} tokens ({type(error).__name__}): the log says more."


def _out_of_memory(error: BaseException) -> bool:
    """Python's own, an accelerator's, or that of torch's CPU allocator, which raises a plain RuntimeError."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
