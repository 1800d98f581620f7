"""What is to be expected of a run on this machine, in words for a terminal."""

from __future__ import annotations

import os

from comparisons.runs.fit import Fit, Note, NoteKind, fit
from comparisons.runs.warm_up import model_facts
from streaming.loading.machine import read_machine
from streaming.loading.placement import free_bytes
from streaming.models import LoadedModel

__all__ = ["fit_here", "sentence"]

MEMORY_SHARE = 0.5
"""Of the memory that is free: a command has the machine nearly to itself."""

_SENTENCES: dict[NoteKind, str] = {
    "dense_leaves": "{about} here until dense leaves its training length of {context:,.0f} tokens.",
    "dense_barely": "Dense will stop at {tokens:,.0f} tokens, soon after its training length of {context:,.0f}: the "
    "memory of this machine ends there.",
    "dense_stops": "Dense will stop at {tokens:,.0f} of the {context:,.0f} tokens of its training: the memory of this "
    "machine ends there.",
    "bounded_stops": "A cache of {cache:,.0f} tokens needs {mb:,.0f} MB: its lane stops, too.",
    "slow_answers": "No answers unless asked for (--answers): one takes up to {about} here.",
    "small_cache": "StreamingLLM keeps {cache:,.0f} tokens, which fits; half the training length would not.",
}


def fit_here(loaded: LoadedModel) -> Fit:
    """Settings that suit a model in the memory and on the cores of this machine; measures it for a second."""
    memory = int(MEMORY_SHARE * free_bytes(loaded.model.device))
    return fit(model_facts(loaded), memory_bytes=memory, cores=read_machine(os.environ).cores)


def sentence(note: Note) -> str:
    """A note in English."""
    said = _SENTENCES[note.kind].format(**note.values, about=_about(note.values.get("seconds", 0)))
    return said[0].upper() + said[1:]


def _about(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} second{'s' * (round(seconds) > 1)}"
    if seconds < 5400:
        return f"about {round(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours"
