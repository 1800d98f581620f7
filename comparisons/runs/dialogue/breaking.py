"""When a lane of a dialogue broke down: one rule, of what was measured alone. Pure functions.

All lanes are asked the same, so the perplexities of one turn's prompt compare. A lane babbles in a turn where

- the prompt surprises it at least `TIMES` times as much as the lane that it surprises least, or
- at least `REPEATED` of the answer's 4-grams, or of those of the last ten answers, have come before in them.

It broke at the first turn of the first `TURNS` in a row in which it babbles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from comparisons.runs.dialogue.records import TurnRecord

__all__ = ["REPEATED", "TIMES", "TURNS", "broke"]

TIMES = 10.0
"""The perplexity of a prompt, against that of the lane that has the lowest."""

REPEATED = 0.5
"""Share of 4-grams; see `comparisons.runs.dialogue.speech`."""

TURNS = 3
"""In a row: one answer may be odd."""


def broke(lanes: Mapping[str, Sequence[TurnRecord]]) -> dict[str, int | None]:
    """The turn at which each lane broke; None for one that did not.

    Args:
        lanes: the records of the lanes by their names, in the order of the turns; they may be of different length.
    """
    least: dict[int, float] = {}
    for records in lanes.values():
        for record in records:
            if (now := record["perplexity"]) is not None:
                least[record["turn"]] = min(now, least.get(record["turn"], now))
    return {name: _first([_babbles(one, least) for one in records], records) for name, records in lanes.items()}


def _babbles(record: TurnRecord, least: Mapping[int, float]) -> bool:
    now = record["perplexity"]
    surprised = now is not None and now >= TIMES * least[record["turn"]]
    shares = (record["repetition"], record["repetition_latest"])
    return surprised or any(share is not None and share >= REPEATED for share in shares)


def _first(babbles: Sequence[bool], records: Sequence[TurnRecord]) -> int | None:
    found = (i for i in range(len(babbles) - TURNS + 1) if all(babbles[i : i + TURNS]))
    place = next(found, None)
    return None if place is None else records[place]["turn"]
