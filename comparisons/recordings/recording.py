"""A run kept in a file: save, load, show as a whole, and play again as if it were live.

The file is one JSON object; docs/recording-format.md says all of what is in it.
"""

from __future__ import annotations

import json
import time
import uuid
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from comparisons.files import write_whole
from comparisons.recordings import schema
from comparisons.runs.frames import (
    FRAME_VERSION,
    Answer,
    CurvePoint,
    Event,
    EventKind,
    Frame,
    Header,
    LaneFrame,
    Reason,
    RssPoint,
    RunState,
    SinkShareFrame,
    Status,
)
from comparisons.runs.journal import TAIL_ANSWERS, TAIL_POINTS, TAIL_TOKENS
from streaming.errors import RecordingError, SettingsError

__all__ = [
    "FORMAT",
    "LANE_NUMBERS",
    "VERSION",
    "LaneRecording",
    "Recording",
    "dumps",
    "load",
    "overview",
    "replay",
    "save",
]

FORMAT = "streaming-comparison"
VERSION = 2

FRAME_SECONDS = 0.2
"""Watching time from one frame of a replay to the next, at most."""

MOST_BYTES = 16 * 2**20
"""A larger file is no recording of ours: no more than this is read of it."""

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


def dumps(recording: Recording) -> str:
    """The text of a recording's file."""
    content = {"format": FORMAT, "version": VERSION, **asdict(recording)}
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def save(recording: Recording, path: str | Path) -> None:
    """Write a recording, whole or not at all: what was at `path` stays until the new file is complete."""
    write_whole(Path(path), dumps(recording).encode("utf-8"))


