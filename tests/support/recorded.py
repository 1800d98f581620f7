"""A real run of the tiny model, and its recording: made once for all tests that read one."""

from __future__ import annotations

from functools import cache

from comparisons.recordings.format import Recording
from comparisons.recordings.recorder import Recorder
from comparisons.runs.frames import Frame
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from streaming.policy import Policy
from tests.support.speaking import BYTES_PER_TOKEN, loaded


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


def whole_curve(frames: list[Frame], lane: int) -> list[list]:
    points: list[list] = []
    for frame in frames:
        tail = frame["lanes"][lane]["curve"]
        assert tail["from"] <= len(points)
        points[tail["from"] :] = [list(point) for point in tail["points"]]
    return points
