"""One lane's thread: it reads the history, answers turn after turn, and ends, whatever happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from comparisons.runs.cores import Cores
from comparisons.runs.dialogue.frames import DialogueLaneFrame, DialogueReason, DialogueStatus
from comparisons.runs.dialogue.lane import DialogueLane
from comparisons.runs.dialogue.records import TurnRecord
from comparisons.runs.dialogue.settings import DialogueSettings
from comparisons.runs.dialogue.turns import Turns
from comparisons.runs.interrupt import Interrupted, interruptible
from comparisons.runs.lane.budget import Budget
from comparisons.runs.settings import LiveSettings
from comparisons.runs.steering import Steering
from comparisons.runs.worker import failure
from comparisons.text.requests import Request
from streaming.policy import Policy

__all__ = ["Answered", "Speaker"]

_LOG = logging.getLogger(__name__)

Answered = tuple[Request, str]
"""A turn that was answered before: what was asked, and what was said."""


@dataclass(eq=False, kw_only=True)
class Speaker:
    """What drives one lane of a dialogue.

    Attributes:
        policy: the lane's.
        settings: the dialogue's.
        live: what may be changed while it goes.
        steering: what the dialogue's lanes are told.
        turns: what is asked.
        history: what was answered before.
        open: opens the lane.
        budget: what the lane may hold, once it is open.
        cores: entered for each token.
        ended: called at the end.
        status: what the lane is at.
        reason: why it ended, once it has.
        message: the words of an error.
        heard: turns of the history that it has read.
    """

    policy: Policy
    settings: DialogueSettings
    live: LiveSettings
    steering: Steering
    turns: Turns
    history: Sequence[Answered]
    open: Callable[[], tuple[DialogueLane, Budget]]
    cores: Cores
    ended: Callable[[], None]
    status: DialogueStatus = field(default="waiting", init=False)
    reason: DialogueReason | None = field(default=None, init=False)
    message: str = field(default="", init=False)
    heard: int = field(default=0, init=False)
    bytes_per_token: int = field(default=0, init=False)
    _lane: DialogueLane | None = field(default=None, init=False)

    @property
    def records(self) -> Sequence[TurnRecord]:
        """Of the turns that it has answered."""
        return self._lane.records if self._lane else ()

    def frame(self, start: int) -> DialogueLaneFrame:
        """The lane as it is now, with its turns from the `start`-th on; the caller judges whether it broke."""
        lane, records = self._lane, self.records
        done = len(records)
        return DialogueLaneFrame(
            label=self.policy.label,
            kind=self.policy.kind,
            sinks=self.policy.sinks,
            recent=self.policy.recent or 0,
            status="paused" if self.status == "answering" and self.steering.state == "paused" else self.status,
            reason=self.reason,
            message=self.message,
            heard=self.heard,
            done=done,
            tokens=lane.tokens if lane else 0,
            kv_bytes=lane.kv_bytes if lane else 0,
            cache_tokens=lane.cache_tokens if lane else 0,
            broke=None,
            saying=lane.saying if lane else None,
            turns={"from": min(start, done), "items": list(records[start:done])},
        )

    def thread(self) -> threading.Thread:
        """Open the lane; what is to drive it, not started yet."""
        budget: Budget | None = None
        try:
            with self.cores:
                self._lane, budget = self.open()
            self.bytes_per_token = budget.bytes_per_token
        except Exception as error:
            self._fail(error)
        return threading.Thread(target=self._work, args=(budget,), name=self.policy.label, daemon=True)

    def _work(self, budget: Budget | None) -> None:
        """The thread, from the first token to the last."""
        torch.set_num_threads(self.settings.threads)
        try:
            if self._lane is not None and budget is not None:
                with self.cores.lane(), interruptible(lambda: self.steering.stopping):
                    self._end("stopped", self._talk(self._lane, budget))
        except Interrupted:
            self._end("stopped", self.steering.why)
        except BaseException as error:  # there is nobody above a thread to tell
            self._fail(error)
        finally:
            if self._lane is not None:
                self._lane.close()
            if budget is not None:
                budget.free()
            self.turns.leave(self.policy.label)
            self.ended()

    def _talk(self, lane: DialogueLane, budget: Budget) -> DialogueReason:
        """Hear the history, then answer turn after turn; why it ended."""
        self.status = "hearing"
        for request, answer in self.history:
            if (why := self._why_not(budget, lane.length(request, answer))) is not None:
                return why
            with self.cores:
                lane.hear(request, answer)
            self.heard += 1
            self._hold()
        for turn in range(self.settings.turns):
            self.status = "waiting"
            asked = self.turns.come(self.policy.label, turn, lambda: self.steering.stopping)
            if asked is None:
                return self.steering.why
            if (why := self._why_not(budget, lane.length(asked) + self.settings.answer_tokens)) is not None:
                return why
            self.status = "answering"
            self._answer(lane.answer(asked, turn + len(self.history)))
            if self.steering.stopping:
                return self.steering.why
        return "turns"

    def _why_not(self, budget: Budget, tokens: int) -> DialogueReason | None:
        """Why so many more tokens cannot be read, if they cannot."""
        if self.steering.stopping:
            return self.steering.why
        if self.steering.clock.seconds() >= self.settings.max_seconds:
            return "seconds"
        if budget.room(tokens) < tokens:
            return "kv-budget"
        return None if budget.hold_reading(tokens) else "memory"

    def _answer(self, pieces: Iterator[str]) -> None:
        """Token by token, each in its turn on a core, at the pace that is set."""
        due = self.steering.clock.seconds()
        while not self.steering.stopping:
            with self.cores:
                if next(pieces, None) is None:
                    return
            self._hold()
            if self.live.pace is not None:
                due = max(due + 1 / self.live.pace, self.steering.clock.seconds())
                self.steering.rest(due - self.steering.clock.seconds())

    def _hold(self) -> None:
        if not self.steering.going:
            self.steering.wait_while_held(lambda: False)

    def _end(self, status: DialogueStatus, reason: DialogueReason, message: str = "") -> None:
        self.status, self.reason, self.message = status, reason, message

    def _fail(self, error: BaseException) -> None:
        tokens = self._lane.tokens if self._lane else 0
        _LOG.error("Lane %s failed after %d tokens.", self.policy.label, tokens, exc_info=error)
        self._end("failed", "error", failure(error, tokens))
