from __future__ import annotations

import copy
import json

import pytest

from comparisons.__main__ import main
from comparisons.commands.compare import report
from comparisons.recordings import files
from comparisons.recordings.compare import compare
from comparisons.recordings.format import Recording
from comparisons.recordings.recorder import record
from comparisons.runs.frames import CurvePoint
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from streaming.policy import Policy
from tests.support.recorded import altered, recorded
from tests.support.speaking import loaded


def headed(**changes) -> Recording:
    """The recording of a tiny run, with another header."""
    return altered(recorded(), header={**recorded().header, **changes})


def test_a_recording_compares_with_itself_without_a_difference():
    same = compare(recorded(), recorded())
    assert (same.warnings, same.settings, same.only_a, same.only_b) == ((), (), (), ())
    for pair, lane in zip(same.lanes, recorded().lanes, strict=True):
        assert pair.a == pair.b
        assert pair.points == tuple((p[0], p[1], p[1]) for p in lane.curve)
        last = lane.moments[-1]
        assert (pair.a.tokens, pair.a.perplexity, pair.a.kv_bytes) == (
            last["tokens"], last["perplexity_total"], last["kv_bytes"],
        )  # fmt: skip
        assert pair.a.tokens_per_second == pytest.approx(last["tokens"] / last["seconds"], rel=1e-4)


def test_two_runs_of_the_same_text_agree_on_what_they_measured_at_the_same_tokens():
    settings = RunSettings(lanes=(Policy.parse("sinks:4+28"),), max_tokens=1000, stride=16, answers=False)
    other = record(Run(loaded(), settings))
    found = compare(recorded(), other)
    (pair,) = found.lanes
    assert (pair.label, found.only_a, found.only_b) == ("sinks:4+28", ("dense",), ())
    assert len(pair.points) > 20
    assert all(ours == pytest.approx(theirs, rel=1e-3) for _, ours, theirs in pair.points)
    assert ("max_tokens", 2400, 1000) in found.settings
    assert ("answers", True, False) in found.settings
    assert not found.warnings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "other"}, "models differ: tiny and other"),
        ({"seed": 5}, "prompt streams differ: seed 0 and seed 5"),
        ({"source": "war.txt, 5 bytes, SHA-256 ab"}, "texts differ: prompts and war.txt"),
        ({"window": 64}, "windows differ: 256 and 64"),
    ],
)
def test_what_makes_two_recordings_incomparable_is_said_first(changes, words):
    found = compare(recorded(), headed(**changes))
    assert [warning for warning in found.warnings if words in warning]
    lines = report(found, "one.json", "two.json").splitlines()
    assert words in next(line for line in lines[3:] if line)
    assert lines[3].startswith("CAREFUL: ")


def test_a_seed_says_nothing_of_a_text_and_a_text_without_a_digest_may_be_another():
    file = "war.txt, 5 bytes, SHA-256 ab"
    assert compare(headed(source=file), headed(source=file, seed=7)).warnings == ()
    for source in ("standard input", "text", f"{file} + standard input"):
        (warning,) = compare(headed(source=source), headed(source=source)).warnings
        assert "do not say" in warning


def test_points_are_compared_only_where_both_have_one():
    lane = recorded().lanes[1]
    points = [(16, 4.0, 1, 2.0, 0.1), (32, None, 1, 2.0, 0.2), (48, 6.0, 1, 2.0, 0.3), (50, 6.0, 1, 2.0, 0.4)]
    curve = [CurvePoint(*point) for point in points]
    other = altered(recorded(), lanes=[recorded().lanes[0], altered(lane, curve=curve)])
    assert [point[0] for point in compare(other, recorded()).lanes[1].points] == [16, 48]
    none = altered(recorded(), lanes=[altered(lane, curve=[])])
    found = compare(none, recorded())
    assert (found.lanes[0].points, found.lanes[0].a.ms_per_token) == ((), None)
    assert "no point of the two curves is at the same token" in report(found, "a", "b")


def test_the_command_prints_tables_or_one_line_of_json(tmp_path, capsys):
    files.save(recorded(), tmp_path / "a.json")
    changed = copy.deepcopy(recorded())
    for moment in changed.lanes[0].moments:
        moment["perplexity_total"] = None
    files.save(changed, tmp_path / "b.json")
    paths = [str(tmp_path / name) for name in ("a.json", "b.json")]
    assert main(["compare", *paths]) == 0
    out = capsys.readouterr().out
    assert "CAREFUL" not in out
    assert "dense" in out and "perplexity, whole stream" in out and "token 2,400" in out
    assert main(["compare", *paths, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    dense = json.loads(out)["lanes"][0]
    assert (dense["label"], dense["b"]["perplexity"]) == ("dense", None)
    assert main(["compare", paths[0], str(tmp_path / "nowhere.json")]) == 2
    assert "check the path" in capsys.readouterr().err


def test_words_of_a_stranger_cannot_steer_the_terminal():
    found = compare(headed(model="\x1b[2Jx\n"), headed(model="\x1b]0;y\a", versions={"torch": "\x1b[1m"}))
    assert "\x1b" not in report(found, "a\x1b", "b\n")
