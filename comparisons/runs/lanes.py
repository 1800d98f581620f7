"""One lane: one model under one policy, reading one stream, within its budgets.

A lane is a step machine. `advance` does one small piece of work (reads some tokens, or says one token of an
answer), so whoever drives it decides between the steps about pace, pause and stop. One thread drives a lane;
any thread may take a `snapshot`, or `ask`.

Every token is read teacher-forced. At the end of some prompts the lane also answers, on a
fork of its stream that is dropped afterwards: the stream itself stays on the shared text. Which prompts are
answered depends on the turn's index alone, so that all lanes answer the same ones.

A visitor's question is answered in the same way, on a fork of the stream as it is when the lane takes the question
up: between two steps, by `reply`. A lane that has ended has freed its cache; it answers nothing, and says so. A dense
lane at the end of its memory budget has no room for a question either, and an answer ends where the budget does.

Lanes of many runs may share one `KvMemory`. A lane holds its bytes of it before it allocates them, forks included;
where there are none left it ends, with the reason "memory". A lane whose cache is bounded holds the most that it can
ever need from the start, so that no dense lane takes it away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from comparisons.limits import Range, check_limits, limited
from comparisons.runs.answers import Answer, Reply
from comparisons.runs.frames import LaneFrame, SinkShareFrame, Unanswered
from comparisons.runs.journal import Journal, KvUse
from comparisons.runs.memory import KvMemory
from comparisons.runs.questions import Inbox, Question
from comparisons.text.feeds import Feed, Segment
from comparisons.text.prompts import Tells, Turn
from streaming.errors import SettingsError, StreamError
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.share import SinkShare
from streaming.stream import Stream, open_stream

__all__ = ["Lane", "LaneSettings"]

MIB = 2**20

_ANSWERS_BEFORE_GAPS_GROW = 16

_SPARE_TOKENS = 16
"""A cache's tensors have room for at most so many tokens more than it holds, and for a fourth of them."""

_FORKS = 2
"""Of a stream at the same time: an answer, and a reply to a visitor."""

_END = object()

_SHARE_EVERY_SECONDS = 1.0
"""How often the attention on the first tokens is looked at."""

_SHARE_QUERIES = 16
"""Of so many of a read's last tokens, so that a look costs next to nothing."""

