"""JSON that others wrote: the one way to read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["TooDeep", "holds", "parsed"]

MOST_DEPTH = 64
"""How deep a document may be nested: ours are not ten deep, and what walks through it must not run out of stack."""


class TooDeep(ValueError):
    """It is nested deeper than anything that is read here."""


def parsed(text: str | bytes, *, most_depth: int = MOST_DEPTH) -> Any:
    """What a JSON document says.

    Args:
        text: the document; bytes are UTF-8.
        most_depth: how deep lists and objects may stand in each other.

    Raises:
        ValueError: it is no JSON; `TooDeep` where it is nested deeper.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise TooDeep("It is nested too deep.") from None
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, (dict, list))]:
        depth += 1
        if depth > most_depth:
            raise TooDeep("It is nested too deep.")
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
    return value


def holds(path: Path, value: object) -> bool:
    """Whether a file says just this, as far as JSON can; one that is damaged does not."""
    try:
        return bool(parsed(path.read_bytes()) == json.loads(json.dumps(value, default=str)))
    except ValueError:
        return False
