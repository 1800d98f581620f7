"""A real run of the tiny model, and its recording: made once for all tests that read one."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TypeVar

from pydantic import BaseModel

from comparisons.recordings import files
from comparisons.recordings.format import Recording
from comparisons.recordings.recorder import Recorder
from comparisons.runs.frames import Frame
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from streaming.policy import Policy
from tests.support.speaking import BYTES_PER_TOKEN, loaded

M = TypeVar("M", bound=BaseModel)


@cache
def live_frames() -> list[Frame]:
    """A real run whose dense lane stops at its budget half-way."""
    lanes = (Policy.parse("dense"), Policy.parse("sinks:4+28"))
    settings = RunSettings(
        lanes=lanes,
        max_tokens=2400,
        kv_budget_bytes=1200 * BYTES_PER_TOKEN,
        stride=16,
        answer_tokens=12,
        frames_per_second=20.0,
    )
    with Run(loaded(), settings) as run:
        return list(run.frames())


@cache
def recorded() -> Recording:
    recorder = Recorder()
    for frame in live_frames():
        recorder.add(frame)
    return recorder.recording()


def altered(model: M, **changes: object) -> M:
    """The same with other fields, unchecked."""
    return model.model_copy(update=changes)


def whole_curve(frames: list[Frame], lane: int) -> list[list]:
    points: list[list] = []
    for frame in frames:
        tail = frame["lanes"][lane]["curve"]
        assert tail["from"] <= len(points)
        points[tail["from"] :] = [list(point) for point in tail["points"]]
    return points


@cache
def content() -> dict:
    """The recording as it stands in a file."""
    return json.loads(files.dumps(recorded()))


@cache
def small() -> str:
    """A whole recording of a few kB."""
    little = copy.deepcopy(content())
    for name in ("moments", "rss"):
        little[name] = little[name][:2]
    for lane in little["lanes"]:
        lane |= {name: lane[name][:2] for name in ("moments", "curve", "texts", "answers", "events")}
        for text in lane["texts"]:
            text["pieces"] = [*text["pieces"][:1], ["“é", 1.5]]
    return json.dumps(little, ensure_ascii=False)
