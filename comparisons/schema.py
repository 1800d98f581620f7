"""Checks of data from outside: each says where in the data something is not what it must be.

A check is a function of a value and of the words for where it stands; it returns nothing or raises
RecordingError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streaming.errors import RecordingError

__all__ = [
    "Check",
    "flag",
    "list_of",
    "mapping",
    "number",
    "one_of",
    "optional",
    "record",
    "require",
    "row",
    "seconds",
    "text",
    "whole",
]

Check = Callable[[object, str], None]

MOST_COUNT = 2**53
"""The largest whole number that every reader of JSON keeps exactly."""

MOST_NUMBER = 1e300
MOST_SECONDS = 1e8


def require(right: bool, where: str) -> None:
    """Raise RecordingError that names the place unless it is right."""
    if not right:
        raise RecordingError(f"it is damaged at {where}: get the file again, or record the run again.")


def whole(value: object, where: str) -> None:
    """A count: a whole number from 0 on."""
    require(isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNT, where)


def number(value: object, where: str) -> None:
    """A finite number."""
    require(isinstance(value, (int, float)) and not isinstance(value, bool), where)
    require(abs(value) <= MOST_NUMBER, where)  # NaN is not, either


def seconds(value: object, where: str) -> None:
    """A time from 0 on, of less than a few years."""
    number(value, where)
    require(0 <= value <= MOST_SECONDS, where)


def flag(value: object, where: str) -> None:
    """True or false."""
    require(isinstance(value, bool), where)


def text(value: object, where: str) -> None:
    """A string."""
    require(isinstance(value, str), where)


def mapping(value: object, where: str) -> None:
    """An object with whatever in it."""
    require(isinstance(value, dict), where)


def optional(check: Check) -> Check:
    """The same, or null."""

    def check_optional(value: object, where: str) -> None:
        if value is not None:
            check(value, where)

    return check_optional


def one_of(*values: str | None) -> Check:
    """One of these."""

    def check_one_of(value: object, where: str) -> None:
        require(value is None or isinstance(value, str), where)
        require(value in values, where)

    return check_one_of


def list_of(check: Check, *, least: int = 0) -> Check:
    """A list of at least so many of the same."""

    def check_list(value: object, where: str) -> None:
        require(isinstance(value, list) and len(value) >= least, where)
        for place, item in enumerate(value):
            check(item, f"{where}[{place}]")

    return check_list


def row(*checks: Check) -> Check:
    """A list of exactly these."""

    def check_row(value: object, where: str) -> None:
        require(isinstance(value, list) and len(value) == len(checks), where)
        for place, (check, item) in enumerate(zip(checks, value, strict=True)):
            check(item, f"{where}[{place}]")

    return check_row


def record(checks: Mapping[str, Check]) -> Check:
    """An object with exactly these fields."""

    def check_record(value: object, where: str) -> None:
        require(isinstance(value, dict) and value.keys() == checks.keys(), where or "its fields")
        for name, check in checks.items():
            check(value[name], f"{where}.{name}" if where else name)

    return check_record
