from __future__ import annotations

import io
import json
import os
import signal
import sys
import time

import pytest

from comparisons.__main__ import main
from comparisons.commands.shared.chat_summary import growth
from comparisons.recordings import dialogues
from streaming.errors import RecordingError
from tests.support import forked
from tests.support.forked import Forked
from tests.support.speaking import wait_until


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
    os.mkfifo(tmp_path / "typed")
    chat = Forked(forked.comparisons, *SHORT, "--prompts", "-", "--out", str(out), stdin=tmp_path / "typed")
    (tmp_path / "typed").write_text("Who is there?\n\nWhat now?\n")
    assert chat.wait(timeout=240) == 0, chat.told()
    for lane in dialogues.load(out).lanes:
        assert [record["message"] for record in lane.turns] == ["Who is there?", "What now?"]


class Typed(io.StringIO):
    """Lines that a person types at a terminal."""

    def isatty(self) -> bool:
        return True


def test_at_a_terminal_each_line_is_answered_until_the_input_ends(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Typed("Who is there?\n\nWhat now?\n"))
    out = tmp_path / "chat.json"
    assert main([*SHORT, "--prompts", "-", "--out", str(out)]) == 0
    for lane in dialogues.load(out).lanes:
        assert [record["message"] for record in lane.turns] == ["Who is there?", "What now?"]
    assert capsys.readouterr().out.count("sinks:4+60") >= 3


def test_at_a_terminal_a_dialogue_whose_lanes_have_ended_ends_in_its_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Typed("Who is there?\n" * 3))
    out = tmp_path / "chat.json"
    assert main([*SHORT, "--turns", "1", "--prompts", "-", "--out", str(out)]) == 0
    assert [lane.reason for lane in dialogues.load(out).lanes] == ["turns", "turns"]
    assert "chat.json" in capsys.readouterr().out


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
    chat = Forked(forked.comparisons, *SHORT[:4], "--turns", "5000", "--out", str(out))
    try:
        wait_until(lambda: chat.said().count("\n") >= 3, seconds=120)
        time.sleep(0.5)
        chat.send_signal(signal.SIGINT)
        assert chat.wait(timeout=30) == 130
    finally:
        chat.kill()
    assert all(lane.turns for lane in dialogues.load(out).lanes)
