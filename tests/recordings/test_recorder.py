from __future__ import annotations

import json
import math

import pytest

from comparisons.recordings import files, player
from comparisons.recordings.recorder import Recorder
from comparisons.runs.frames import CurvePoint, Frame, RssPoint
from streaming.errors import RecordingError
from tests.support.recorded import live_frames, recorded, whole_curve


def test_a_recording_is_small_and_thinned(tmp_path):
    files.save(recorded(), tmp_path / "run.json")
    assert (tmp_path / "run.json").stat().st_size <= 40_000
    assert len(json.dumps(player.overview(recorded()), separators=(",", ":"))) <= 40_000
    lane = recorded().lanes[0]
    assert len(recorded().moments) == len(lane.moments) <= 48
    assert len(lane.curve) <= 160
    assert len(lane.answers) <= 8


def test_a_recording_keeps_ends_and_extremes_of_the_curve():
    for place, lane in enumerate(recorded().lanes):
        live = whole_curve(live_frames(), place)
        assert [lane.curve[0][0], lane.curve[-1][0]] == [live[0][0], live[-1][0]]
        heights = [point[1] for point in live]
        kept = [point[1] for point in lane.curve]
        assert (min(kept), max(kept)) == pytest.approx((min(heights), max(heights)), rel=1e-4)


def test_answers_can_be_compared_side_by_side():
    dense, sinks = ({answer["turn"]: answer for answer in lane.answers} for lane in recorded().lanes)
    both = dense.keys() & sinks.keys()
    assert len(both) >= 2
    assert all(dense[turn]["at"] == sinks[turn]["at"] for turn in both)


def later(frame: Frame, steps: int) -> Frame:
    """The same frame, as a very long run would give it many steps later."""
    at = float(steps)
    points = [CurvePoint(40 * steps + i, 1.0 + i, 7, 0.1, at) for i in range(40)]
    answer = {**frame["lanes"][0]["answers"]["items"][0], "turn": 3 * steps, "done": True}
    ends = {"curve": {"from": 40 * steps, "points": points}, "answers": {"from": steps, "items": [answer]}}
    lanes = [{**lane, **ends} for lane in frame["lanes"]]
    return {**frame, "seconds": at, "lanes": lanes, "rss": {"from": steps, "points": [RssPoint(steps, 10**8, at)]}}


def test_a_recorder_does_not_grow_with_the_run():
    recorder = Recorder()
    recorder.add(live_frames()[0])
    for steps in range(1, 1300):
        recorder.add(later(live_frames()[-1], steps))
        if steps == 650:
            half = recorder.recording(points=10**6, moments=10**6, texts=10**6, answers=10**6)
    full = recorder.recording(points=10**6, moments=10**6, texts=10**6, answers=10**6)
    assert len(full.moments) <= 512
    assert max(len(lane.curve) for lane in full.lanes) <= 2 * 8192
    assert max(len(lane.answers) for lane in full.lanes) <= 64
    assert len(files.dumps(full)) < 2 * len(files.dumps(half))
    assert (full.moments[0]["seconds"], full.moments[-1]["seconds"]) == (
        live_frames()[0]["seconds"],
        pytest.approx(1299, abs=60),
    )
    assert {turn["turn"] for turn in full.lanes[0].answers} == {turn["turn"] for turn in full.lanes[1].answers}
    recorder.recording()


def test_a_recorder_wants_a_run_from_its_first_frame():
    with pytest.raises(RecordingError, match="first frame"):
        Recorder().add(live_frames()[-1])
    with pytest.raises(RecordingError, match="Nothing"):
        Recorder().recording()


def test_a_replay_of_a_recording_with_all_its_texts_tells_what_was_read_word_for_word():
    recorder = Recorder()
    for frame in live_frames():
        recorder.add(frame)
    whole = recorder.recording(moments=512, texts=512, text_tokens=160)
    played = list(player.play(whole, math.inf))
    for place in range(len(whole.lanes)):
        assert told(played, place) == told(live_frames(), place)
    pieces = [len(text["pieces"]) for lane in whole.lanes for text in lane.texts[:-1]]
    assert sum(pieces) <= sum(frame["tokens"] for frame in live_frames()[-1]["lanes"]), "each token once"


def told(frames: list[Frame], place: int) -> dict[int, str]:
    """The text of a lane by token, as far as its frames tell it."""
    tails = (frame["lanes"][place]["text"] for frame in frames)
    return {tail["from"] + i: piece for tail in tails for i, (piece, _) in enumerate(tail["pieces"])}
