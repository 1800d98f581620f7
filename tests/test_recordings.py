from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons import recordings
from comparisons.frames import LaneFrame
from comparisons.journal import TAIL_ANSWERS
from comparisons.recordings import Recording
from streaming.errors import RecordingError, SettingsError
from tests.recorded import live_frames, recorded, whole_curve


@cache
def content() -> dict:
    """The recording as it stands in a file."""
    return json.loads(recordings.dumps(recorded()))


def load_text(tmp_path: Path, text: str | bytes) -> Recording:
    path = tmp_path / "run.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return recordings.load(path)


def numbers(lane: LaneFrame) -> dict:
    return {name: value for name, value in lane.items() if name not in ("curve", "text", "answers")}


def test_a_saved_recording_comes_back_as_it_was(tmp_path):
    recordings.save(recorded(), tmp_path / "run.json")
    back = recordings.load(tmp_path / "run.json")
    assert json.loads(recordings.dumps(back)) == content()
    assert [lane.label for lane in back.lanes] == ["dense", "sinks:4+28"]


def test_a_replay_shows_the_recorded_curves_and_ends_as_the_run_did():
    frames = list(recordings.replay(recorded(), math.inf))
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
    for frame in recordings.replay(recorded(), math.inf):
        for lane in frame["lanes"]:
            assert all(point[4] <= frame["seconds"] for point in lane["curve"]["points"])
            assert all(event["seconds"] <= frame["seconds"] for event in lane["events"])
            assert all(answer["seconds"] <= frame["seconds"] for answer in lane["answers"]["items"])
            assert len(lane["answers"]["items"]) <= TAIL_ANSWERS
    tokens = [[lane["tokens"] for lane in f["lanes"]] for f in recordings.replay(recorded(), math.inf)]
    assert tokens == sorted(tokens, key=lambda pair: pair[0]) == sorted(tokens, key=lambda pair: pair[1])


def test_a_replay_takes_its_time():
    duration = recorded().moments[-1][0] - recorded().moments[0][0]
    began = time.perf_counter()
    count = sum(1 for _ in recordings.replay(recorded(), 2 * duration))
    assert 0.4 < time.perf_counter() - began < 3.0
    assert count >= 3


@pytest.mark.parametrize("speed", [0, -1, math.nan, True, "fast"])
def test_a_speed_that_means_nothing_is_refused(speed):
    with pytest.raises(SettingsError, match="speed"):
        recordings.replay(recorded(), speed)


def test_the_overview_is_the_end_with_everything_before_it():
    frame = recordings.overview(recorded())
    assert (frame["seq"], frame["recorded"], frame["state"]) == (0, True, "finished")
    assert frame["header"]["recorded_at"]
    for shown, lane in zip(frame["lanes"], recorded().lanes, strict=True):
        assert shown["curve"] == {"from": 0, "points": lane.curve}
        assert shown["answers"] == {"from": 0, "items": lane.answers}
    assert [lane["reason"] for lane in frame["lanes"]] == ["kv-budget", "tokens"]
    json.dumps(frame, allow_nan=False)


@given(st.data())
@settings(deadline=None)
def test_a_truncated_file_is_refused(tmp_path_factory, data):
    text = json.dumps(content()).encode()
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(RecordingError, match="damaged"):
        load_text(tmp_path_factory.getbasetemp(), text[:cut])


def places(thing, path=()):
    """Paths to everything in a JSON document."""
    yield path
    if isinstance(thing, (dict, list)):
        for key, value in thing.items() if isinstance(thing, dict) else enumerate(thing[:3]):
            yield from places(value, (*path, key))


@cache
def all_places() -> list[tuple]:
    return [
        place
        for place in places(content())
        if place and place[:2] not in (("header", "settings"), ("header", "versions"))
    ]


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, -1),
    st.just([]),
    st.just({}),
    st.just("odd"),
    st.just([["odd"]]),
    st.floats(5e8, 1e9),
)


@given(st.data())
@settings(deadline=None)
def test_a_damaged_place_is_named_or_harmless(tmp_path_factory, data):
    damaged = copy.deepcopy(content())
    *way, key = data.draw(st.sampled_from(all_places()))
    spot = damaged
    for step in way:
        spot = spot[step]
    if data.draw(st.booleans()):
        del spot[key]
    else:
        spot[key] = data.draw(ODD)
    try:
        back = load_text(tmp_path_factory.getbasetemp(), json.dumps(damaged))
    except RecordingError:
        return
    json.dumps(recordings.overview(back), allow_nan=False)
    for frame in recordings.replay(back, math.inf):
        json.dumps(frame, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "whole JSON"),
        ("[]", "no recording"),
        ('{"format": "something-else"}', "no recording"),
        (b"\xff\xfe\x00", "UTF-8"),
        ("[" * 100_000, "whole JSON"),
        ('{"a": NaN}', "whole JSON"),
        ("9" * 10_000, "whole JSON"),
        ("null", "no recording"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, text, words):
    with pytest.raises(RecordingError, match=words):
        load_text(tmp_path, text)


def test_a_recording_of_a_newer_version_asks_for_an_update(tmp_path):
    with pytest.raises(RecordingError, match=r"newer version.*update"):
        load_text(tmp_path, json.dumps({**content(), "version": 2, "more": 1}))
    with pytest.raises(RecordingError, match="version"):
        load_text(tmp_path, json.dumps({**content(), "version": "1"}))


def test_numbers_beyond_floats_are_refused(tmp_path):
    text = json.dumps(content()).replace(json.dumps(content()["rss"][0][2]), "1e999", 1)
    with pytest.raises(RecordingError, match="damaged"):
        load_text(tmp_path, text)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(RecordingError, match="check the path"):
        recordings.load(tmp_path / "nowhere.json")
    with pytest.raises(RecordingError, match="check the path"):
        recordings.load(tmp_path)
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(RecordingError, match="larger than"):
        recordings.load(tmp_path / "huge.json")


SAVE_ON_A_FULL_DISK = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
from comparisons import recordings
recording = recordings.load(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    recordings.save(recording, sys.argv[1])
except OSError:
    sys.exit(7)
"""


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "run.json"
    recordings.save(recorded(), path)
    before = path.read_bytes()
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", SAVE_ON_A_FULL_DISK, str(path), str(root)], check=False, timeout=240)
    assert done.returncode == 7
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_saving_over_a_recording_replaces_it(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("old")
    recordings.save(recorded(), path)
    assert recordings.load(path).header == recorded().header
    assert list(tmp_path.iterdir()) == [path]
