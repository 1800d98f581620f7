"""One lane: one model under one policy, reading one stream, within its budgets.

A lane is a step machine. `advance` does one small piece of work (reads some tokens, or says one token of an
answer), so whoever drives it decides between the steps about pace, pause and stop. One thread drives a lane;
any thread may take a `snapshot`.

Every token is read teacher-forced. At the end of some prompts the lane also answers, on a
fork of its stream that is dropped afterwards: the stream itself stays on the shared text. Which prompts are
answered depends on the turn's index alone, so that all lanes answer the same ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from comparisons.detokenise import Detokeniser
from comparisons.feeds import Feed, Segment
from comparisons.frames import LaneFrame
from comparisons.journal import Journal, KvUse
from comparisons.limits import Range, check_limits, limited
from comparisons.prompts import Turn
from streaming.errors import SettingsError, StreamError
from streaming.generate import Sampling, decode
from streaming.models import LoadedModel
from streaming.policies import Policy, Stream, open_stream

__all__ = ["Lane", "LaneSettings"]

MIB = 2**20

_ANSWERS_BEFORE_GAPS_GROW = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneSettings:
    """What is equal for all lanes of a run.

    Attributes:
        kv_budget_bytes: a lane stops at the last token whose keys and values fit.
        max_tokens: a lane stops after so many tokens.
        chunk: most tokens in one read.
        perplexity_window: tokens in the sliding perplexity.
        stride: tokens between two points of the curve.
        answers: whether the lanes answer prompts.
        answer_every: turns from one answered prompt to the next at first; later the gaps grow with the stream.
        answer_tokens: longest answer.
    """

    kv_budget_bytes: int = limited(64 * MIB, Range(min=2**16, max=2**36, unit="bytes"))
    max_tokens: int = limited(100_000, Range(min=1, max=10**9, unit="tokens"))
    chunk: int = limited(256, Range(min=1, max=4096, unit="tokens"))
    perplexity_window: int = limited(256, Range(min=16, max=65_536, unit="tokens"))
    stride: int = limited(32, Range(min=1, max=100_000, unit="tokens"))
    answers: bool = True
    answer_every: int = limited(3, Range(min=1, max=1000, unit="turns"))
    answer_tokens: int = limited(60, Range(min=1, max=200, unit="tokens"))

    def __post_init__(self) -> None:
        """Refuse what is out of range or of the wrong type."""
        check_limits(self)
        if not isinstance(self.answers, bool):
            raise SettingsError(f"answers must be True or False, not {type(self.answers).__name__}.")


class Lane:
    """A stream under one policy, read step by step.

    Attributes:
        label: the policy's, the lane's key in frames.
        journal: what has been measured.
        bytes_per_token: of keys and values in this lane's cache; 0 where it keeps none, and before it is
        open.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        policy: Policy,
        feed: Feed,
        settings: LaneSettings,
        clock: Callable[[], float],
    ) -> None:
        """Take the parts; nothing is opened or read yet.

        Args:
            loaded: the model.
            policy: what the lane's KV cache holds.
            feed: the text; the lane iterates it by itself.
            settings: budgets and measurements.
            clock: running seconds of the run, pauses not counted.
        """
        self.label = policy.label
        self.journal = Journal(
            policy=_named(policy),
            milestones=_milestones(loaded, policy),
            window=settings.perplexity_window,
            stride=settings.stride,
            tokenizer=loaded.tokenizer,
            clock=clock,
        )
        self._loaded, self._policy, self._settings = loaded, policy, settings
        self._source = _Source(iter(feed), self._answers)
        self._stream: Stream | None = None
        self._answer: _Answer | None = None
        self.bytes_per_token = 0

    def open(self) -> None:
        """Open the stream, and try it with one token that leaves no trace.

        Raises:
            StreamingError: where this model cannot be read under this policy.
        """
        self._stream = open_stream(self._loaded, self._policy, chunk=self._settings.chunk)
        self.bytes_per_token = _bytes_per_token(self._stream)

    def close(self) -> None:
        """Free the stream and the fork, if there is one; measurements stay."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @property
    def ended(self) -> bool:
        """Whether the lane has stopped or failed."""
        return self.journal.ended

    @property
    def answering(self) -> bool:
        """Whether the next step is a token of an answer."""
        return self._answer is not None

    def snapshot(self, points_from: int) -> LaneFrame:
        """The lane as it is now; see `Journal.snapshot`."""
        return self.journal.snapshot(points_from)

    def advance(self, most: int) -> int:
        """One step: read up to `most` tokens, or say the next token of an answer.

        Returns:
            How many tokens were read: 0 for a token of an answer, or where the lane has come to its end.

        Raises:
            StreamingError: where the stream cannot go on. What else a model raises comes through unchanged.
        """
        if self.ended:
            return 0
        if self._answer is not None:
            self._speak()
            return 0
        return self._read(most)

    def _read(self, most: int) -> int:
        self._check_budgets()
        if self.ended:
            return 0
        self.journal.set_status("reading")
        ids, turn = self._source.take(min(most, self._settings.chunk, self._room()))
        if not ids:
            self.journal.end("stopped", "end-of-text")
            return 0
        self._measure(ids)
        self._check_budgets()
        if turn is not None and not self.ended:
            self._answer = _Answer(self._loaded, self._stream, self._kv_room(self._settings.answer_tokens))
            self.journal.begin_answer(turn)
        return len(ids)

    def _measure(self, ids: tuple[int, ...]) -> None:
        began = time.perf_counter()
        nats = self._stream.read(ids).double().cpu().numpy()
        work_seconds = time.perf_counter() - began
        if np.isnan(nats[0 if self.journal.tokens else 1 :]).any():
            raise StreamError(f"The model gives no number (NaN) near token {self.journal.tokens}: load it in float32.")
        self.journal.add_read(ids, nats, work_seconds, self._kv_use())

    def _kv_use(self) -> KvUse:
        stream, each = self._stream, self.bytes_per_token
        return KvUse(
            bytes=stream.nbytes,
            allocated_bytes=stream.allocated_nbytes,
            tokens=stream.nbytes // each if each else 0,
            bytes_per_token=each,
        )

    def _room(self) -> int:
        """Tokens that may still be read."""
        return self._kv_room(self._settings.max_tokens - self.journal.tokens)

    def _kv_room(self, wanted: int) -> int:
        """How many of so many tokens fit into the budget for keys and values."""
        each, budget = self.bytes_per_token, self._settings.kv_budget_bytes
        capacity = self._policy.budget
        if each == 0 or (capacity is not None and capacity * each <= budget):
            return wanted
        return min(wanted, (budget - self._stream.nbytes) // each)

    def _check_budgets(self) -> None:
        if self.journal.tokens >= self._settings.max_tokens:
            self.journal.end("stopped", "tokens")
        elif self._room() <= 0:
            self.journal.end("stopped", "kv-budget")

    def _answers(self, turn: Turn) -> bool:
        return self._settings.answers and _is_answered(turn.index, self._settings.answer_every)

    def _speak(self) -> None:
        self.journal.set_status("answering")
        done = self._answer.step()
        self.journal.say(self._answer.text, done=done)
        if done:
            self._answer.close()
            self._answer = None


class _Source:
    """The feed's segments, cut to measure; a prompt that is to be answered ends a cut."""

    def __init__(self, segments: Iterator[Segment], answered: Callable[[Turn], bool]) -> None:
        self._segments = segments
        self._answered = answered
        self._segment: Segment | None = None
        self._used = 0

    def take(self, most: int) -> tuple[tuple[int, ...], Turn | None]:
        """Up to `most` tokens, fewer in front of an answer and at the end, and the turn to answer then."""
        ids: list[int] = []
        while len(ids) < most and self._refill():
            fresh = self._segment.ids[self._used : self._used + most - len(ids)]
            ids.extend(fresh)
            self._used += len(fresh)
            if self._used == len(self._segment.ids) and self._to_answer(self._segment):
                return tuple(ids), self._segment.turn
        return tuple(ids), None

    def _refill(self) -> bool:
        if self._segment is None or self._used == len(self._segment.ids):
            self._segment, self._used = next(self._segments, None), 0
        return self._segment is not None

    def _to_answer(self, segment: Segment) -> bool:
        return segment.part == "prompt" and segment.turn is not None and self._answered(segment.turn)


