"""How the server is set up: environment variables, checked at start; what is not said follows from the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from comparisons.limits import Range, check_limits, limited
from streaming.errors import SettingsError
from streaming.loading.machine import Machine, read_machine

__all__ = ["Config", "read_config"]

PREFIX = "STREAMING_"

RUNS_PER_CORE = 2
"""At its usual pace a run takes a small part of a core; at full speed it shares fairly with the others."""

BASE_MB = 1000
"""What Python, torch, Gradio and a bundled model take, before any run."""

KV_SHARE = 0.4
"""Of the memory beside that: the rest is for other models, for reading, and for what a run remembers."""

LEAST_KV_MB = 64
"""Of a run at its usual budget: a dense cache, the room that it grows into, and a fork that answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What an operator decides.

    Attributes:
        model: what the page opens with: "smollm2", a bundled model, a folder, or a Hub id; "" for "smollm2" where that
            can be had, else a bundled one.
        cores: how many lanes of all runs may be at work at once.
        runs: how many may go on at the same time; more wait in a queue.
        waiting: how many may wait; the next is told to come back later.
        kv_mb: memory for the keys and values of all runs together, in units of 1,000,000 bytes.
        turn: seconds that a run may take while others wait.
        pause: seconds that a run may be paused while others wait; ten times as long while nobody does.
        grace: seconds that a run is kept for a visitor whose connection is lost.
    """

    model: str = ""
    cores: int = limited(2, Range(min=1, max=256, unit="cores"))
    runs: int = limited(4, Range(min=1, max=256, unit="runs"))
    waiting: int = limited(36, Range(min=1, max=1_000, unit="visitors"))
    kv_mb: int = limited(1000, Range(min=1, max=1_000_000, unit="MB"))
    turn: int = limited(120, Range(min=5, max=86_400, unit="seconds"))
    pause: int = limited(30, Range(min=1, max=86_400, unit="seconds"))
    grace: int = limited(40, Range(min=1, max=3_600, unit="seconds"))

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_limits(self)
        if self.model and not self.model.strip():
            raise SettingsError("model must name a bundled model, a folder or a Hub id.")


def read_config(environ: Mapping[str, str] = os.environ, machine: Machine | None = None) -> Config:
    """The set-up that the variables STREAMING_MODEL, STREAMING_RUNS and so on ask for.

    Raises:
        SettingsError: a variable is not what it should be, or there is no such setting.
    """
    machine = machine or read_machine(environ)
    given = {name[len(PREFIX) :].lower(): text for name, text in environ.items() if name.startswith(PREFIX)}
    unknown = given.keys() - set(Config.__dataclass_fields__)
    if unknown:
        known = ", ".join(PREFIX + name.upper() for name in Config.__dataclass_fields__)
        raise SettingsError(f"There is no setting {PREFIX}{min(unknown).upper()}; there are {known}.")
    try:
        asked: dict[str, Any] = {name: _read(name, text) for name, text in given.items()}
        return replace(_usual(machine, asked.get("kv_mb")), **asked)
    except SettingsError as error:
        raise SettingsError(f"Environment: {PREFIX}… {error}") from None


def _usual(machine: Machine, kv_mb: int | str | None) -> Config:
    """What follows from the machine: so many runs as its cores can drive and its memory can hold."""
    kv_mb = int(kv_mb or max(LEAST_KV_MB, int(KV_SHARE * (machine.memory_bytes / 1e6 - BASE_MB))))
    by_cores, by_memory = round(RUNS_PER_CORE * machine.cores), kv_mb // LEAST_KV_MB
    cores, runs = (min(256, max(1, number)) for number in (round(machine.cores), min(by_cores, by_memory)))
    return Config(kv_mb=kv_mb, cores=cores, runs=runs)


def _read(name: str, text: str) -> str | int:
    if name == "model":
        return text
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{name} must be a whole number, not {text[:40]!r}.") from None
