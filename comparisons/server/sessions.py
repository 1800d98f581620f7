"""The runs that visitors have going, by id: begun, steered and cleaned up.

A visitor waits for a place first, and is told which in the queue; a run whose model is not there yet waits for that,
and tells how far the load has come. What happens is logged, without anything that a visitor wrote.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Generator, Iterator
from concurrent.futures import wait
from typing import Any

from comparisons.runs.cores import Cores
from comparisons.runs.frames import Frame, Loading, LoadingStage, Reason, Waiting
from comparisons.runs.memory import KvMemory
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from comparisons.server.model_cache import Copy, Shelf
from comparisons.server.queue import Place, Places
from comparisons.text.choices import Reading
from streaming.allocator import give_freed_memory_back
from streaming.errors import ServerBusy, StreamError
from streaming.models import LoadedModel, Progress

__all__ = ["Sessions"]

_LOG = logging.getLogger(__name__)

_TELL_SECONDS = 0.2
"""How often a visitor hears of a load; how soon it notices that it was left."""

_QUEUE_SECONDS = 0.5
"""How often a visitor hears of the queue."""

_LEAST_KV_BYTES = 2**20
"""A run begins with no less memory than this, where its budget is not smaller."""

_NOTHING_YET = Progress(stage="waiting", done_bytes=0, total_bytes=None)


class Sessions:
    """One server's runs. Whoever knows the id of a run, which only its own visitor gets, may steer it."""

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        places: Places | None = None,
        memory: KvMemory | None = None,
        cores: int | None = None,
    ) -> None:
        """No runs yet.

        Args:
            loaded: what every run reads with, unless its visitor asks for another.
            places: how many may run, and wait.
            memory: what the runs share for keys and values; by default without a limit.
            cores: how many lanes of all runs may be at work at once; by default all.
        """
        self.places, self.memory = places or Places(), memory or KvMemory()
        self._cores = None if cores is None else Cores(cores)
        self._shelf = Shelf(loaded)
        self._lock = threading.Lock()
        self._runs: dict[str, Run | _Wait | _Queued] = {}
        self._visitors: dict[str, str] = {}
        self._closing = False

    @property
    def closing(self) -> bool:
        """Whether the server is about to end."""
        return self._closing

    def close(self) -> None:
        """End every run and every wait, in words, and let nobody in any more; returns at once."""
        self._closing = True
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.stop("restart")

    def frames(
        self, visitor: str, settings: RunSettings, *, model: str = "", reading: Reading | None = None
    ) -> Generator[Frame | Loading | Waiting, None, None]:
        """Run until it ends or the caller closes this generator; a visitor's earlier run makes way.

        Args:
            visitor: whose run it is.
            settings: lanes, budgets, pace.
            model: see `Shelf.borrow`.
            reading: what to read, by default the prompt stream.

        Raises:
            StreamingError: there is no such model here, or it cannot be used.
            ServerBusy: there is no room for one more, or the server is about to end.
        """
        self._check_open()
        place = self.places.enter(visitor)
        try:
            queued = _Queued(place)
            yield from self._admitted(visitor, queued)
            self._check_open()
            if place.held and not queued.stopped:
                self._check_memory(settings)
                yield from self._placed(visitor, place, settings, model, reading or Reading())
        finally:
            if place.held:
                give_freed_memory_back()  # in 1 to 3 ms
            place.leave()

    def _placed(
        self, visitor: str, place: Place, settings: RunSettings, model: str, reading: Reading
    ) -> Iterator[Frame | Loading]:
        with self._shelf.borrow(model) as copy:
            waiting = _Wait(copy)
            yield from self._admitted(visitor, waiting)
            self._check_open()
            if waiting.stopped:
                return
            loaded = copy.loaded.result()
            feed = reading.feed(loaded, seed=settings.seed)
            with Run(loaded, settings, feed, source=reading.source, memory=self.memory, cores=self._cores) as run:
                yield from self._in_turn(place, run, self._admitted(visitor, run))

    def _in_turn(self, place: Place, run: Run, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The run's frames, until it has had its turn."""
        began, last = time.monotonic(), None
        _LOG.info("run begins", extra={"run": run.id, "lanes": len(run.settings.lanes), "source": run.source.name})
        try:
            for last in frames:
                why = place.overdue(paused=last["state"] == "paused")
                if why is not None:
                    run.stop(why)
                yield last
        finally:
            frames.close()
            _LOG.info("run ends", extra={"run": run.id, "seconds": round(time.monotonic() - began, 1), **_ending(last)})

    def _check_open(self) -> None:
        if self._closing:
            raise ServerBusy("The server is restarting: reload the page in a minute; the settings stay.")

    def _check_memory(self, settings: RunSettings) -> None:
        limit = self.memory.limit_bytes
        if limit is not None and limit - self.memory.held_bytes < min(settings.kv_budget_bytes, _LEAST_KV_BYTES):
            raise ServerBusy(
                "The memory that all runs on this server share is used up: try again when others have ended."
            )

    def _admitted(self, visitor: str, run: Run | _Wait | _Queued) -> Iterator[Frame | Loading | Waiting]:
        self._admit(visitor, run)
        try:
            yield from run.frames()
        finally:
            self._dismiss(visitor, run)

    def control(self, request: Any) -> bool | dict[str, Any]:
        """Do what a visitor asks: {"run": id, "action": "pause" | "resume" | "stop"}, or "ask" with a "text".

        Returns:
            Whether there is such a run and such an action; for a question {"id": its id}.

        Raises:
            StreamingError: the question is no question, or there is nobody to answer it.
        """
        if not isinstance(request, dict):
            return False
        run = self._runs.get(str(request.get("run")))
        if run is not None and request.get("action") == "ask":
            return {"id": run.ask(request.get("text"))}
        actions = {} if run is None else {"pause": run.pause, "resume": run.resume, "stop": run.stop}
        act = actions.get(str(request.get("action")))
        if act is not None:
            act()
        return act is not None

    def _admit(self, visitor: str, run: Run | _Wait | _Queued) -> None:
        with self._lock:
            earlier = self._runs.get(self._visitors.get(visitor, ""))
            self._runs[run.id] = run
            self._visitors[visitor] = run.id
        if earlier is not None:
            earlier.stop()
        if self._closing:  # one that came in while the others were told
            run.stop("restart")

    def _dismiss(self, visitor: str, run: Run | _Wait | _Queued) -> None:
        with self._lock:
            self._runs.pop(run.id, None)
            if self._visitors.get(visitor) == run.id:
                del self._visitors[visitor]


def _ending(frame: Frame | None) -> dict[str, object]:
    """How a run ended, for the log: numbers and fixed words."""
    if frame is None:
        return {"state": "never told"}
    lanes = frame["lanes"]
    return {
        "state": frame["state"],
        "tokens": [lane["tokens"] for lane in lanes],
        "reasons": [lane["reason"] or "left" for lane in lanes],
    }


class _Before:
    """What stands in for a run before it begins: it can be stopped, and nothing else."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex[:12]
        self._stopping = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether the visitor no longer waits."""
        return self._stopping.is_set()

    def stop(self, why: Reason = "user") -> None:
        """End the wait."""
        self._stopping.set()

    def pause(self) -> None:
        """A wait does not pause."""

    def resume(self) -> None:
        """See `pause`."""

    def ask(self, text: object) -> int:
        """There is nobody to answer yet."""
        raise StreamError("There is nobody to answer yet: ask once the run has begun.")


class _Queued(_Before):
    """A visitor in the queue."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def frames(self) -> Iterator[Waiting]:
        """Nothing where there is room at once, otherwise the place in the queue, until it is held or was left."""
        number = self._place.number
        while number and not self.stopped:
            yield self._told(number)
            self._place.wait(_QUEUE_SECONDS)
            number = self._place.number
        if self.stopped or not self._place.held:
            yield self._told(0)

    def _told(self, number: int) -> Waiting:
        seconds = round(self._place.wait_seconds, 1) if number else 0.0
        return {"run": self.id, "state": "queued", "place": number, "wait_seconds": seconds}


class _Wait(_Before):
    """A run before its run: it waits for a model, and tells of it. A load that nobody else waits for ends with it."""

    def __init__(self, copy: Copy) -> None:
        super().__init__()
        self._copy = copy

    def frames(self) -> Iterator[Loading]:
        """Nothing where the model is there already, otherwise how far it has come, until it has or was left."""
        while not self._copy.loaded.done() and not self.stopped:
            yield self._told()
            wait([self._copy.loaded], _TELL_SECONDS)
        if self.stopped:
            yield self._told("stopped")

    def _told(self, stage: LoadingStage | None = None) -> Loading:
        progress = self._copy.progress or _NOTHING_YET
        return {
            "run": self.id,
            "state": "loading",
            "model": self._copy.name,
            "stage": stage or progress.stage,
            "done_bytes": progress.done_bytes,
            "total_bytes": progress.total_bytes,
        }
