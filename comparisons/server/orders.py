"""What a visitor asks for: a run of either kind, made once its model is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from comparisons.recordings import dialogues
from comparisons.runs.cores import Cores
from comparisons.runs.dialogue.run import Dialogue
from comparisons.runs.dialogue.settings import DialogueSettings
from comparisons.runs.memory import KvMemory
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from comparisons.server.fits import Fits, Suited
from comparisons.text.choices import Reading
from streaming.models import LoadedModel

__all__ = ["Order"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One visitor's.

    Attributes:
        settings: of a run that reads, or of a dialogue.
        model: see `ModelCache.borrow`.
        reading: what a run reads.
        suits: the settings instead, once the model is there, for one that nothing was known of.
        start_turn: turns of a dialogue that are read and not answered.
    """

    settings: RunSettings | DialogueSettings
    model: str
    reading: Reading
    suits: Callable[[Suited], RunSettings | DialogueSettings] | None = None
    start_turn: int = 0

    def settings_for(self, loaded: LoadedModel, fits: Fits) -> RunSettings | DialogueSettings:
        """The settings for the model that was asked for."""
        return self.settings if self.suits is None else self.suits(fits.of(loaded))

    @property
    def source(self) -> str:
        """What is read, for the log."""
        return self.reading.source.name if isinstance(self.settings, RunSettings) else "dialogue"

    def made(
        self,
        settings: RunSettings | DialogueSettings,
        loaded: LoadedModel,
        run_id: str,
        memory: KvMemory,
        cores: Cores | None,
    ) -> Run | Dialogue:
        """The run that was asked for; nothing runs yet.

        Raises:
            SettingsError: this model cannot do it, or there is nothing to start later in.
        """
        if isinstance(settings, RunSettings):
            feed, source = self.reading.feed(loaded, seed=settings.seed), self.reading.source
            return Run(loaded, settings, feed, source=source, memory=memory, cores=cores, run_id=run_id)
        history, seed = dialogues.beginning(loaded, self.start_turn, settings.seed)
        settings = replace(settings, seed=seed)
        return Dialogue(loaded, settings, history=history, memory=memory, cores=cores, run_id=run_id)
