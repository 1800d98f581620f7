"""Numbers that people pass as settings: Python's own, NumPy's, or whatever else counts; never a bool, never a text."""

from __future__ import annotations

import math
import numbers
import operator

from streaming.errors import SettingsError

__all__ = ["real", "whole"]


def whole(name: str, value: object, least: int, most: int, unit: str = "") -> int:
    """Return a whole number from `least` to `most` as an int.

    Raises:
        SettingsError: it is something else; the message has the setting's `name`, and the `unit` (" tokens").
    """
    try:
        count = operator.index(value)  # type: ignore[arg-type]  # it says so itself where it cannot
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise SettingsError(f"{name} must be a whole number{unit and ' of'}{unit}, not {value!r}.")
    if not least <= count <= most:
        raise SettingsError(f"{name} must be between {least} and {most}{unit}, not {count}.")
    return count


def real(name: str, value: object, least: float, most: float) -> float:
    """Return a number from `least` to `most` as a float.

    Raises:
        SettingsError: it is something else; the message has the setting's `name`.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise SettingsError(f"{name} must be a number, not {value!r}.")
    number = float(value)
    if not least <= number <= most:
        raise SettingsError(f"{name} must be between {least:g} and {most:g}, not {number:g}.")
    return number
