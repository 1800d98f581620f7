"""The shape of a recording, as docs/recording-format.md describes it: what its fields are, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, get_args

from comparisons.recordings import schema
from comparisons.runs.frames import Answer, CurvePoint, Event, EventKind, Header, Reason, RssPoint, RunState, Status
from streaming.errors import RecordingError

__all__ = ["FORMAT", "LANE_NUMBERS", "VERSION", "LaneRecording", "Recording", "checked"]

FORMAT = "streaming-comparison"
VERSION = 2

LANE_NUMBERS = (
    "tokens",
    "status",
    "reason",
    "message",
    "kv_bytes",
    "kv_allocated_bytes",
    "cache_tokens",
    "seconds",
    "tokens_per_second",
    "ms_per_token",
    "perplexity",
    "perplexity_total",
)
"""The columns of a lane's moments, as they are called in frames."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneRecording:
    """One lane; the fields are those of the file."""

    label: str
    kind: str
    sinks: int
    recent: int
    moments: list[list[Any]]
    curve: list[CurvePoint]
    texts: list[dict[str, Any]]
    answers: list[Answer]
    events: list[Event]
    shares: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One run; the fields are those of the file."""

    header: Header
    moments: list[list[Any]]
    rss: list[RssPoint]
    lanes: list[LaneRecording]


def checked(content: object) -> Recording:
    """The checked content of a file."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise RecordingError("this is no recording of a comparison.")
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise RecordingError(
            f"it was made by a newer version of this app (format {version}, not {VERSION}): update the app."
        )
    schema.require(isinstance(version, int) and not isinstance(version, bool) and version >= 1, "version")
    _FILE({name: value for name, value in content.items() if name not in ("format", "version")}, "")
    lanes = [LaneRecording(**lane) for lane in content["lanes"]]
    labels = [lane.label for lane in lanes]
    schema.require(labels == content["header"]["lanes"], "lanes (not those of the header)")
    schema.require(len(set(labels)) == len(labels), "lanes (the same twice)")
    for lane in lanes:
        schema.require(len(lane.moments) == len(content["moments"]), f"moments of {lane.label}")
        for column in (0, 4):
            schema.require(_ascending(point[column] for point in lane.curve), f"curve of {lane.label} (its order)")
        schema.require(_ascending(text["seconds"] for text in lane.texts), f"texts of {lane.label} (their order)")
        schema.require(_ascending(share[0] for share in lane.shares), f"shares of {lane.label} (their order)")
    schema.require(_ascending(moment[0] for moment in content["moments"]), "moments (their order)")
    schema.require(_ascending(point[2] for point in content["rss"]), "rss (its order)")
    header = _BEFORE_SOURCES | content["header"]
    return Recording(header=header, moments=content["moments"], rss=content["rss"], lanes=lanes)


def _ascending(numbers: Iterable[float]) -> bool:
    return all(before <= after for before, after in pairwise(numbers))


_HEADER = schema.record(
    {
        "model": schema.text,
        "context": schema.whole,
        "source": schema.text,
        "source_characters": schema.whole,
        "seed": schema.whole,
        "kv_budget_bytes": schema.whole,
        "bytes_per_token": schema.whole,
        "window": schema.whole,
        "stride": schema.whole,
        "lanes": schema.list_of(schema.text, least=1),
        "settings": schema.named(schema.setting),
        "versions": schema.named(schema.text),
        "recorded_at": schema.text,
    },
    later=("source", "source_characters"),
)

_BEFORE_SOURCES = {"source": "prompts", "source_characters": 0}
"""What a header says that does not say it: recordings once knew prompts alone."""

_LANE_MOMENT = schema.row(
    schema.whole,
    schema.one_of(*get_args(Status)),
    schema.one_of(None, *get_args(Reason)),
    schema.text,
    schema.whole,
    schema.whole,
    schema.whole,
    schema.seconds,
    schema.number,
    schema.optional(schema.number),
    schema.optional(schema.number),
    schema.optional(schema.number),
)

_TEXT = schema.record(
    {
        "seconds": schema.seconds,
        "from": schema.whole,
        "pieces": schema.list_of(schema.row(schema.text, schema.optional(schema.number))),
    }
)

_ANSWER = schema.record(
    {
        "turn": schema.whole,
        "at": schema.whole,
        "seconds": schema.seconds,
        "prompt": schema.text,
        "reference": schema.text,
        "expected": schema.optional(schema.text),
        "answer": schema.text,
        "done": schema.flag,
    }
)

_EVENT = schema.record({"at": schema.whole, "kind": schema.one_of(*get_args(EventKind)), "seconds": schema.seconds})

_LANE = schema.record(
    {
        "label": schema.text,
        "kind": schema.text,
        "sinks": schema.whole,
        "recent": schema.whole,
        "moments": schema.list_of(_LANE_MOMENT, least=1),
        "curve": schema.list_of(
            schema.row(schema.whole, schema.optional(schema.number), schema.whole, schema.number, schema.seconds)
        ),
        "texts": schema.list_of(_TEXT),
        "answers": schema.list_of(_ANSWER),
        "events": schema.list_of(_EVENT),
        "shares": schema.list_of(schema.row(schema.seconds, schema.whole, schema.list_of(schema.number))),
    },
    later=("shares",),
)

_FILE = schema.record(
    {
        "header": _HEADER,
        "moments": schema.list_of(
            schema.row(schema.seconds, schema.one_of(*get_args(RunState)), schema.whole), least=1
        ),
        "rss": schema.list_of(schema.row(schema.whole, schema.whole, schema.seconds)),
        "lanes": schema.list_of(_LANE, least=1),
    }
)
