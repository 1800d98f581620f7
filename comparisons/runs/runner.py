"""A run: several lanes in parallel on one stream, told as frames.

    with Run(loaded, RunSettings(lanes=(Policy.parse("dense"), Policy.parse("sinks:4+252")))) as run:
        for frame in run.frames():
            ...

Each lane has a thread of its own and goes at its own speed, up to the pace that is asked for. What goes wrong
in one lane ends that lane, in words; the others go on. Leaving the `with` block, or closing the frames, ends
the threads and frees the caches within a second: a lane looks up from its work every fifth of one.

A visitor may `ask` while a run goes or is held: every lane answers from its present state, on a fork of its stream,
and goes on as if nothing had happened; where an answer takes long, it reads now and then meanwhile. There is one
question at a time: a new one takes the place of an earlier one, answered or not.

The frames' format is that of `comparisons.runs.frames`.
"""

from __future__ import annotations

import logging
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

import torch
import transformers

from comparisons.limits import Range, limited
from comparisons.metrics import process_rss_bytes
from comparisons.runs.frames import FRAME_VERSION, Frame, Header, Reason, RssPoint, RssTail, RunState
from comparisons.runs.journal import TAIL_POINTS
from comparisons.runs.lanes import Lane, LaneSettings
from comparisons.runs.memory import KvMemory
from comparisons.runs.questions import Question, as_line
from comparisons.text.feeds import Encoder, Feed, PromptFeed, Source
from comparisons.text.prompts import as_prompt
from streaming.errors import SettingsError, StreamError, StreamingError
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["Run", "RunSettings"]

MOST_LANES = 8

PACE = Range(min=0.5, max=100_000, unit="tokens per second", whole=False, optional=True)

_LOG = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
"""How often a lane at a set pace reads: a slow pace token by token, a fast one some at a time, which costs less."""

_LONGEST_READ_SECONDS = 0.2
"""How long one read should take, so that a lane soon notices that it is to stop. Where a single token takes about
as long (a large model, a busy machine), a read may take twice that token's time: shorter ones would gain nothing."""

_CATCH_UP_SECONDS = 0.5
"""How much reading a lane that was held up may make good at once."""

_LONGEST_REPLY_SECONDS = 0.5
"""How long a lane may reply to a visitor before it reads again: questions without end hold nothing up."""

