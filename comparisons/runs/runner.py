"""A run: several lanes in parallel on one stream, told as frames.

    with Run(loaded, RunSettings(lanes=(Policy.parse("dense"), Policy.parse("sinks:4+252")))) as run:
        for frame in run.frames():
            ...

Each lane has a thread of its own and goes at its own speed, up to the pace that is asked for. What goes wrong
in one lane ends that lane, in words; the others go on. Leaving the `with` block, or closing the frames, ends
the threads and frees the caches within a second: a lane looks up from its work between any two layers of the model.

A visitor may `ask` while a run goes or is held: every lane answers from its present state, on a fork of its stream,
and goes on as if nothing had happened; where an answer takes long, it reads now and then meanwhile. There is one
question at a time: a new one takes the place of an earlier one, answered or not.

The frames' format is that of `comparisons.runs.frames`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from comparisons.runs.cores import Cores
from comparisons.runs.frames import Frame
from comparisons.runs.going import Going
from comparisons.runs.interrupt import make_interruptible
from comparisons.runs.lane.lane import Lane, lane_journal
from comparisons.runs.lane.questions import Questions
from comparisons.runs.lane.replies import Replies
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import LiveSettings, RunSettings
from comparisons.runs.telling import Teller, header
from comparisons.runs.worker import Worker
from comparisons.text.chat_feed import prompt_feed
from comparisons.text.feeds import Feed, Source
from streaming.loading.machine import read_machine
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["Run"]


class Run(Going[Frame]):
    """Lanes in parallel on one stream, from start to end; it runs once.

    Attributes:
        settings: as given.
        source: as given.
        live: the settings that may be changed while it goes.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        settings: RunSettings,
        feed: Feed | None = None,
        *,
        source: Source | None = None,
        memory: KvMemory | None = None,
        cores: Cores | None = None,
        run_id: str | None = None,
    ) -> None:
        """Take the parts; nothing runs yet.

        Args:
            loaded: the model, shared by all lanes.
            settings: lanes, budgets, pace.
            feed: what to read; by default the prompt stream of the settings' seed.
            source: what the feed is called in the header.
            memory: for keys and values, shared with other runs; without it there is no limit but each lane's budget.
            cores: on which lanes take turns, shared with other runs; by default those of this machine. More lanes at
                work would take no less time, and keep whoever serves waiting.
            run_id: names the run in its frames; by default a name of its own.
        """
        super().__init__(settings.frames_per_second, run_id)
        self.settings = settings
        self.source = source or Source()
        self.live = LiveSettings(settings, settings.tokens_per_second, story=settings.story)
        self._loaded = loaded
        self._feed = feed or prompt_feed(loaded, seed=settings.seed)
        self._memory, self._cores = memory or KvMemory(), cores or Cores(max(1, round(read_machine().cores)))
        make_interruptible(loaded.model)
        self._workers = [self._worker(policy) for policy in settings.lanes]
        self._questions = Questions(loaded)

    def _worker(self, policy: Policy) -> Worker:
        journal = lane_journal(self._loaded, policy, self.settings, self._steering.clock.seconds)
        replies = Replies(journal)
        return Worker(
            name=f"{self.id} {policy.label}",
            settings=self.settings,
            live=self.live,
            steering=self._steering,
            journal=journal,
            replies=replies,
            open=partial(
                Lane.open, self._loaded, policy, self._feed, self.settings, journal,
                replies=replies, live=self.live, memory=self._memory, reach=self.settings.smallest_cache,
            ),
            cores=self._cores,
            ended=self._lane_ended,
        )  # fmt: skip

    def ask(self, text: object) -> int:
        """Put a question to every lane, from any thread; what they say stands in the frames (`said`).

        Args:
            text: whatever a stranger sent; read as one line.

        Returns:
            The question's id: from 1, each greater than the one before.

        Raises:
            SettingsError: the text is no question.
            StreamError: the run has not begun, or has ended.
        """
        question = self._questions.make(text)
        self._require_at_work()
        for worker in self._workers:
            worker.replies.ask(question)
        return question.id

    def start(self) -> Teller:
        """See `Going.start`."""
        self._require_new()
        began = datetime.now(UTC)
        self._let_go([worker.thread() for worker in self._workers])
        known = header(
            self._loaded, self.settings, self.source, began=began,
            bytes_per_token=max(worker.bytes_per_token for worker in self._workers),
        )  # fmt: skip
        return Teller(self.id, known, self._steering, [worker.journal for worker in self._workers])

    def _lane_ended(self) -> None:
        if all(worker.journal.ended for worker in self._workers):
            self._steering.end()
