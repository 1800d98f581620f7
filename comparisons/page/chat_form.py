"""What the page's form says of a chat: the same lanes, limits and pace as those of a run that reads."""

from __future__ import annotations

from comparisons.page.forms import MOST_SECONDS, Form
from comparisons.runs.dialogue.settings import DialogueSettings
from comparisons.runs.fit import Fit
from comparisons.runs.settings import RunSettings

__all__ = ["ANSWER_TOKENS", "settings_of"]

MOST_TURNS = 2000
ANSWER_TOKENS = 64


def settings_of(form: Form, fit: Fit | None = None) -> RunSettings | DialogueSettings:
    """The run, or the chat, that this form asks for; `fit` is what is known of the model."""
    run = form.settings(fit)
    if form.mode == "read":
        return run
    return DialogueSettings(
        lanes=run.lanes,
        seed=form.seed,
        turns=MOST_TURNS,
        answer_tokens=ANSWER_TOKENS,
        kv_budget_bytes=run.kv_budget_bytes,
        tokens_per_second=run.tokens_per_second,
        max_seconds=MOST_SECONDS,
    )