_JOIN_SECONDS = 30.0
"""How long to wait for a thread inside a read that cannot be interrupted, before giving it up in the log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings(LaneSettings):
    """What a run is; see `LaneSettings` for what all lanes share.

    Attributes:
        lanes: one policy for each lane, no two the same.
        seed: of the prompt stream.
        max_seconds: all lanes stop after so much running time; pauses are not counted.
        tokens_per_second: the pace, None for as fast as the machine can. A run's pace can be changed
        (`Run.pace`).
        threads: of torch, for each lane.
        frames_per_second: how often the run is told.
    """

    lanes: tuple[Policy, ...]
    seed: int = limited(0, Range(min=0, max=9999, unit=""))
    max_seconds: float = limited(600.0, Range(min=0.1, max=7 * 86_400, unit="seconds", whole=False))
    tokens_per_second: float | None = limited(None, PACE)
    threads: int = limited(1, Range(min=1, max=256, unit="threads"))
    frames_per_second: float = limited(5.0, Range(min=0.1, max=30, unit="frames per second", whole=False))

    def __post_init__(self) -> None:
        """Refuse what is out of range, of the wrong type, or twice there."""
        LaneSettings.__post_init__(self)
        if not isinstance(self.lanes, tuple) or not all(isinstance(lane, Policy) for lane in self.lanes):
            raise SettingsError("lanes must be a tuple of policies.")
        if not 1 <= len(self.lanes) <= MOST_LANES:
            raise SettingsError(f"A run has from 1 to {MOST_LANES} lanes, not {len(self.lanes)}.")
        if len({lane.label for lane in self.lanes}) < len(self.lanes):
            raise SettingsError("Two lanes have the same policy: leave one out, or change it.")


class Run:
    """Lanes in parallel on one stream, from start to end; it runs once.

    Attributes:
        id: names the run in its frames.
        settings: as given.
        source: as given.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        settings: RunSettings,
        feed: Feed | None = None,
        *,
        source: Source | None = None,
        memory: KvMemory | None = None,
        cores: AbstractContextManager | None = None,
    ) -> None:
        """Take the parts; nothing runs yet.

        Args:
            loaded: the model, shared by all lanes.
            settings: lanes, budgets, pace.
            feed: what to read; by default the prompt stream of the settings' seed.
            source: what the feed is called in the header.
            memory: for keys and values, shared with other runs; without it there is no limit but each lane's budget.
            cores: entered by a lane for each piece of its work, shared with other runs: a semaphore that lets as many
                work at once as there are cores. More would take no less time, and keep whoever serves waiting.
        """
        self.id = uuid.uuid4().hex[:12]
        self.settings = settings
        self.source = source or Source()
        self._loaded = loaded
        self._cores = cores or nullcontext()
        self._pace = settings.tokens_per_second
        self._clock = _RunClock()
        if feed is None:
            feed = PromptFeed(loaded.tokenizer, loaded.start_token, seed=settings.seed)
        self._lanes = [Lane(loaded, policy, feed, settings, self._clock.seconds, memory) for policy in settings.lanes]
        self._threads: list[threading.Thread] = []
        self._encode = Encoder(loaded.tokenizer)
        self._asking = threading.Lock()
        self._questions = 0
        self._going = threading.Event()
        self._stopping = threading.Event()
        self._why: Reason = "user"
        self._ended = threading.Event()
        self._started_at: datetime | None = None
        self._told = False

    def __enter__(self) -> Run:
        """Use as a context manager so that the run ends with the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the run."""
        self.close()

    @property
    def state(self) -> RunState:
        """Whether lanes are at work, held, or at their ends."""
        if self._ended.is_set():
            return "finished"
        return "running" if self._going.is_set() or self._started_at is None else "paused"

    @property
    def pace(self) -> float | None:
        """Tokens per second that every lane goes at, at most; None for as fast as the machine can."""
        return self._pace

    @pace.setter
    def pace(self, tokens_per_second: float | None) -> None:
        PACE.check("pace", tokens_per_second)
        self._pace = tokens_per_second

    def start(self) -> None:
        """Open the streams and let the lanes go; does nothing in a run that has started.

        Raises:
            StreamError: in a run that has ended.
        """
        if self._ended.is_set():
            raise StreamError("This run has ended: make a new one.")
        if self._started_at is not None:
            return
        self._started_at = datetime.now(timezone.utc)
        for lane in self._lanes:
            self._open(lane)
        self._clock.go()
        self._going.set()
        for lane in self._lanes:
            name = f"{self.id} {lane.label}"
            self._threads.append(threading.Thread(target=self._work, args=(lane,), name=name, daemon=True))
            self._threads[-1].start()

    def pause(self) -> None:
        """Hold all lanes after the read that they are in; running time stands still."""
        if self._at_work():
            self._going.clear()
            self._clock.hold()

    def resume(self) -> None:
        """Let the lanes go on."""
        if self._at_work():
            self._clock.go()
            self._going.set()

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
        line = as_line(text)
        ids, blank_line = self._encode(as_prompt(line)), self._encode("\n\n")
        with self._asking:
            if not self._at_work():
                raise StreamError("There is no run to ask: start one.")
            self._questions += 1
            question = Question(id=self._questions, text=line, ids=ids, blank_line=blank_line)
            for lane in self._lanes:
                lane.ask(question)
            return question.id

    def _at_work(self) -> bool:
        return self._started_at is not None and not self._stopping.is_set() and not self._ended.is_set()

    def stop(self, why: Reason = "user") -> None:
        """Ask all lanes to stop. They do within a fraction of a second; the last frame tells of it, and why."""
        if not self._stopping.is_set():
            self._why = why
        self._stopping.set()
        self._going.set()

    def close(self) -> None:
        """Stop, and wait until the threads have ended and the caches are freed."""
        self.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_JOIN_SECONDS)
            if thread.is_alive():
                _LOG.error("Run %s: a lane is stuck in a read and was left behind.", self.id)
        self._ended.set()

    def frames(self) -> Iterator[Frame]:
        """Tell the run, a few times per second until it has ended; starts it if need be.

        Closing the iterator ends the run. There is one reader: a run is told once.
        """
        if self._told:
            raise StreamError("This run is being told already: make a new one.")
        self._told = True
        self.start()
        teller = _Teller(self)
        period = 1 / self.settings.frames_per_second
        try:
            while not self._ended.is_set():
                due = time.monotonic() + period
                yield teller.frame()
                self._ended.wait(max(0.0, due - time.monotonic()))
            yield teller.frame()
        finally:
            self.close()

    def _open(self, lane: Lane) -> None:
        try:
            with self._cores:
                lane.open()
        except Exception as error:
            self._fail(lane, error)

    def _work(self, lane: Lane) -> None:
        """A lane's thread, from the first token to the last."""
        torch.set_num_threads(self.settings.threads)
        try:
            self._drive(lane)
        except BaseException as error:  # there is nobody above a thread to tell
            self._fail(lane, error)
        finally:
            lane.close()
            if all(other.ended for other in self._lanes):
                self._clock.hold()
                self._ended.set()

    def _drive(self, lane: Lane) -> None:
        pacer = _Pacer(self._clock)
        while not lane.ended:
            if self._stopping.is_set():
                lane.journal.end("stopped", self._why)
            elif self._clock.seconds() >= self.settings.max_seconds:
                lane.journal.end("stopped", "seconds")
            elif lane.asked and not (self._going.is_set() and pacer.overdue):
                self._reply(lane, pacer)
            elif not self._going.is_set():
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
        with self._cores:
            yield not self._stopping.is_set()

    def _hold(self, lane: Lane) -> None:
        lane.journal.set_status("paused")
        while not (self._going.wait(_TICK_SECONDS) or self._stopping.is_set() or lane.asked):
            pass
        if self._going.is_set():
            lane.journal.set_status("reading")

    def _reply(self, lane: Lane, pacer: _Pacer) -> None:
        """One step of a lane's reply to a visitor; what goes wrong in it is told there and ends nothing else."""
        if self._going.is_set():
            lane.journal.set_status("answering")
        try:
            with self._turn() as goes_on:
                if goes_on:
                    lane.reply(min(pacer.most, self.settings.chunk))
        except Exception as error:
            tokens = lane.journal.tokens
            _LOG.error("Run %s: lane %s cannot reply after %d tokens.", self.id, lane.label, tokens, exc_info=error)
            lane.decline(_words(error, tokens))

    def _read(self, lane: Lane, pacer: _Pacer) -> None:
        due = pacer.due(self._pace, self.settings.chunk)
        if due == 0:
            if not lane.asked:
                self._stopping.wait(pacer.wait_seconds(self._pace))
            return
        with self._turn() as goes_on:
            if not goes_on:
                return
            began = time.perf_counter()
            read = lane.advance(due)
            pacer.took(read, time.perf_counter() - began)
        if not read and not lane.ended:  # the feed has nothing yet
            self._stopping.wait(_TICK_SECONDS)

    def _fail(self, lane: Lane, error: BaseException) -> None:
        tokens = lane.journal.tokens
        _LOG.error("Run %s: lane %s failed after %d tokens.", self.id, lane.label, tokens, exc_info=error)
        lane.journal.end("failed", "error", _words(error, tokens))


