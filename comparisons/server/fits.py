"""What suits the models that a server has loaded: each is measured once, the first time that it is asked about."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from comparisons.recordings.dialogues import later
from comparisons.runs.fit import Choice, Fit, ModelFacts, Note, fit, notes
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import RunSettings
from comparisons.runs.warm_up import model_facts
from streaming.loading.placement import free_bytes
from streaming.models import LoadedModel

__all__ = ["Fits", "Suited"]

MEMORY_SHARE = 0.5
"""Of the memory that is free, where the operator has set no limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suited:
    """A model, the settings that suit it on this server, and how many of its lanes work at the same time.

    Attributes:
        model: its name.
        facts: what was measured of it.
        fit: the settings and their limits.
        cores: of the server.
        later: turns of a chat that may be read, so that its dense lane soon leaves its training length.
    """

    model: str
    facts: ModelFacts
    fit: Fit
    cores: float
    later: int = 0

    def expect(self, settings: RunSettings, budget_mb: int) -> tuple[Note, ...]:
        """What will come of a run with these settings, what becomes of its dense lane first."""
        choice = Choice(
            budget_mb=budget_mb,
            pace=settings.tokens_per_second,
            cache=max((policy.budget or 0 for policy in settings.lanes), default=0),
            lanes=len(settings.lanes),
            cores=self.cores,
        )
        return notes(self.facts, choice)


class Fits:
    """A server's. From any thread."""

    def __init__(self, memory: KvMemory, *, runs: int, cores: float) -> None:
        """Nothing is measured yet.

        Args:
            memory: what all runs share for keys and values.
            runs: how many there may be.
            cores: on which lanes take turns.
        """
        self._memory, self._runs, self._cores = memory, runs, cores
        self._lock = threading.Lock()
        self._known: dict[str, Suited] = {}

    def known(self, name: str) -> Suited | None:
        """What suits the model of that name, if it was measured."""
        return self._known.get(name)

    def of(self, loaded: LoadedModel) -> Suited:
        """What suits a model; the first time takes about a second."""
        with self._lock:
            found = self._known.get(loaded.name)
            if found is None:
                facts = model_facts(loaded)
                suits = fit(facts, memory_bytes=self._run_bytes(loaded), cores=self._cores)
                found = Suited(model=loaded.name, facts=facts, fit=suits, cores=self._cores, later=later(loaded))
                self._known[loaded.name] = found
            return found

    def _run_bytes(self, loaded: LoadedModel) -> int:
        """Of one run, where there are as many as there may be."""
        device, limit = loaded.model.device, self._memory.limit_bytes
        free = int(MEMORY_SHARE * free_bytes(device)) if limit is None or device.type != "cpu" else limit
        return min(free, limit or free) // self._runs
