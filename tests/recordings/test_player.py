from __future__ import annotations

import json
import math
import time

import pytest

from comparisons.recordings import player
from comparisons.runs.frames import TAIL_ANSWERS, TAIL_TOKENS, LaneFrame
from streaming.errors import SettingsError
from tests.support.recorded import altered, live_frames, recorded, whole_curve


def numbers(lane: LaneFrame) -> dict:
    other = ("curve", "text", "answers", "told", "sink_share", "attention")  # that of all tokens is not recorded
    return {name: value for name, value in lane.items() if name not in other}


def test_a_replay_shows_the_recorded_curves_and_ends_as_the_run_did():
    frames = list(player.play(recorded(), math.inf))
    last, live = frames[-1], live_frames()[-1]
    assert [frame["seq"] for frame in frames] == list(range(len(frames)))
    assert all(frame["recorded"] for frame in frames)
    assert frames[0]["header"] == live_frames()[0]["header"]
    assert last["state"] == "finished"
    for place, lane in enumerate(recorded().lanes):
        assert whole_curve(frames, place) == [list(point) for point in lane.curve]
        assert numbers(last["lanes"][place]) == approximately(numbers(live["lanes"][place]))
        shown, told = last["lanes"][place]["text"], live["lanes"][place]["text"]
        assert [p for p, _ in shown["pieces"]] == [p for p, _ in told["pieces"]]
        assert shown["from"] == told["from"]
    for frame in frames:
        json.dumps(frame, allow_nan=False)


def approximately(lane: dict) -> dict:
    return {n: pytest.approx(v, rel=1e-3, abs=1e-3) if isinstance(v, float) else v for n, v in lane.items()}


def test_a_replay_never_shows_what_had_not_happened_yet():
    for frame in player.play(recorded(), math.inf):
        for lane in frame["lanes"]:
            assert all(point[4] <= frame["seconds"] for point in lane["curve"]["points"])
            assert all(event["seconds"] <= frame["seconds"] for event in lane["events"])
            assert all(answer["seconds"] <= frame["seconds"] for answer in lane["answers"]["items"])
            assert len(lane["answers"]["items"]) <= TAIL_ANSWERS
    tokens = [[lane["tokens"] for lane in f["lanes"]] for f in player.play(recorded(), math.inf)]
    assert tokens == sorted(tokens, key=lambda pair: pair[0]) == sorted(tokens, key=lambda pair: pair[1])


def test_a_text_goes_on_from_the_one_before_it_unless_there_is_a_gap():
    def texts(*starts: int) -> list[dict]:
        return [
            {"seconds": float(i), "from": start, "pieces": [[str(start + n), 1.0] for n in range(3)]}
            for i, start in enumerate(starts)
        ]

    moment = {"seconds": 99.0, "state": "finished", "rss_bytes": 1}

    def shown(*starts: int) -> dict:
        lane = altered(recorded().lanes[0], texts=texts(*starts))
        recording = altered(recorded(), lanes=[lane], moments=[moment])
        return player.overview(recording)["lanes"][0]["text"]

    assert shown(0, 3, 6) == {"from": 0, "pieces": [[str(n), 1.0] for n in range(9)]}
    assert shown(0, 2, 4) == {"from": 0, "pieces": [[str(n), 1.0] for n in range(7)]}
    assert shown(0, 3, 9)["from"] == 9
    assert shown(*range(0, 300, 3))["from"] == 300 - TAIL_TOKENS


def test_a_replay_takes_its_time():
    duration = recorded().moments[-1]["seconds"] - recorded().moments[0]["seconds"]
    began = time.perf_counter()
    count = sum(1 for _ in player.play(recorded(), 2 * duration))
    assert 0.4 < time.perf_counter() - began < 3.0
    assert count >= 3


@pytest.mark.parametrize("speed", [0, -1, math.nan, True, "fast"])
def test_a_speed_that_means_nothing_is_refused(speed):
    with pytest.raises(SettingsError, match="speed"):
        player.play(recorded(), speed)


def test_the_overview_is_the_end_with_everything_before_it():
    frame = player.overview(recorded())
    assert (frame["seq"], frame["recorded"], frame["state"]) == (0, True, "finished")
    assert frame["header"]["recorded_at"]
    for shown, lane in zip(frame["lanes"], recorded().lanes, strict=True):
        assert shown["curve"] == {"from": 0, "points": lane.curve}
        assert shown["answers"] == {"from": 0, "items": lane.answers}
    assert [lane["reason"] for lane in frame["lanes"]] == ["kv-budget", "tokens"]
    json.dumps(frame, allow_nan=False)
