from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons.commands.compare import report
from comparisons.commands.run import KEPT
from comparisons.recordings import files, player
from comparisons.recordings.compare import compare
from comparisons.recordings.format import FORMAT, LANE_NUMBERS, VERSION, LaneRecording, Recording
from comparisons.runs.frames import Answer, Event, EventKind, Header, LaneFrame, Reason, RunState, Status
from comparisons.runs.journal import TAIL_ANSWERS, TAIL_TOKENS
from streaming.errors import RecordingError, SettingsError
from tests.support.recorded import live_frames, recorded, whole_curve
from tests.support.serving import ROOT


@cache
def content() -> dict:
    """The recording as it stands in a file."""
    return json.loads(files.dumps(recorded()))


def load_text(tmp_path: Path, text: str | bytes) -> Recording:
    path = tmp_path / "run.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return files.load(path)


def numbers(lane: LaneFrame) -> dict:
    other = ("curve", "text", "answers", "told", "sink_share")
    return {name: value for name, value in lane.items() if name not in other}


def test_a_saved_recording_comes_back_as_it_was(tmp_path):
    files.save(recorded(), tmp_path / "run.json")
    back = files.load(tmp_path / "run.json")
    assert json.loads(files.dumps(back)) == content()
    assert [lane.label for lane in back.lanes] == ["dense", "sinks:4+28"]


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

    def shown(*starts: int) -> dict:
        lane = replace(recorded().lanes[0], texts=texts(*starts))
        recording = replace(recorded(), lanes=[lane], moments=[[99.0, "finished", 1]])
        return player.overview(recording)["lanes"][0]["text"]

    assert shown(0, 3, 6) == {"from": 0, "pieces": [[str(n), 1.0] for n in range(9)]}
    assert shown(0, 2, 4) == {"from": 0, "pieces": [[str(n), 1.0] for n in range(7)]}
    assert shown(0, 3, 9)["from"] == 9
    assert shown(*range(0, 300, 3))["from"] == 300 - TAIL_TOKENS


def test_a_replay_takes_its_time():
    duration = recorded().moments[-1][0] - recorded().moments[0][0]
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


def test_a_file_that_is_cut_short_anywhere_is_refused(tmp_path):
    whole = small().encode()
    assert load_text(tmp_path, whole).moments
    for cut in range(len(whole)):
        with pytest.raises(RecordingError, match="damaged"):
            load_text(tmp_path, whole[:cut])


def usable(path: Path) -> Recording:
    """A recording that can be shown, played, compared, and kept again as it is."""
    recording = files.load(path)
    again = path.with_name("again.json")
    files.save(recording, again)
    assert files.load(again) == recording
    for frame in (player.overview(recording), *player.play(recording, math.inf)):
        json.dumps(frame, allow_nan=False, ensure_ascii=False).encode()
    report(compare(recording, recording), "a", "b").encode()
    return recording


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
    loads_or_is_refused(tmp_path_factory, json.dumps(damaged).encode())


def loads_or_is_refused(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    path.write_bytes(data)
    with suppress(RecordingError):
        usable(path)


SHARDS = st.one_of(
    st.binary(max_size=4),
    st.sampled_from(
        ["NaN", "-Infinity", "1e999", "-1e999", "1" * 400, "1" * 5000, "1.5", "-1", "0.0", "true", "null", '""',
         '"\\ud800"', '"\\u0000"', "[" * 2000, "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, "{}", "[]",
         '"version":3,', '"version":1', '"format":"streaming-comparison",', '"lanes":[],', '"seed":1,"seed":2', ","]
    ).map(str.encode),
)  # fmt: skip

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*|true|false|null')


@given(st.data())
@settings(max_examples=300)
def test_whatever_is_spliced_into_a_file_it_loads_or_is_refused(tmp_path_factory, data):
    whole = small().encode()
    for _ in range(data.draw(st.integers(1, 2))):
        begin, end = data.draw(st.one_of(st.sampled_from(tokens(whole)), st.tuples(*[st.integers(0, len(whole))] * 2)))
        whole = whole[:begin] + data.draw(SHARDS) + whole[end:]
    loads_or_is_refused(tmp_path_factory, whole)


@pytest.mark.parametrize("odd", [b"1e999", b"1" * 400, b'"\\udfff"', b"[[1]]", b"{}", b"-1", b"1.5"])
def test_a_header_with_an_odd_value_anywhere_loads_or_is_refused(tmp_path_factory, odd):
    whole = small().encode()
    for begin, end in tokens(whole[: whole.index(b'"moments"')]):
        loads_or_is_refused(tmp_path_factory, whole[:begin] + odd + whole[end:])


def tokens(data: bytes) -> list[tuple[int, int]]:
    return [found.span() for found in TOKEN.finditer(data)] or [(0, 0)]


@given(st.data())
@settings(max_examples=200)
def test_whatever_value_stands_where_another_belongs_it_loads_or_is_refused(tmp_path_factory, data):
    odd = copy.deepcopy(json.loads(small()))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, key = data.draw(st.sampled_from([place for place in places(odd) if place]))
        spot = odd
        for step in way:
            spot = spot[step]
        if isinstance(spot, dict) and data.draw(st.booleans()):
            key = data.draw(st.text(max_size=3))
        spot[key] = data.draw(ANYTHING)
    loads_or_is_refused(tmp_path_factory, json.dumps(odd).encode())


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=6,
)


