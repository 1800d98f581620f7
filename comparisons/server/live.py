"""Settings that a visitor moves while a run goes: some act at once, the others from the next start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from comparisons.runs.settings import LiveSettings
from streaming.errors import SettingsError

__all__ = ["BYTES_PER_MB", "STORY", "change"]

BYTES_PER_MB = 1_000_000

STORY = -1
"""Among paces, the one of the story."""

_MOST_NAMES = 32


def change(live: LiveSettings | None, settings: object) -> dict[str, list[str]]:
    """Change what can be changed at once.

    Args:
        live: those of the run; None where none has begun.
        settings: by the names and in the units of the page's form: `pace` (tokens per second, 0 for as fast as the
            machine can, -1 for the story's), `budget_mb` (units of 1,000,000 bytes, for lanes that still read),
            `answers` (bool), and any other field, which waits.

    Returns:
        {"now": the names of those that act from now on, "next": of those that act from the next start on}.

    Raises:
        SettingsError: these are no settings, or a value is out of range; the ones before it act.
    """
    if not isinstance(settings, Mapping) or len(settings) > _MOST_NAMES:
        raise SettingsError("settings must be an object of names and values.")
    at_once = {} if live is None else _setters(live)
    now = [str(name) for name in settings if name in at_once]
    for name in now:
        at_once[name](settings[name])
    return {"now": now, "next": [str(name) for name in settings if name not in at_once]}


def _setters(live: LiveSettings) -> dict[str, Callable[[Any], None]]:
    return {
        "pace": lambda pace: _set_pace(live, pace),
        "budget_mb": lambda mb: setattr(live, "kv_budget_bytes", mb * BYTES_PER_MB if _is_number(mb) else mb),
        "answers": lambda answers: setattr(live, "answers", answers),
    }


def _set_pace(live: LiveSettings, pace: Any) -> None:
    story = _is_number(pace) and pace == STORY
    if not story:
        live.pace = pace or None if _is_number(pace) else pace
    live.story = story


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
