"""How the server is set up: environment variables, checked at start; what is not said follows from the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from comparisons.limits import Range, check_limits, limited
from comparisons.machine import Machine, read_machine
from streaming.errors import SettingsError

__all__ = ["Config", "read_config"]

PREFIX = "STREAMING_"

RUNS_PER_CORE = 2
"""At its usual pace a run takes a small part of a core; at full speed it shares fairly with the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What an operator decides.

    Attributes:
        model: what the page opens with: a bundled model, a folder, or a Hub id.
        runs: how many may go on at the same time; more wait in a queue.
        waiting: how many may wait; the next is told to come back later.
    """

    model: str = "sink"
    runs: int = limited(4, Range(min=1, max=256, unit="runs"))
    waiting: int = limited(32, Range(min=1, max=10_000, unit="visitors"))

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_limits(self)
        if not self.model.strip():
            raise SettingsError("model must name a bundled model, a folder or a Hub id.")


def read_config(environ: Mapping[str, str] = os.environ, machine: Machine | None = None) -> Config:
    """The set-up that STREAMING_MODEL, STREAMING_RUNS and STREAMING_WAITING ask for.

    Raises:
        SettingsError: a variable is not what it should be, or there is no such setting.
    """
    machine = machine or read_machine(environ)
    given = {name[len(PREFIX) :].lower(): text for name, text in environ.items() if name.startswith(PREFIX)}
    unknown = given.keys() - set(Config.__dataclass_fields__)
    if unknown:
        known = ", ".join(PREFIX + name.upper() for name in Config.__dataclass_fields__)
        raise SettingsError(f"There is no setting {PREFIX}{min(unknown).upper()}; there are {known}.")
    usual = {"runs": max(1, round(RUNS_PER_CORE * machine.cores))}
    try:
        return Config(**usual | {name: _read(name, text) for name, text in given.items()})
    except SettingsError as error:
        raise SettingsError(f"Environment: {PREFIX}… {error}") from None


def _read(name: str, text: str) -> str | int:
    if name == "model":
        return text
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{name} must be a whole number, not {text[:40]!r}.") from None