class _Answer:
    """A greedy continuation on a fork, one token at a time, to the end of the line."""

    def __init__(self, loaded: LoadedModel, stream: Stream, most: int) -> None:
        end = loaded.tokenizer.eos_token_id
        self._fork = stream.fork()
        self._tokens = decode(self._fork, sampling=Sampling(), max_tokens=most, stop=() if end is None else (end,))
        self._detokeniser = Detokeniser(loaded.tokenizer)
        self._said = ""

    @property
    def text(self) -> str:
        """What was said, up to the end of its line."""
        return self._said.partition("\n")[0].strip()

    def step(self) -> bool:
        """Say one token more; True when the answer is complete."""
        token = next(self._tokens, None)
        if token is None:
            return True
        self._said += self._detokeniser.push(token)
        return "\n" in self._said

    def close(self) -> None:
        """Drop the fork."""
        self._tokens.close()
        self._fork.close()


def _is_answered(index: int, every: int) -> bool:
    """Every `every`-th turn at first; each time the stream has doubled, the gaps double.

    Saying a token takes as long as reading dozens. So a slow reader finds answers often, and a fast one, who comes
    far, spends little time on them; yet it depends on nothing but the turn.
    """
    gap = every
    while index >= _ANSWERS_BEFORE_GAPS_GROW * gap:
        gap *= 2
    return index % gap == 0


def _bytes_per_token(stream: Stream) -> int:
    """A cache knows its size when it holds something."""
    fork = stream.fork()
    try:
        fork.read([0])
        return fork.bytes_per_token
    finally:
        fork.close()


def _named(policy: Policy) -> dict[str, str | int]:
    return {
        "label": policy.label,
        "kind": policy.kind,
        "sinks": policy.sinks,
        "recent": policy.recent or 0,
    }


def _milestones(loaded: LoadedModel, policy: Policy) -> dict[str, int]:
    """The training length, and the first token that no longer finds everything in the cache."""
    milestones = {"training-length": loaded.context}
    if policy.budget is not None:
        milestones["first-eviction"] = policy.budget + 1
    return milestones
