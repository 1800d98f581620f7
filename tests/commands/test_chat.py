from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from comparisons.__main__ import main
from comparisons.commands.shared.chat_summary import growth
from comparisons.paths import ROOT
from comparisons.recordings import dialogues
from streaming.errors import RecordingError


def test_the_first_tokens_of_rounds_are_compared():
    def turns(*rounds):
        return [{"first_token_ms": ms} for ms in rounds for _ in range(20)]

    assert growth(turns(90.0, 10.0, 50.0, 11.0)) == pytest.approx(1.1)
    assert growth(turns(10.0, 10.0)) is None


SHORT = ["chat", "sink", "--policies", "window:64,sinks:4+60", "--turns", "3", "--answer-tokens", "12"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    out = tmp_path_factory.mktemp("chat") / "chat.json"
    assert main([*SHORT, "--out", str(out)]) == 0
    return out


def test_a_dialogue_is_told_side_by_side_and_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    out = tmp_path / "new" / "chat.json"
    assert main([*SHORT, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    recording = dialogues.load(out)
    for lane in recording.lanes:
        assert len(lane.turns) == 3 and lane.reason == "turns"
        assert all(record["message"] in told for record in lane.turns)
    row = next(line for line in told.splitlines() if line.startswith("window:64") and "sinks:4+60" in line)
    assert row.index("sinks:4+60") > 40


def test_a_narrow_terminal_has_one_answer_below_the_other(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "60")
    assert main([*SHORT, "--out", str(tmp_path / "chat.json")]) == 0
    assert "\n  [sinks:4+60 " in capsys.readouterr().out


def test_json_is_one_line(capsys, tmp_path):
    assert main([*SHORT, "--json", "--out", str(tmp_path / "chat.json")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert [lane["turns"] for lane in json.loads(line)["lanes"]] == [3, 3]


def test_messages_of_ones_own_come_through_a_pipe(tmp_path):
    out = tmp_path / "chat.json"
    command = [sys.executable, "-m", "comparisons", *SHORT, "--prompts", "-", "--out", str(out)]
    ended = subprocess.run(
        command, input="Who is there?\n\nWhat now?\n", cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    for lane in dialogues.load(out).lanes:
        assert [record["message"] for record in lane.turns] == ["Who is there?", "What now?"]


def test_a_recorded_dialogue_is_the_history_of_another(kept, tmp_path):
    out = tmp_path / "later.json"
    assert main([*SHORT, "--history", str(kept), "--start-turn", "2", "--turns", "1", "--out", str(out)]) == 0
    later, earlier = dialogues.load(out), dialogues.load(kept)
    assert later.header["heard"] == 2
    assert later.lanes[1].turns[0]["message"] == earlier.lanes[1].turns[2]["message"]
    assert later.lanes[1].turns[0]["answer"] == earlier.lanes[1].turns[2]["answer"], (
        "the sinks lane said the same before"
    )


def test_too_late_a_start_and_a_damaged_history_are_refused_in_words(kept, tmp_path, capsys):
    assert main([*SHORT, "--history", str(kept), "--start-turn", "9", "--out", str(tmp_path / "x.json")]) == 2
    assert "has 3 turns" in capsys.readouterr().err
    for damage in ("{", '{"format": "other"}', kept.read_text().replace('"turn":1', '"turn":"one"')):
        (tmp_path / "bad.json").write_text(damage)
        with pytest.raises(RecordingError, match=r"bad\.json"):
            dialogues.load(tmp_path / "bad.json")


def test_an_interrupted_dialogue_is_kept(tmp_path):
    out = tmp_path / "chat.json"
    command = [sys.executable, "-m", "comparisons", *SHORT[:4], "--turns", "5000", "--out", str(out)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(3):
            child.stdout.readline()
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode == 130
    assert all(lane.turns for lane in dialogues.load(out).lanes)