def test_of_a_name_that_stands_twice_the_last_counts(tmp_path):
    own = f'"version": {VERSION},'
    twice = small().replace(own, f'"version": 7, {own}')
    assert load_text(tmp_path, twice) == load_text(tmp_path, small())
    with pytest.raises(RecordingError, match="newer version"):
        load_text(tmp_path, small().replace(own, f'{own} "version": 7,'))


def test_lanes_with_the_same_label_are_refused(tmp_path):
    twin = small().replace("sinks:4+28", "dense")
    with pytest.raises(RecordingError, match="twice"):
        load_text(tmp_path, twin)


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
        load_text(tmp_path, json.dumps({**content(), "version": VERSION + 1, "more": 1}))
    for odd in ("1", 0, -1, True, 1.0, None):
        with pytest.raises(RecordingError, match="version"):
            load_text(tmp_path, json.dumps({**content(), "version": odd}))


def test_numbers_beyond_floats_are_refused(tmp_path):
    text = json.dumps(content()).replace(json.dumps(content()["rss"][0][2]), "1e999", 1)
    with pytest.raises(RecordingError, match="damaged"):
        load_text(tmp_path, text)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(RecordingError, match="check the path"):
        files.load(tmp_path / "nowhere.json")
    with pytest.raises(RecordingError, match="check the path"):
        files.load(tmp_path)
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(RecordingError, match="larger than"):
        files.load(tmp_path / "huge.json")


SAVE_ON_A_FULL_DISK = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
from comparisons.recordings import files
recording = files.load(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    files.save(recording, sys.argv[1])
except OSError:
    sys.exit(7)
"""


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "run.json"
    files.save(recorded(), path)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", SAVE_ON_A_FULL_DISK, str(path), str(ROOT)], check=False, timeout=240)
    assert done.returncode == 7
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


KILLED_WHILE_SAVING = """
import os, random, signal, sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from comparisons.recordings import files
path, chance = Path(sys.argv[1]), random.Random(0)
one, other = files.load(path), files.load(path.with_name("other.json"))
for _ in range(12):
    child = os.fork()
    if child == 0:
        while True:
            files.save(other, path)
            files.save(one, path)
    time.sleep(chance.uniform(0.01, 0.12))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert files.load(path) in (one, other)
assert path.stat().st_size in (len(files.dumps(r).encode()) for r in (one, other))
print("whole")
"""


def test_a_process_that_is_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    files.save(recorded(), tmp_path / "run.json")
    (tmp_path / "other.json").write_text(small(), encoding="utf-8")
    command = [sys.executable, "-c", KILLED_WHILE_SAVING, str(tmp_path / "run.json"), str(ROOT)]
    done = subprocess.run(command, check=False, timeout=240, capture_output=True, text=True)
    assert done.stdout.strip() == "whole", done.stderr


def test_saving_over_a_recording_replaces_it(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("old")
    files.save(recorded(), path)
    assert files.load(path).header == recorded().header
    assert list(tmp_path.iterdir()) == [path]


def test_the_format_is_documented_to_the_last_name():
    page = (ROOT / "docs" / "recording-format.md").read_text()
    names = {*Recording.__dataclass_fields__, *LaneRecording.__dataclass_fields__, *LANE_NUMBERS}
    for record in (Header, Answer, Event):
        names |= record.__annotations__.keys()
    for words in (Status, Reason, RunState, EventKind):
        names |= set(get_args(words))
    assert not [name for name in names if not re.search(rf'[`"]{re.escape(name)}[`"]', page)]
    assert f"version {VERSION}." in page
    assert f"{files.MOST_BYTES // 2**20} MiB" in page
    assert FORMAT in page
    assert "at most {points} points, {moments} moments, {texts} texts and {answers} answers".format(**KEPT) in page


def test_a_recording_from_before_there_was_a_choice_read_prompts(tmp_path):
    old = copy.deepcopy(content())
    del old["header"]["source"], old["header"]["source_characters"]
    old["version"] = 1
    header = load_text(tmp_path, json.dumps(old)).header
    assert (header["source"], header["source_characters"]) == ("prompts", 0)
    assert header.keys() == content()["header"].keys()
