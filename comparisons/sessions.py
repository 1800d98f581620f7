"""The runs that visitors have going, by id: begun, steered and cleaned up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from comparisons.frames import Frame
from comparisons.runner import Run, RunSettings
from streaming.models import LoadedModel

__all__ = ["Sessions"]


class Sessions:
    """One server's runs. Whoever knows the id of a run, which only its own visitor gets, may steer it."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Every run reads with this one model."""
        self._loaded = loaded
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._visitors: dict[str, str] = {}

    def frames(self, visitor: str, settings: RunSettings) -> Iterator[Frame]:
        """Run until it ends or the caller closes this generator; a visitor's earlier run makes way."""
        with Run(self._loaded, settings) as run:
            self._admit(visitor, run)
            try:
                run.start()
                yield from run.frames()
            finally:
                self._dismiss(visitor, run)

    def control(self, request: Any) -> bool:
        """Do what a visitor asks: {"run": id, "action": "pause" | "resume" | "stop"}.

        Returns:
            Whether there is such a run and such an action.
        """
        if not isinstance(request, dict):
            return False
        run = self._runs.get(str(request.get("run")))
        actions = {} if run is None else {"pause": run.pause, "resume": run.resume, "stop": run.stop}
        act = actions.get(str(request.get("action")))
        if act is not None:
            act()
        return act is not None

    def _admit(self, visitor: str, run: Run) -> None:
        with self._lock:
            earlier = self._runs.get(self._visitors.get(visitor, ""))
            self._runs[run.id] = run
            self._visitors[visitor] = run.id
        if earlier is not None:
            earlier.stop()

    def _dismiss(self, visitor: str, run: Run) -> None:
        with self._lock:
            self._runs.pop(run.id, None)
            if self._visitors.get(visitor) == run.id:
                del self._visitors[visitor]
