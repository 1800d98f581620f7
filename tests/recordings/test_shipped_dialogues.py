"""The recorded dialogues that come with the app: their size, and all that is said of them, computed anew."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest

from comparisons.paths import DIALOGUES
from comparisons.recordings import dialogues
from comparisons.runs.dialogue.breaking import broke
from comparisons.runs.dialogue.records import LATEST
from comparisons.runs.dialogue.speech import repetition
from comparisons.text.facts import says
from comparisons.text.requests import requests

FILES = sorted(DIALOGUES.glob("*.json"))
SIDE_BY_SIDE = DIALOGUES / "smollm2.json"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_is_small_and_says_what_its_own_turns_say(path):
    kept = dialogues.load(path)
    assert path.stat().st_size <= 300_000 and path.read_text("utf-8").strip() == dialogues.dumps(kept)
    asked = list(islice(requests(kept.header["settings"]["seed"]), 1000))
    for lane in kept.lanes:
        answers = [turn["answer"] for turn in lane.turns]
        for number, turn in enumerate(lane.turns):
            assert (turn["turn"], turn["message"]) == (number, asked[number].text)
            latest = repetition(answers[max(0, number + 1 - LATEST) : number + 1])
            assert turn["repetition_latest"] == (None if latest is None else pytest.approx(latest, rel=1e-3))
            assert turn["right"] in (None, says(turn["answer"], asked[number].answer or ""))
        assert all(before["tokens"] < after["tokens"] for before, after in pairwise(lane.turns))
    judged = broke({lane.policy: lane.turns for lane in kept.lanes})
    assert judged == {lane.policy: lane.broke for lane in kept.lanes}


def test_side_by_side_the_window_repeats_itself_and_streamingllm_goes_on_at_constant_memory():
    kept = dialogues.load(SIDE_BY_SIDE)
    dense, window, sinks = kept.lanes
    assert [lane.policy for lane in kept.lanes] == ["dense", "window:256", "sinks:4+252"]
    assert kept.header["model"] == "smollm2" and min(len(lane.turns) for lane in kept.lanes) >= 60
    assert window.turns[-1]["repetition_latest"] >= 3 * sinks.turns[-1]["repetition_latest"]
    assert window.broke is not None
    assert len({turn["kv_bytes"] for turn in sinks.turns[10:]}) == 1
    assert dense.turns[-1]["kv_bytes"] > 10 * sinks.turns[-1]["kv_bytes"]


def test_one_of_them_is_long_enough_to_begin_just_before_the_training_length():
    kept = dialogues.shipped()
    assert kept is not None
    assert max(lane.turns[-1]["tokens"] for lane in kept.lanes) > kept.header["context"]
