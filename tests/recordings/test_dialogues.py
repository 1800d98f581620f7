from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from comparisons.recordings import dialogues, files
from comparisons.recordings.dialogues import VERSION, DialogueLaneRecording, DialogueRecording
from comparisons.runs.dialogue.frames import DialogueHeader
from comparisons.runs.dialogue.lane import DialogueLane
from comparisons.text.chat import ChatForm
from streaming import load
from streaming.errors import RecordingError, SettingsError
from streaming.generate import Sampling
from streaming.policy import Policy
from tests.support.made import of
from tests.support.recorded import small


@st.composite
def made(draw: st.DrawFn) -> DialogueRecording:
    """A dialogue that never was."""
    lanes = [draw(of(DialogueLaneRecording)) for _ in range(draw(st.integers(1, 3)))]
    named = [lane.model_copy(update={"policy": f"sinks:4+{i}"}) for i, lane in enumerate(lanes)]
    return DialogueRecording(header=draw(of(DialogueHeader)), lanes=named)


@given(made())
@settings(max_examples=60, deadline=None)
def test_any_dialogue_comes_back_as_it_was(tmp_path_factory, recording):
    path = tmp_path_factory.getbasetemp() / "dialogue.json"
    dialogues.save(recording, path)
    assert dialogues.load(path) == recording
    lane = recording.lanes[0]
    assert [answer for _, answer in dialogues.history(recording, len(lane.turns))] == [t["answer"] for t in lane.turns]
    with pytest.raises(SettingsError, match="begin at one of these"):
        dialogues.history(recording, len(lane.turns) + 1)


TURN = {
    "turn": 0, "kind": "ask", "message": "Who?", "answer": "I.", "whole": True, "began": 0.5, "seconds": 1.5,
    "tokens": 9, "message_tokens": 5,
    "answer_tokens": 3, "perplexity": 4.5, "perplexity_latest": None, "first_token_ms": 1.5, "ms_per_token": 1.0,
    "kv_bytes": 10, "cache_tokens": 9, "repetition": 0.0, "repetition_latest": 0.0, "broken_words": 0.0,
    "asks": None, "right": None, "in_cache": None,
}  # fmt: skip
LANE = {
    "policy": "dense", "kind": "dense", "sinks": 0, "recent": 0, "status": "stopped", "reason": "turns", "message": "",
    "broke": None, "turns": [TURN],
}  # fmt: skip
HEADER = {
    "model": "tiny", "context": 64, "dtype": "float32", "device": "cpu", "bytes_per_token": 8, "heard": 0,
    "settings": {"seed": 0}, "versions": {"torch": "2"}, "recorded_at": "2026-01-01",
}  # fmt: skip
WHOLE = {"format": "streaming-dialogue", "version": VERSION, "header": HEADER, "lanes": [LANE]}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"turn": 0', '"turn": "one"', "damaged at lanes[0].turns[0].turn ("),
        ('"turn": 0', '"turn": -1', "damaged at lanes[0].turns[0].turn ("),
        ('"perplexity": 4.5', '"perplexity": NaN', "damaged at lanes[0].turns[0].perplexity ("),
        ('"status": "stopped"', '"status": "asleep"', "damaged at lanes[0].status ("),
        ('"heard": 0', '"heard": 0.5', "damaged at header.heard ("),
        ('"lanes": [', '"lanes": [], "more": [', "damaged at lanes ("),
        ('"version": 1', '"version": 9', "newer version of this app (format 9, not 1): update"),
        ('"format": "streaming-dialogue", ', "", "no recording of that kind"),
        ('{"format"', '[{"format"', "whole JSON"),
        ('"settings": {', '"settings": ' + "[" * 5000 + "{", "whole JSON"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(tmp_path, old, new, words):
    text = json.dumps(WHOLE)
    assert old in text
    (tmp_path / "bad.json").write_text(text.replace(old, new, 1))
    with pytest.raises(RecordingError) as caught:
        dialogues.load(tmp_path / "bad.json")
    assert str(caught.value).startswith("bad.json: ") and words in str(caught.value)


def test_neither_kind_of_recording_is_taken_for_the_other(tmp_path):
    (tmp_path / "run.json").write_text(small())
    with pytest.raises(RecordingError, match="no recording of that kind"):
        dialogues.load(tmp_path / "run.json")
    with pytest.raises(RecordingError, match="no recording of that kind"):
        files.loads(json.dumps(WHOLE))


def test_two_lanes_of_one_policy_make_no_dialogue():
    lane = DialogueLaneRecording(**LANE)
    with pytest.raises(ValidationError, match="the same policy twice"):
        DialogueRecording(header=DialogueHeader(**HEADER), lanes=[lane, lane])


def test_so_many_turns_are_read_that_a_dense_lane_is_about_to_leave_its_training_length():
    loaded = load("sink")
    turns = dialogues.later(loaded)
    assert turns > 0

    def tokens(count):
        lane = DialogueLane(loaded, Policy.parse("dense"), ChatForm.of(loaded), sampling=Sampling(), answer_tokens=1)
        for request, answer in dialogues.beginning(loaded, count, 0)[0]:
            lane.hear(request, answer)
        return lane.tokens

    assert tokens(turns) <= loaded.context < tokens(turns + 4)
