"""Checks of data from outside: each says where in the data something is not what it must be.

A check is a function of a value and of the words for where it stands; it returns nothing or raises
RecordingError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from streaming.errors import RecordingError

__all__ = [
    "Check",
    "flag",
    "list_of",
    "named",
    "number",
    "one_of",
    "optional",
    "record",
    "require",
    "row",
    "seconds",
    "setting",
    "text",
    "whole",
]

Check = Callable[[object, str], None]

MOST_COUNT = 2**53
"""The largest whole number that every reader of JSON keeps exactly."""

MOST_NUMBER = 1e300
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
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
    """A string that can be written again; half a surrogate pair, which JSON can spell, cannot."""
    require(isinstance(value, str) and not _HALF_A_PAIR.search(value), where)


def setting(value: object, where: str) -> None:
    """What a setting may be: a number, a string, true or false, null, or a list of these."""
    for place, item in enumerate(value if isinstance(value, list) else [value]):
        if isinstance(item, str):
            text(item, where)
        elif item is not None and not isinstance(item, bool):
            number(item, f"{where}[{place}]" if isinstance(value, list) else where)


def named(check: Check) -> Check:
    """An object with any names, and such values."""

    def check_named(value: object, where: str) -> None:
        require(isinstance(value, dict), where)
        for name, item in value.items():
            text(name, where)
            check(item, f"{where}.{name[:40]}")

    return check_named


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


def record(checks: Mapping[str, Check], later: Collection[str] = ()) -> Check:
    """An object with exactly these fields; those that came `later` may be missing."""

    def check_record(value: object, where: str) -> None:
        require(isinstance(value, dict), where or "its fields")
        require(checks.keys() - set(later) <= value.keys() <= checks.keys(), where or "its fields")
        for name in value:
            checks[name](value[name], f"{where}.{name}" if where else name)

    return check_record
