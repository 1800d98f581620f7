"""Chats that were recorded: taken along, replayed, and those that come with the page."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest
from playwright.sync_api import expect

from comparisons.page import export
from comparisons.page.words import language
from comparisons.paths import DIALOGUES
from comparisons.recordings import dialogues
from comparisons.runs.dialogue.run import Dialogue
from comparisons.runs.dialogue.settings import DialogueSettings
from streaming import load
from streaming.policy import Policy
from tests.browser.chat.test_live import CARDS


@pytest.fixture(scope="module")
def recorded() -> dialogues.DialogueRecording:
    lanes = tuple(map(Policy.parse, ("dense", "window:64", "sinks:4+60")))
    with Dialogue(load("sink"), DialogueSettings(lanes=lanes, turns=12, answer_tokens=24)) as dialogue:
        teller = dialogue.start()
        while not dialogue.wait(1):
            pass
    return dialogues.recorded(teller)


def test_a_recorded_chat_of_the_real_model_is_there_before_anyone_presses_start(visit, address):
    page, kept = visit.page, dialogues.load(DIALOGUES / "smollm2.json")
    page.goto(f"{address}?mode=chat")
    expect(page.locator(CARDS)).to_have_count(len(kept.lanes))
    expect(page.locator(".sl-badge")).to_have_text("Recorded run")
    expect(page.locator(".sl-source-text")).to_contain_text("model “smollm2” answers the same prompts in every lane")
    expect(page.locator(".sl-sampling")).to_have_text(re.compile("temperature 0.70 and top-p 0.90.* of 1.10"))
    for card, lane in zip(page.locator(CARDS).all(), kept.lanes, strict=True):
        percent = round(100 * lane.turns[-1]["repetition_latest"])
        expect(card.locator("[data-stat='repetition'] dd")).to_have_text(f"{percent} %")


def test_a_recorded_chat_stands_alone_and_marks_where_lanes_broke(visit, recorded, tmp_path):
    path = tmp_path / "chat.html"
    path.write_text(export.page(language("en"), recorded), encoding="utf-8")
    page = visit.page
    page.goto(path.as_uri())
    expect(page.locator(CARDS)).to_have_count(3)
    for card, lane in zip(page.locator(CARDS).all(), recorded.lanes, strict=True):
        assert card.locator(".sl-turn").count() == len(lane.turns)
        said = "Goes on" if lane.broke is None else f"Began to babble at turn {lane.broke + 1}"
        expect(card.locator(".sl-verdict")).to_contain_text(said)
    assert {lane.policy: lane.broke is None for lane in recorded.lanes} == {
        "dense": False, "window:64": False, "sinks:4+60": True
    }  # fmt: skip
    page.click("[data-play]")
    expect(page.locator(".sl-badge")).to_have_text("Recorded run")


def test_the_file_of_the_page_is_that_of_python(scripts, recorded):
    text = scripts.evaluate("file => dialogueText(dialogueOf(file, 'run'))", json.loads(dialogues.dumps(recorded)))
    assert json.loads(text) == json.loads(dialogues.dumps(recorded))


def test_at_any_moment_a_recording_shows_what_had_been_said_by_then(scripts, recorded):
    at = partial(scripts.evaluate, "([file, at]) => dialogueAt(dialogueOf(file, 'run'), at)")
    for seconds in (0.0, 0.3, 1.0, 2.5, 1e9):
        shown = at([json.loads(dialogues.dumps(recorded)), seconds])
        for lane, kept in zip(shown["lanes"], recorded.lanes, strict=True):
            done = [turn for turn in kept.turns if turn["seconds"] <= seconds]
            assert [turn["turn"] for turn in lane["turns"]] == [turn["turn"] for turn in done]
            if lane["saying"]:
                assert kept.turns[len(done)]["answer"].startswith(lane["saying"]["answer"])
                assert kept.turns[len(done)]["began"] <= seconds
            if lane["broke"] is not None:
                assert lane["broke"] == kept.broke and len(done) >= 3 and done[-3]["turn"] >= kept.broke
