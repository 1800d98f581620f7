"""Ranges of settings: said once, on the field, for the check and for the page's sliders."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from streaming.errors import SettingsError

__all__ = ["Range", "check_limits", "limited", "limits"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """What a numeric setting may be.

    Attributes:
        min: least value.
        max: greatest value.
        unit: what it counts, for messages; "" for a bare number.
        whole: whether only whole numbers (int) will do.
        optional: whether None will do, too.
    """

    min: float
    max: float
    unit: str
    whole: bool = True
    optional: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise SettingsError unless the value is a number of the right type in the range."""
        if value is None and self.optional:
            return
        right = numbers.Integral if self.whole else numbers.Real
        if isinstance(value, bool) or not isinstance(value, right):
            kind = ("a whole number" if self.whole else "a number") + (f" of {self.unit}" if self.unit else "")
            raise SettingsError(f"{name} must be {kind} {self}, not {_shown(value)}.")
        number: Any = value  # a Real of any library: they compare, and say so nowhere
        if not self.min <= number <= self.max:  # NaN is not, either
            raise SettingsError(f"{name} must be {f'{self} {self.unit}'.rstrip()}, not {_shown(value)}.")

    def __str__(self) -> str:
        """In words."""
        words = f"from {self.min:,} to {self.max:,}"
        return f"{words} (or None)" if self.optional else words


def limited(default: Any, range_: Range) -> Any:
    """A dataclass field that `check_limits` checks."""
    return field(default=default, metadata={"range": range_})


def limits(settings: Any) -> Mapping[str, Range]:
    """The ranges of a settings class (or of one of its objects), by name of the field."""
    found = {f.name: f.metadata["range"] for f in fields(settings) if "range" in f.metadata}
    return MappingProxyType(found)


def check_limits(settings: Any) -> None:
    """Raise SettingsError for the first field that is out of its range; keep NumPy's numbers as Python's."""
    for name, range_ in limits(settings).items():
        value = getattr(settings, name)
        range_.check(name, value)
        if not isinstance(value, (int, float, type(None))):
            object.__setattr__(settings, name, int(value) if range_.whole else float(value))


def _shown(value: object) -> str:
    """Values come from strangers: never more than a few characters of one in a message."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    text = repr(value) if isinstance(value, (int, float, str, type(None))) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}…"