def _words(error: BaseException, tokens: int) -> str:
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


class _RunClock:
    """Running time: seconds since the start, without the pauses."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before = 0.0
        self._since: float | None = None

    def seconds(self) -> float:
        with self._lock:
            return self._before if self._since is None else self._before + time.monotonic() - self._since

    def go(self) -> None:
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()

    def hold(self) -> None:
        with self._lock:
            if self._since is not None:
                self._before += time.monotonic() - self._since
                self._since = None


class _Pacer:
    """How many tokens a lane may read now, for the pace asked for and for being able to stop soon.

    Attributes:
        most: tokens that can be read at once without stopping late.
    """

    def __init__(self, clock: _RunClock) -> None:
        self._clock = clock
        self._looked = clock.seconds()
        self._due = 1.0
        self._missing = 0.0
        self._asked_at = time.monotonic()
        self.most = 1
        self._alone_seconds = 0.0

    def due(self, pace: float | None, chunk: int) -> int:
        """Tokens to read now; 0 to wait until a tick's worth of them, one at least, is due."""
        self._asked_at = time.monotonic()
        most = min(chunk, self.most)
        if pace is None:
            return most
        now = self._clock.seconds()
        self._due = min(self._due + (now - self._looked) * pace, max(1.0, pace * _CATCH_UP_SECONDS))
        self._looked = now
        self._missing = max(1.0, min(most, pace * _TICK_SECONDS)) - self._due
        return min(most, int(self._due)) if self._missing <= 0 else 0

    @property
    def overdue(self) -> bool:
        """Whether it is long ago that anybody wanted to read."""
        return time.monotonic() - self._asked_at > _LONGEST_REPLY_SECONDS

    def wait_seconds(self, pace: float | None) -> float:
        """How long to wait after `due` was 0; no longer than a tick, since the pace may change."""
        return _TICK_SECONDS if pace is None else min(_TICK_SECONDS, self._missing / pace)

    def took(self, tokens: int, seconds: float) -> None:
        """What a read took, to know how long the next may be."""
        self._due = max(0.0, self._due - tokens)
        if tokens:
            self._alone_seconds = seconds if tokens == 1 else min(seconds, self._alone_seconds)
            fitting = int(tokens * max(_LONGEST_READ_SECONDS, 2 * self._alone_seconds) / seconds)
            self.most = max(1, self.most // 2, min(2 * self.most, fitting))


class _Teller:
    """Puts frames together from the lanes' snapshots, each overlapping the one before."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seq = 0
        self._told = [[0, 0] for _ in run._lanes]
        self._rss: list[RssPoint] = []
        self._rss_count = 0

    def frame(self) -> Frame:
        """The run as it is now."""
        run = self._run
        state = run.state  # asked for first: a frame that says "finished" is taken after the end
        seconds = round(run._clock.seconds(), 3)
        lanes = [lane.snapshot(told[0]) for lane, told in zip(run._lanes, self._told, strict=True)]
        rss_bytes = process_rss_bytes()
        frame: Frame = {
            "version": FRAME_VERSION,
            "run": run.id,
            "seq": self._seq,
            "seconds": seconds,
            "state": state,
            "recorded": False,
            "rss_bytes": rss_bytes,
            "rss": self._rss_tail((max(lane["tokens"] for lane in lanes), rss_bytes, seconds)),
            "lanes": lanes,
        }
        if self._seq == 0:
            frame["header"] = _header(run)
        for told, lane in zip(self._told, lanes, strict=True):
            told[:] = [told[1], lane["curve"]["from"] + len(lane["curve"]["points"])]
        self._seq += 1
        return frame

    def _rss_tail(self, point: RssPoint) -> RssTail:
        self._rss = [*self._rss, point][-TAIL_POINTS:]
        self._rss_count += 1
        return {"from": self._rss_count - len(self._rss), "points": self._rss}


def _placed(loaded: LoadedModel) -> dict[str, str]:
    """How the model was loaded."""
    return {"dtype": str(loaded.model.dtype).removeprefix("torch."), "device": str(loaded.model.device)}


def _header(run: Run) -> Header:
    settings = run.settings
    return {
        "model": run._loaded.name,
        "context": run._loaded.context,
        "source": run.source.name,
        "source_characters": run.source.characters,
        "seed": settings.seed,
        "kv_budget_bytes": settings.kv_budget_bytes,
        "bytes_per_token": max(lane.bytes_per_token for lane in run._lanes),
        "window": settings.perplexity_window,
        "stride": settings.stride,
        "lanes": [lane.label for lane in run._lanes],
        "settings": asdict(settings) | {"lanes": [lane.label for lane in run._lanes], **_placed(run._loaded)},
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
        "recorded_at": run._started_at.isoformat(timespec="seconds"),
    }
