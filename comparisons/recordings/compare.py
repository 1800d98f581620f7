"""Two recordings side by side: what was set differently, and what was measured.

Nothing is interpolated: perplexities are compared at tokens where both recordings have a measured point.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from comparisons.metrics import rounded, tokens_per_second
from comparisons.recordings.format import LaneRecording, Recording
from comparisons.runs.frames import Header

__all__ = ["Comparison", "Measured", "Pair", "compare"]

_Ground = Literal["model", "source", "seed", "window"]

_GROUNDS: dict[_Ground, str] = {
    "model": "The models differ: {} and {}. Perplexities of models with different tokenizers do not compare.",
    "source": "The texts differ: {} and {}.",
    "seed": "The prompt streams differ: seed {} and seed {}.",
    "window": "The perplexity windows differ: {} and {} tokens, so the perplexities along the stream do not compare.",
}
"""What makes two recordings incomparable, by the header's field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What one recording says of one lane, over the whole run.

    Attributes:
        tokens: read.
        perplexity: of the whole stream; None where nothing was measured.
        kv_bytes: of keys and values in the cache at the end.
        kv_allocated_bytes: of the tensors that held them.
        tokens_per_second: over the lane's running time.
        ms_per_token: the lane's own work, median over the points of its curve; None where there are none.
        reason: why it ended; None in a recording that was cut off before.
    """

    tokens: int
    perplexity: float | None
    kv_bytes: int
    kv_allocated_bytes: int
    tokens_per_second: float
    ms_per_token: float | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A lane that both recordings have.

    Attributes:
        label: its policy.
        a: what the first says.
        b: what the second says.
        points: (token, perplexity in the first, perplexity in the second), at all tokens where both have one; over
            the sliding window before the token.
    """

    label: str
    a: Measured
    b: Measured
    points: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two recordings, side by side.

    Attributes:
        warnings: why the two do not compare, in sentences; empty where they do.
        settings: (name, value in the first, value in the second) where they differ.
        lanes: those that both have, in the order of the first.
        only_a: labels that the first alone has.
        only_b: labels that the second alone has.
    """

    warnings: tuple[str, ...]
    settings: tuple[tuple[str, Any, Any], ...]
    lanes: tuple[Pair, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def compare(a: Recording, b: Recording) -> Comparison:
    """Match two recordings lane by lane, by label."""
    ours, theirs = ({lane.label: lane for lane in recording.lanes} for recording in (a, b))
    return Comparison(
        warnings=tuple(_warnings(a.header, b.header)),
        settings=tuple(_differences(_settings(a.header), _settings(b.header))),
        lanes=tuple(_pair(ours[label], theirs[label]) for label in ours if label in theirs),
        only_a=tuple(label for label in ours if label not in theirs),
        only_b=tuple(label for label in theirs if label not in ours),
    )


def _warnings(a: Header, b: Header) -> Iterator[str]:
    for name, words in _GROUNDS.items():
        matters = name != "seed" or ("prompts" in a["source"] and "prompts" in b["source"])
        if matters and a[name] != b[name]:
            yield words.format(a[name], b[name])
    if a["source"] == b["source"] and not _known(a["source"]):
        yield f"Both read {a['source']!r}: whether that was the same text, the recordings do not say."


def _known(source: str) -> bool:
    """Whether its name says all about a text: prompts have a seed, files a digest."""
    return all(part.startswith(("prompts", "python")) or "SHA-256" in part for part in source.split(" + "))


def _settings(header: Header) -> dict[str, Any]:
    """All that is set, the software's versions included; lanes and what is warned of are told elsewhere."""
    told = {*_GROUNDS, "lanes", "settings", "versions", "recorded_at"}
    inner = {name: value for name, value in header["settings"].items() if name not in ("lanes", "seed")}
    return {**inner, **{name: value for name, value in header.items() if name not in told}, **header["versions"]}


def _differences(a: dict[str, Any], b: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in a | b:
        if a.get(name) != b.get(name):
            yield name, a.get(name), b.get(name)


def _pair(a: LaneRecording, b: LaneRecording) -> Pair:
    return Pair(label=a.label, a=_measured(a), b=_measured(b), points=_common_points(a, b))


def _measured(lane: LaneRecording) -> Measured:
    last, work = lane.moments[-1], [point.ms_per_token for point in lane.curve]
    return Measured(
        tokens=last["tokens"],
        perplexity=last["perplexity_total"],
        kv_bytes=last["kv_bytes"],
        kv_allocated_bytes=last["kv_allocated_bytes"],
        tokens_per_second=rounded(tokens_per_second(last["tokens"], last["seconds"]), 5),
        ms_per_token=rounded(statistics.median(work), 5) if work else None,
        reason=last["reason"],
    )


def _common_points(a: LaneRecording, b: LaneRecording) -> tuple[tuple[int, float, float], ...]:
    ours, theirs = _heights(a), _heights(b)
    return tuple((token, ours[token], theirs[token]) for token in ours if token in theirs)


def _heights(lane: LaneRecording) -> dict[int, float]:
    return {point.token: point.perplexity for point in lane.curve if point.perplexity is not None}
