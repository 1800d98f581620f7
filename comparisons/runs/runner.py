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

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from comparisons.runs.cores import Cores
from comparisons.runs.frames import Frame, Reason, RunState
from comparisons.runs.interrupt import make_interruptible
from comparisons.runs.lane.lane import Lane, lane_journal
from comparisons.runs.lane.questions import Questions
from comparisons.runs.lane.replies import Replies
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import LiveSettings, RunSettings
from comparisons.runs.steering import Steering
from comparisons.runs.telling import Teller, header
from comparisons.runs.worker import Worker, join
from comparisons.text.chat_feed import prompt_feed
from comparisons.text.feeds import Feed, Source
from streaming.errors import StreamError
from streaming.loading.machine import read_machine
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["Run"]


class Run:
    """Lanes in parallel on one stream, from start to end; it runs once.

    Attributes:
        id: names the run in its frames.
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
        self.id = run_id or uuid.uuid4().hex[:12]
        self.settings = settings
        self.source = source or Source()
        self.live = LiveSettings(settings, settings.tokens_per_second, story=settings.story)
        self._loaded = loaded
        self._feed = feed or prompt_feed(loaded, seed=settings.seed)
        self._memory, self._cores = memory or KvMemory(), cores or Cores(max(1, round(read_machine().cores)))
        self._steering = Steering()
        make_interruptible(loaded.model)
        self._workers = [self._worker(policy) for policy in settings.lanes]
        self._threads: list[threading.Thread] = []
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

    def __enter__(self) -> Run:
        """Use as a context manager so that the run ends with the block."""
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
        if not self._steering.at_work:
            raise StreamError("There is no run to ask: start one.")
        for worker in self._workers:
            worker.replies.ask(question)
        return question.id

    def stop(self, why: Reason = "user") -> None:
        """Ask all lanes to stop. They do within a fraction of a second; the last frame tells of it, and why."""
        self._steering.stop(why)

    def close(self) -> None:
        """Stop, and wait until the threads have ended and the caches are freed."""
        self.stop()
        join(self._threads)
        self._steering.end()

    def frames(self) -> Iterator[Frame]:
        """Tell the run, a few times per second until it has ended; closing the iterator ends the run.

        Raises:
            StreamError: the run has begun already, or has ended.
        """
        teller = self.start()
        period = 1 / self.settings.frames_per_second
        try:
            due = time.monotonic()
            while not self._steering.ended:
                due = max(time.monotonic(), due + period)
                yield teller.frame()
                self.wait(due - time.monotonic())
            yield teller.frame()
        finally:
            self.close()

    def start(self) -> Teller:
        """Open the lanes, and let them go; `close` it then.

        Returns:
            What tells how the run stands.

        Raises:
            StreamError: the run has begun already, or has ended.
        """
        if self._threads or self._steering.ended:
            raise StreamError("This run has begun already, or has ended: make a new one.")
        began = datetime.now(UTC)
        self._threads = [worker.thread() for worker in self._workers]
        self._steering.begin()
        for thread in self._threads:
            thread.start()
        known = header(
            self._loaded, self.settings, self.source, began=began,
            bytes_per_token=max(worker.bytes_per_token for worker in self._workers),
        )  # fmt: skip
        return Teller(self.id, known, self._steering, [worker.journal for worker in self._workers])

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until all lanes have ended; whether they have."""
        return self._steering.wait_for_end(max(0.0, seconds))

    def _lane_ended(self) -> None:
        if all(worker.journal.ended for worker in self._workers):
            self._steering.end()
