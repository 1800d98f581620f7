"""A recording shown as a whole, and played again as if it were live."""

from __future__ import annotations

import time
import uuid
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from operator import attrgetter, itemgetter

from comparisons.recordings.format import LaneRecording, Recording
from comparisons.runs.frames import (
    FRAME_VERSION,
    TAIL_ANSWERS,
    TAIL_POINTS,
    TAIL_TOKENS,
    Frame,
    LaneFrame,
    LaneNumbers,
    SinkShareFrame,
    TextTail,
)
from streaming.errors import SettingsError

__all__ = ["overview", "play"]

FRAME_SECONDS = 0.2
"""Watching time from one frame to the next, at most."""


def overview(recording: Recording) -> Frame:
    """The whole recording as one frame: its last moment, with the curves and answers from the beginning."""
    frame = _Player(recording).frame(recording.moments[-1]["seconds"], seq=0)
    for shown, lane in zip(frame["lanes"], recording.lanes, strict=True):
        shown["curve"] = {"from": 0, "points": lane.curve}
        shown["answers"] = {"from": 0, "items": lane.answers}
    frame["rss"] = {"from": 0, "points": recording.rss}
    return frame


def play(recording: Recording, speed: float = 1.0) -> Iterator[Frame]:
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
    before = recording.moments[0]["seconds"]
    for seq, seconds in enumerate(_times(recording, FRAME_SECONDS * speed)):
        time.sleep((seconds - before) / speed)
        before = seconds
        yield player.frame(seconds, seq)


def _times(recording: Recording, step: float) -> Iterator[float]:
    """The recorded moments, and steps between them where they are far apart."""
    moments = [moment["seconds"] for moment in recording.moments]
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
        self._told: dict[str, tuple[int, int]] = {}

    def frame(self, seconds: float, seq: int) -> Frame:
        """The run as it was then."""
        recording = self._recording
        moment = max(0, bisect_right(recording.moments, seconds, key=itemgetter("seconds")) - 1)
        run = recording.moments[moment]
        until = bisect_right(recording.rss, seconds, key=attrgetter("seconds"))
        first = self._first("", until)
        frame: Frame = {
            "version": FRAME_VERSION,
            "run": self._run,
            "seq": seq,
            "seconds": seconds,
            "state": run["state"],
            "recorded": True,
            "rss_bytes": run["rss_bytes"],
            "rss": {"from": first, "points": recording.rss[first:until]},
            "lanes": [self._lane(lane, moment, seconds) for lane in recording.lanes],
        }
        if seq == 0:
            frame["header"] = recording.header
        return frame

    def _lane(self, lane: LaneRecording, moment: int, seconds: float) -> LaneFrame:
        points = bisect_right(lane.curve, seconds, key=attrgetter("seconds"))
        first = self._first(lane.label, points)
        answers = [answer for answer in lane.answers if answer["seconds"] <= seconds]
        shown = max(0, len(answers) - TAIL_ANSWERS)
        judged = [right for answer in answers if (right := answer.get("right")) is not None]
        events = [event for event in lane.events if event["seconds"] <= seconds]
        sinks = [event["kind"] for event in events if event["kind"] in ("sinks-aside", "sinks-back")]
        return {
            "label": lane.label,
            "kind": lane.kind,
            "sinks": lane.sinks,
            "recent": lane.recent,
            **self._numbers(lane, moment, points),
            "curve": {"from": first, "points": lane.curve[first:points]},
            "text": _text(lane, seconds),
            "answers": {"from": shown, "items": answers[shown:]},
            "judged": {"asked": len(judged), "right": sum(judged)},
            "said": None,
            "told": [],
            "sink_share": _share(lane, self._recording.moments[moment]["seconds"]),
            "attention": None,
            "sinks_aside": sinks[-1:] == ["sinks-aside"],
            "events": events,
        }

    def _numbers(self, lane: LaneRecording, moment: int, points: int) -> LaneNumbers:
        """Those of the last moment, or of the curve's last point where that is later: all measured."""
        numbers = lane.moments[moment]
        if not points or lane.curve[points - 1].token <= numbers["tokens"]:
            return numbers
        point = lane.curve[points - 1]
        return {
            **numbers,
            "tokens": point.token,
            "perplexity": point.perplexity,
            "kv_bytes": point.kv_bytes,
            "cache_tokens": point.kv_bytes // max(1, self._recording.header["bytes_per_token"]),
            "ms_per_token": point.ms_per_token,
            "seconds": point.seconds,
        }

    def _first(self, name: str, until: int) -> int:
        """Where the end of a curve begins that overlaps the frame before."""
        before, told = self._told.get(name, (0, 0))
        self._told[name] = told, until
        return max(0, min(before, until - TAIL_POINTS))


def _text(lane: LaneRecording, seconds: float) -> TextTail:
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
    known = bisect_right(lane.shares, seconds, key=attrgetter("seconds"))
    if not known or not lane.shares[known - 1].layers:
        return None
    return {"tokens": lane.shares[known - 1].tokens, "layers": lane.shares[known - 1].layers}