_FIRST_TOKENS = 4
"""How many first tokens a policy without sinks is asked about: as many as StreamingLLM keeps by default."""


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
        memory: KvMemory | None = None,
    ) -> None:
        """Take the parts; nothing is opened or read yet.

        Args:
            loaded: the model.
            policy: what the lane's KV cache holds.
            feed: the text; the lane iterates it by itself.
            settings: budgets and measurements.
            clock: running seconds of the run, pauses not counted.
            memory: what this lane shares with others; by default there is no limit but its own budget.
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
        self._share = (memory or KvMemory()).share()
        self._stream: Stream | None = None
        self._answer: Answer | None = None
        self._inbox = Inbox()
        self._reply: Reply | None = None
        self._share_next = 0.0
        self._reserved = 0
        self.bytes_per_token = 0

    def open(self) -> None:
        """Open the stream, and try it with one token that leaves no trace.

        Raises:
            StreamingError: where this model cannot be read under this policy.
        """
        self._stream = open_stream(self._loaded, self._policy, chunk=self._settings.chunk)
        self.bytes_per_token = _bytes_per_token(self._stream)
        if self._policy.budget is not None:
            self._reserved = (1 + _FORKS) * self._needs(0)
        self._holds(0)  # where there is too little, the first read says so

    def close(self) -> None:
        """Free the stream and the forks, if there are any; measurements stay. A visitor who waits is told."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None
        if self._reply is not None:
            self._end_reply()
        late = self._inbox.close()
        if late is not None:
            self._refuse(late)
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._share.free()

    @property
    def ended(self) -> bool:
        """Whether the lane has stopped or failed."""
        return self.journal.ended

    @property
    def answering(self) -> bool:
        """Whether the next step is a token of an answer."""
        return self._answer is not None

    @property
    def asked(self) -> bool:
        """Whether a visitor waits for an answer, or for the rest of one."""
        return self._inbox.full or self._reply is not None

    def ask(self, question: Question) -> None:
        """Put a visitor's question, from any thread; an earlier one that is not answered to its end makes way.

        What comes of it stands in the lane's frames: the answer as it grows, or why there is none.
        """
        if not self._inbox.put(question):
            self._refuse(question)

    def snapshot(self, points_from: int) -> LaneFrame:
        """The lane as it is now; see `Journal.snapshot`."""
        return self.journal.snapshot(points_from)

    def advance(self, most: int) -> int:
        """One step: read up to `most` tokens, or say the next token of an answer.

        Returns:
            How many tokens were read: 0 for a token of an answer, where the feed has nothing yet (the lane is then
            "waiting"), or where the lane has come to its end.

        Raises:
            StreamingError: where the stream cannot go on. What else a model raises comes through unchanged.
        """
        if self.ended:
            return 0
        if self._answer is not None:
            self._speak()
            return 0
        return self._read(most)

    def reply(self, most: int) -> None:
        """One step of the reply to a visitor: read up to `most` tokens of the question, or say the next token.

        What a model raises comes through unchanged; `decline` then, and the stream goes on.
        """
        question = self._inbox.take()
        if question is not None:
            self._take_up(question)
        else:
            self._reply.step(most)
        self._tell_reply()

    def decline(self, message: str) -> None:
        """Give the visitor's question up, in words."""
        self._reply.end("error", message)
        self._tell_reply()

    def _read(self, most: int) -> int:
        self._check_budgets()
        if self.ended:
            return 0
        most = min(most, self._settings.chunk, self._room())
        if not self._holds(self._needs(most)):
            self.journal.end("stopped", "memory")
            return 0
        cut = self._source.take(most)
        if not cut.ids:
            self._wait_or_end()
            return 0
        self.journal.set_status("reading")
        first = self.journal.tokens
        self._measure(cut.ids)
        for place, told in cut.told:
            self.journal.add_told({"at": first + place, "question": told.question, "answer": told.answer})
        self._check_budgets()
        if cut.asks is not None and not self.ended:
            self._begin_answer(cut.asks)
        return len(cut.ids)

    def _begin_answer(self, turn: Turn) -> None:
        if not self._holds(self._stream.allocated_nbytes, fork_tokens=self._settings.answer_tokens):
            self.journal.end("stopped", "memory")
            return
        self._answer = Answer(self._loaded, self._stream, self._kv_room(self._settings.answer_tokens))
        self.journal.begin_answer(turn)

    def _needs(self, count: int) -> int:
        """Bytes of the stream's own tensors once so many more tokens were read."""
        if self.journal.tokens:
            return self._stream.allocated_after(count)
        kept_twice = self._policy.sinks
        return self.bytes_per_token * (kept_twice + _SPARE_TOKENS + 5 * (self._policy.budget or count) // 4)

    def _holds(self, stream_bytes: int, *, fork_tokens: int = 0) -> bool:
        """Whether the shared memory has so much for the stream, its forks, and one more that reads so many tokens."""
        forks = sum(one.allocated_nbytes for one in (self._answer, self._reply) if one is not None)
        more = self._stream.allocated_after(fork_tokens) if fork_tokens else 0
        return self._share.hold(max(self._reserved, stream_bytes + forks + more))

    def _wait_or_end(self) -> None:
        if self._source.ended:
            self.journal.end("stopped", "end-of-text")
        else:
            self.journal.set_status("waiting")

    def _measure(self, ids: tuple[int, ...]) -> None:
        began = time.perf_counter()
        share = self._share_due(began)
        nats = self._stream.read(ids, share=share).double().cpu().numpy()
        work_seconds = time.perf_counter() - began
        if np.isnan(nats[0 if self.journal.tokens else 1 :]).any():
            raise StreamError(f"The model gives no number (NaN) near token {self.journal.tokens}: load it in float32.")
        self.journal.add_read(ids, nats, work_seconds, self._kv_use())
        if share is not None:
            self.journal.set_sink_share(_told_share(share))

    def _share_due(self, now: float) -> SinkShare | None:
        """Now and then a read is watched for the attention that it gives to the first tokens."""
        if now < self._share_next:
            return None
        self._share_next = now + _SHARE_EVERY_SECONDS
        return SinkShare(self._policy.sinks or _FIRST_TOKENS, last=_SHARE_QUERIES)

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

    def _take_up(self, question: Question) -> None:
        if self._reply is not None:
            self._reply.close()
        self._reply = Reply(question, self.journal.tokens)
        ids = (*self._before(question), *question.ids)
        most = self._kv_room(len(ids) + self._settings.answer_tokens) - len(ids)
        longest = len(ids) + self._settings.answer_tokens
        if most > 0 and self._holds(self._stream.allocated_nbytes, fork_tokens=longest):
            self._reply.begin(Answer(self._loaded, self._stream, most, after=ids))
        else:
            self._reply.end("kv-budget")

    def _before(self, question: Question) -> tuple[int, ...]:
        """What makes a prompt of it: the start token in front of all, the end of the turn that is being read."""
        if self.journal.tokens == 0:
            return () if self._loaded.start_token is None else (self._loaded.start_token,)
        return () if self._source.between_turns else question.blank_line

    def _tell_reply(self) -> None:
        self.journal.tell_visitor(self._reply.said)
        if self._reply.said["done"]:
            self._reply.close()
            self._reply = None

    def _end_reply(self) -> None:
        self._reply.end(self._unanswered())
        self._tell_reply()

    def _refuse(self, question: Question) -> None:
        reply = Reply(question, self.journal.tokens)
        reply.end(self._unanswered())
        self.journal.tell_visitor(reply.said)

    def _unanswered(self) -> Unanswered:
        return "kv-budget" if self.journal.reason == "kv-budget" else "ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cut:
    """Tokens to read, the turn to answer after them, and the facts that they tell, each with its end's place."""

    ids: tuple[int, ...]
    asks: Turn | None = None
    told: tuple[tuple[int, Tells], ...] = ()


class _Source:
    """The feed's segments, cut to measure; a prompt that is to be answered ends a cut.

    Attributes:
        ended: whether the feed has come to its end.
    """

    def __init__(self, segments: Iterator[Segment | None], answered: Callable[[Turn], bool]) -> None:
        self._segments = segments
        self._answered = answered
        self._segment: Segment | None = None
        self._used = 0
        self.ended = False

    def take(self, most: int) -> _Cut:
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
                    return _Cut(ids=tuple(ids), asks=segment.turn, told=tuple(told))
                if segment.part == "reply" and segment.turn.tells is not None:
                    told.append((len(ids), segment.turn.tells))
        return _Cut(ids=tuple(ids), told=tuple(told))

    @property
    def between_turns(self) -> bool:
        """Whether a prompt may follow where the last cut ended."""
        segment = self._segment
        return segment is None or (self._used == len(segment.ids) and segment.part in ("start", "reply"))

    def _refill(self) -> bool:
        """Whether there is something to take; a feed that has nothing yet is asked again another time."""
        if self._segment is not None and self._used < len(self._segment.ids):
            return True
        segment = None if self.ended else next(self._segments, _END)
        self.ended = self.ended or segment is _END
        if segment is None or self.ended:
            return False
        self._segment, self._used = segment, 0
        return True


def _is_answered(index: int, every: int) -> bool:
    """Every `every`-th turn at first; each time the stream has doubled, the gaps double.

    Saying a token takes as long as reading dozens. So a slow reader finds answers often, and a fast one, who comes
    far, spends little time on them; yet it depends on nothing but the turn.
    """
    gap = every
    while index >= _ANSWERS_BEFORE_GAPS_GROW * gap:
        gap *= 2
    return index % gap == 0


def _told_share(share: SinkShare) -> SinkShareFrame | None:
    by_head = share.by_head
    if by_head is None:
        return None
    return {"tokens": share.tokens, "layers": [round(one, 4) for one in by_head.mean(dim=1).tolist()]}


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
