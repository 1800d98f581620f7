"""The runs that visitors have going, by id: begun, steered and cleaned up.

A run whose model is not there yet waits for it first, and tells how far the load has come.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import wait
from typing import Any

from comparisons.frames import Frame, Loading, LoadingStage
from comparisons.readings import Reading
from comparisons.runner import Run, RunSettings
from comparisons.shelf import Copy, Shelf
from streaming.errors import StreamError, StreamingError
from streaming.models import LoadedModel, Progress

__all__ = ["Sessions"]

_TELL_SECONDS = 0.2
"""How often a visitor hears of a load; how soon it notices that it was left."""

_NOTHING_YET = Progress(stage="waiting", done_bytes=0, total_bytes=None)


class Sessions:
    """One server's runs. Whoever knows the id of a run, which only its own visitor gets, may steer it."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Every run reads with this model, unless its visitor asks for another."""
        self._shelf = Shelf(loaded)
        self._lock = threading.Lock()
        self._runs: dict[str, Run | _Wait] = {}
        self._visitors: dict[str, str] = {}

    def frames(
        self, visitor: str, settings: RunSettings, *, model: str = "", reading: Reading | None = None
    ) -> Iterator[Frame | Loading]:
        """Run until it ends or the caller closes this generator; a visitor's earlier run makes way.

        Args:
            visitor: whose run it is.
            settings: lanes, budgets, pace.
            model: see `Shelf.borrow`.
            reading: what to read, by default the prompt stream.

        Raises:
            StreamingError: there is no such model here, or it cannot be used.
        """
        reading = reading or Reading()
        with self._shelf.borrow(model) as copy:
            waiting = _Wait(copy)
            yield from self._admitted(visitor, waiting)
            if waiting.stopped:
                return
            loaded = copy.loaded.result()
            feed = reading.feed(loaded, seed=settings.seed)
            with Run(loaded, settings, feed, source=reading.source) as run:
                yield from self._admitted(visitor, run)

    def _admitted(self, visitor: str, run: Run | _Wait) -> Iterator[Frame | Loading]:
        self._admit(visitor, run)
        try:
            yield from run.frames()
        finally:
            self._dismiss(visitor, run)

    def control(self, request: Any) -> bool | dict[str, Any]:
        """Do what a visitor asks: {"run": id, "action": "pause" | "resume" | "stop"}, or "ask" with a "text".

        Returns:
            Whether there is such a run and such an action. For a question {"id": its id}, or {"refused": why}.
        """
        if not isinstance(request, dict):
            return False
        run = self._runs.get(str(request.get("run")))
        if run is not None and request.get("action") == "ask":
            return _ask(run, request.get("text"))
        actions = {} if run is None else {"pause": run.pause, "resume": run.resume, "stop": run.stop}
        act = actions.get(str(request.get("action")))
        if act is not None:
            act()
        return act is not None

    def _admit(self, visitor: str, run: Run | _Wait) -> None:
        with self._lock:
            earlier = self._runs.get(self._visitors.get(visitor, ""))
            self._runs[run.id] = run
            self._visitors[visitor] = run.id
        if earlier is not None:
            earlier.stop()

    def _dismiss(self, visitor: str, run: Run | _Wait) -> None:
        with self._lock:
            self._runs.pop(run.id, None)
            if self._visitors.get(visitor) == run.id:
                del self._visitors[visitor]


def _ask(run: Run, text: object) -> dict[str, Any]:
    try:
        return {"id": run.ask(text)}
    except StreamingError as error:
        return {"refused": str(error)}


class _Wait:
    """A run before its run: it waits for a model, tells of it, and can be stopped."""

    def __init__(self, copy: Copy) -> None:
        self.id = uuid.uuid4().hex[:12]
        self._copy = copy
        self._stopping = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether the visitor no longer waits."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End the wait; a load that nobody else waits for ends with it."""
        self._stopping.set()

    def pause(self) -> None:
        """A load does not pause."""

    def resume(self) -> None:
        """See `pause`."""

    def ask(self, text: object) -> int:
        """There is nobody to answer yet."""
        raise StreamError("The model is still being loaded: ask once the run has begun.")

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
