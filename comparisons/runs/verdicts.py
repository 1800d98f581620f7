"""What a run shows, in one word for each lane: lanes are compared with each other at the same token of the same text.

A lane is never compared with itself elsewhere: another passage is harder or easier, whatever the cache. And where even
the best lane knows next to nothing of the text, the comparison means nothing, which is said instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from comparisons.runs.frames import CurvePoint

__all__ = ["LaneCurve", "Outcome", "Verdict", "compare", "is_unknown", "verdicts"]

COLLAPSE = 3.0
"""Times the perplexity of the lane beside it: what a lane says is no language any more."""

WORSE = 1.25
"""Times the perplexity of the lane beside it that a reader would notice."""

BLIND = 0.7
"""Of the nats that blind guessing costs: from there on a model does not know a text."""

Outcome = Literal["waiting", "unknown", "same", "collapse", "worse", "as_good", "better"]
"""What one lane is beside another, by perplexity: nothing yet, meaningless, still the same reading, broken down, worse,
as good, better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneCurve:
    """What was measured of a lane.

    Attributes:
        label: of its policy.
        kind: of its policy.
        cache: tokens that its policy keeps; None for dense.
        points: of its curve, in the order of their tokens.
    """

    label: str
    kind: str
    cache: int | None
    points: Sequence[CurvePoint]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a lane is beside another one, both after `tokens` tokens.

    Attributes:
        label: of the lane that it is about.
        beside: label of the lane that it is measured against.
        outcome: in one word.
        tokens: read by both; 0 where they have no point in common yet.
        times: its perplexity, memory (KV bytes) and time per token as multiples of the other's, as far as there are.
    """

    label: str
    beside: str
    outcome: Outcome
    tokens: int
    times: Mapping[str, float]


def verdicts(lanes: Sequence[LaneCurve], vocabulary: int) -> list[Verdict]:
    """Each lane beside StreamingLLM, and StreamingLLM beside the first of the others (dense, as a rule).

    Every pair is compared at the last token that both have read, however far the others are.

    Args:
        lanes: of one run.
        vocabulary: how many tokens the model knows.
    """
    bounded = [lane for lane in lanes if lane.cache is not None]
    ours = next((lane for lane in bounded if lane.kind == "sinks"), bounded[0] if bounded else None)
    other = next((lane for lane in lanes if lane is not ours), None)
    if ours is None or other is None:
        return []
    best = min((point[1] for lane in lanes for point in lane.points if point[1] is not None), default=None)
    unknown = best is not None and is_unknown(best, vocabulary)
    pairs = [(lane, other if lane is ours else ours) for lane in lanes]
    return [compare(lane, beside, unknown=unknown) for lane, beside in pairs]


def compare(lane: LaneCurve, beside: LaneCurve, *, unknown: bool = False) -> Verdict:
    """One lane beside another, at the last token that both have a point at; `unknown` is of their text."""
    theirs = {point[0]: point for point in beside.points if point[1] is not None}
    point = next((each for each in reversed(lane.points) if each[0] in theirs and each[1] is not None), None)
    if point is None:
        return Verdict(label=lane.label, beside=beside.label, outcome="waiting", tokens=0, times={})
    names = {"perplexity": 1, "memory": 2, "time": 3}
    times = {name: _ratio(point[place], theirs[point[0]][place]) for name, place in names.items()}
    caches = [each.cache for each in (lane, beside) if each.cache is not None]
    same = all(point[0] <= cache for cache in caches)  # nothing has left a cache
    outcome = "same" if same else "unknown" if unknown else _outcome(times["perplexity"])
    return Verdict(label=lane.label, beside=beside.label, outcome=outcome, tokens=point[0], times=times)


def is_unknown(perplexity: float, vocabulary: int) -> bool:
    """Whether so much perplexity is more than `BLIND` of the nats of guessing among all tokens: an unknown text."""
    return math.log(perplexity) > BLIND * math.log(vocabulary)


def _outcome(times: float) -> Outcome:
    if times >= COLLAPSE:
        return "collapse"
    if times > WORSE:
        return "worse"
    return "better" if times < 1 / WORSE else "as_good"


def _ratio(value: float | None, other: float | None) -> float:
    return (value or 0.0) / other if other else math.inf
