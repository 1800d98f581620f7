"""One lane: one model under one policy, reading one stream, within its budgets.

A lane is a step machine. `advance` does one small piece of work (reads some tokens, or says one token of an
answer), so whoever drives it decides between the steps about pace, pause and stop. One thread drives a lane;
any thread may read its journal, or `ask`.

Every token is read teacher-forced. At the end of some prompts, which ask for what the stream has told, the lane also
answers, on a fork of its stream that is dropped afterwards: the stream itself stays on the shared text. Which prompts
are answered depends on the text alone, so that all lanes answer the same ones; what they say is judged.

A visitor's question is answered in the same way, on a fork of the stream as it is when the lane takes the question
up: between two steps, by `reply`. A lane that has ended has freed its cache; it answers nothing, and says so. A dense
lane at the end of its memory budget has no room for a question either, and an answer ends where the budget does.

Lanes of many runs may share one `KvMemory`: where there is none left a lane ends, with the reason "memory".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from comparisons.runs.frames import EventKind
from comparisons.runs.lane.answers import Answer, PromptAnswers
from comparisons.runs.lane.budget import Budget, Fork
from comparisons.runs.lane.cursor import Asked, FeedCursor
from comparisons.runs.lane.curve import KvUse
from comparisons.runs.lane.journal import Journal
from comparisons.runs.lane.questions import Question
from comparisons.runs.lane.replies import Replies
from comparisons.runs.lane.shares import ShareWatch, told_attention, told_share
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import LaneSettings, LiveSettings
from comparisons.text.feeds import Feed
from streaming.errors import StreamError
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import Stream, open_stream

__all__ = ["Lane", "lane_journal"]


@dataclass(eq=False, kw_only=True, slots=True)
class Lane:
    """A stream under one policy, read step by step; `Lane.open` makes one.

    Its parts are what their own modules say; `live` may be changed from any thread.
    """

    loaded: LoadedModel
    stream: Stream
    settings: LaneSettings
    journal: Journal
    replies: Replies
    live: LiveSettings
    budget: Budget
    answers: PromptAnswers
    cursor: FeedCursor
    watch: ShareWatch

    @classmethod
    def open(
        cls,
        loaded: LoadedModel,
        policy: Policy,
        feed: Feed,
        settings: LaneSettings,
        journal: Journal,
        *,
        replies: Replies | None = None,
        live: LiveSettings | None = None,
        memory: KvMemory | None = None,
        reach: int | None = None,
    ) -> Lane:
        """An open lane: its stream was tried with one token that left no trace.

        Args:
            loaded: the model.
            policy: what the lane's KV cache holds.
            feed: the text; the lane iterates it by itself.
            settings: budgets and measurements.
            journal: a `lane_journal` of this model and policy.
            replies: where a visitor may ask already.
            live: what may be changed while it reads.
            memory: what this lane shares with others; by default there is no limit but its own budget.
            reach: see `PromptAnswers`.

        Raises:
            StreamingError: where this model cannot be read under this policy.
        """
        live = live or LiveSettings(settings)
        stream = open_stream(loaded, policy, chunk=settings.chunk)
        answers = PromptAnswers(journal, live, settings.answer_every, reach)
        return cls(
            loaded=loaded,
            stream=stream,
            settings=settings,
            journal=journal,
            replies=replies or Replies(journal),
            live=live,
            budget=Budget(stream, live, settings.max_tokens, memory or KvMemory()),
            answers=answers,
            cursor=FeedCursor(feed, answers.chooses),
            watch=ShareWatch(policy),
        )

    def close(self) -> None:
        """Free the stream and the forks, if there are any; measurements stay. A visitor who waits is told."""
        self.answers.close()
        self.replies.close()
        self.stream.close()
        self.budget.free()

    @property
    def ended(self) -> bool:
        """Whether the lane has stopped or failed."""
        return self.journal.ended

    @property
    def answering(self) -> bool:
        """Whether the next step is a token of an answer."""
        return self.answers.going

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
        if self.answers.going:
            self.answers.step()
            return 0
        return self._read(most)

    def reply(self, most: int) -> None:
        """One step of the reply to a visitor, see `Replies.step`; after an error `decline`, and the stream goes on."""
        self.replies.step(self._begin_reply, most)

    def _read(self, most: int) -> int:
        self._check_budgets()
        if self.ended:
            return 0
        _place_sinks(self.stream, self.live, self.journal)
        most = min(most, self.settings.chunk, self.budget.left())
        if not self.budget.hold_reading(most):
            self.journal.end("stopped", "memory")
            return 0
        cut = self.cursor.take(most)
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
            self._answer(cut.asks)
        return len(cut.ids)

    def _wait_or_end(self) -> None:
        if self.cursor.ended:
            self.journal.end("stopped", "end-of-text")
        else:
            self.journal.set_status("waiting")

    def _measure(self, ids: tuple[int, ...]) -> None:
        began = time.perf_counter()
        share = self.watch.due(began)
        nats = self.stream.read(ids, share=share).double().cpu().numpy()  # (n,)
        seconds = time.perf_counter() - began
        self.journal.add_read(ids, nats, seconds, _kv_use(self.stream, self.budget.bytes_per_token))
        if share is not None:
            self.journal.set_attention(told_share(share), told_attention(share, self.journal.tokens))

    def _check_budgets(self) -> None:
        spent = self.budget.spent()
        if spent is not None:
            self.journal.end("stopped", spent)

    def _answer(self, asked: Asked) -> None:
        answer = self._fork("answer", self.settings.answer_tokens)
        if answer is None:
            self.journal.end("stopped", "memory")
        else:
            self.answers.begin(asked, answer)

    def _begin_reply(self, question: Question) -> Answer | None:
        return self._fork("reply", self.settings.answer_tokens, question.ids[self.cursor.place])

    def _fork(self, fork: Fork, wanted: int, after: Sequence[int] = ()) -> Answer | None:
        """A continuation of so many tokens, or as many as there is memory for; None where there is none."""
        most = self.budget.room(len(after) + wanted) - len(after)
        if most <= 0 or not self.budget.hold_fork(fork, len(after) + most):
            return None
        closed = partial(self.budget.drop_fork, fork)
        return Answer(self.loaded, self.stream, most, after=after, closed=closed)


def lane_journal(
    loaded: LoadedModel, policy: Policy, settings: LaneSettings, clock: Callable[[], float] = time.monotonic
) -> Journal:
    """The journal of a lane that is not open yet.

    Args:
        loaded: its model.
        policy: its policy.
        settings: its measurements.
        clock: running seconds of the run, pauses not counted.
    """
    return Journal(
        policy=policy,
        milestones=_milestones(loaded, policy),
        window=settings.perplexity_window,
        stride=settings.stride,
        tokenizer=loaded.tokenizer,
        clock=clock,
    )


def _place_sinks(stream: Stream, live: LiveSettings, journal: Journal) -> None:
    """As the visitor has it: aside, or where they belong."""
    if live.sinks == stream.sinks_aside:
        with suppress(StreamError):  # the cache is not full yet, or this policy has none
            stream.restore_sinks() if live.sinks else stream.set_aside_sinks()
            journal.set_sinks_aside(stream.sinks_aside)


def _kv_use(stream: Stream, bytes_per_token: int) -> KvUse:
    """A stream that keeps nothing tells what its last token was read with."""
    return KvUse(
        bytes=stream.peak_nbytes,
        allocated_bytes=max(stream.allocated_nbytes, stream.peak_nbytes),
        tokens=stream.nbytes // bytes_per_token if bytes_per_token else 0,
        bytes_per_token=bytes_per_token,
    )


def _milestones(loaded: LoadedModel, policy: Policy) -> dict[EventKind, int]:
    """The training length, and the first token that no longer finds everything in the cache."""
    milestones: dict[EventKind, int] = {"training-length": loaded.context}
    if policy.budget is not None:
        milestones["first-eviction"] = policy.budget + 1
    return milestones