def load(path: str | Path) -> Recording:
    """Read a recording and check all of it.

    Raises:
        RecordingError: the file is not there, no recording, damaged, truncated, or of a newer version.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RecordingError(f"The recording {path.name} cannot be read ({error.strerror}): check the path.") from None
    if len(data) > MOST_BYTES:
        raise RecordingError(f"{path.name} is larger than any recording ({MOST_BYTES // 2**20} MiB).")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise RecordingError(f"{path.name} is damaged or no recording: its text is not UTF-8.") from None
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise RecordingError(f"{path.name} is damaged, cut short, or no recording: it is not whole JSON.") from None
    try:
        return _recording(content)
    except RecordingError as error:
        raise RecordingError(f"{path.name}: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _recording(content: object) -> Recording:
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


def overview(recording: Recording) -> Frame:
    """The whole recording as one frame: its last moment, with the curves and answers from the beginning."""
    frame = _Player(recording).frame(recording.moments[-1][0], seq=0)
    for shown, lane in zip(frame["lanes"], recording.lanes, strict=True):
        shown["curve"] = {"from": 0, "points": lane.curve}
        shown["answers"] = {"from": 0, "items": lane.answers}
    frame["rss"] = {"from": 0, "points": recording.rss}
    return frame


def replay(recording: Recording, speed: float = 1.0) -> Iterator[Frame]:
    """The recording as frames, like those of a live run, marked as recorded.

    Args:
        recording: what to play.
        speed: 1.0 as it was, 2.0 twice as fast, `math.inf` without waiting.

    Raises:
        SettingsError: for a speed that is not above 0.
    """
    if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not speed > 0:
        raise SettingsError(f"The speed of a replay must be a number above 0, not {speed!r}.")
    return _frames(recording, speed)


def _frames(recording: Recording, speed: float) -> Iterator[Frame]:
    player = _Player(recording)
    before = recording.moments[0][0]
    for seq, seconds in enumerate(_times(recording, FRAME_SECONDS * speed)):
        time.sleep((seconds - before) / speed)
        before = seconds
        yield player.frame(seconds, seq)


def _times(recording: Recording, step: float) -> Iterator[float]:
    """The recorded moments, and steps between them where they are far apart."""
    moments = [moment[0] for moment in recording.moments]
    for begin, end in pairwise(moments):
        now = begin
        while now < end:
            yield now
            now += step
    yield moments[-1]


class _Player:
    """Makes frames of a recording, each overlapping the one before."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._run = uuid.uuid4().hex[:12]
        self._told: dict[str, list[int]] = {}

    def frame(self, seconds: float, seq: int) -> Frame:
        """The run as it was then."""
        recording = self._recording
        moment = max(0, bisect_right(recording.moments, seconds, key=_first) - 1)
        _, state, rss_bytes = recording.moments[moment]
        frame: Frame = {
            "version": FRAME_VERSION,
            "run": self._run,
            "seq": seq,
            "seconds": seconds,
            "state": state,
            "recorded": True,
            "rss_bytes": rss_bytes,
            "rss": self._tail("", recording.rss, bisect_right(recording.rss, seconds, key=_last)),
            "lanes": [self._lane(lane, moment, seconds) for lane in recording.lanes],
        }
        if seq == 0:
            frame["header"] = recording.header
        return frame

    def _lane(self, lane: LaneRecording, moment: int, seconds: float) -> LaneFrame:
        points = bisect_right(lane.curve, seconds, key=_last)
        answers = [answer for answer in lane.answers if answer["seconds"] <= seconds]
        shown = max(0, len(answers) - TAIL_ANSWERS)
        return {
            "label": lane.label,
            "kind": lane.kind,
            "sinks": lane.sinks,
            "recent": lane.recent,
            **self._numbers(lane, moment, points),
            "curve": self._tail(lane.label, lane.curve, points),
            "text": _text(lane, seconds),
            "answers": {"from": shown, "items": answers[shown:]},
            "said": None,
            "told": [],
            "sink_share": _share(lane, self._recording.moments[moment][0]),
            "events": [event for event in lane.events if event["seconds"] <= seconds],
        }

    def _numbers(self, lane: LaneRecording, moment: int, points: int) -> dict[str, Any]:
        """Those of the last moment, or of the curve's last point where that is later: all measured."""
        numbers = dict(zip(LANE_NUMBERS, lane.moments[moment], strict=True))
        if points and lane.curve[points - 1][0] > numbers["tokens"]:
            names = ("tokens", "perplexity", "kv_bytes", "ms_per_token", "seconds")
            numbers |= dict(zip(names, lane.curve[points - 1], strict=True))
            numbers["cache_tokens"] = numbers["kv_bytes"] // max(1, self._recording.header["bytes_per_token"])
        return numbers

    def _tail(self, name: str, points: list[Any], until: int) -> dict[str, Any]:
        told = self._told.setdefault(name, [0, 0])
        first = max(0, min(told[0], until - TAIL_POINTS))
        told[:] = [told[1], until]
        return {"from": first, "points": points[first:until]}


def _text(lane: LaneRecording, seconds: float) -> dict[str, Any]:
    """The last text known then, with the texts before it as far as each goes on to the next without a gap."""
    known = [text for text in lane.texts if text["seconds"] <= seconds]
    if not known:
        return {"from": 0, "pieces": []}
    start, pieces = known[-1]["from"], known[-1]["pieces"]
    for earlier in reversed(known[:-1]):
        if len(pieces) >= TAIL_TOKENS or not earlier["from"] < start <= earlier["from"] + len(earlier["pieces"]):
            break
        pieces = earlier["pieces"][: start - earlier["from"]] + pieces
        start = earlier["from"]
    shown = pieces[-TAIL_TOKENS:]
    return {"from": start + len(pieces) - len(shown), "pieces": shown}


def _share(lane: LaneRecording, seconds: float) -> SinkShareFrame | None:
    """The last one that was known then."""
    known = bisect_right(lane.shares, seconds, key=_first)
    _, tokens, layers = lane.shares[known - 1] if known else (0.0, 0, [])
    return {"tokens": tokens, "layers": layers} if layers else None


def _first(row: list[Any]) -> float:
    return row[0]


def _last(row: list[Any]) -> float:
    return row[-1]
