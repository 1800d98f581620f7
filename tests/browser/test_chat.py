"""Lanes chat: the same prompts to all of them, live, recorded, and taken along."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from comparisons.page import export
from comparisons.page.words import language
from comparisons.recordings import dialogues
from comparisons.runs.dialogue.run import Dialogue
from comparisons.runs.dialogue.settings import DialogueSettings
from streaming import load
from streaming.policy import Policy
from tests.browser.test_page import START, STOP

CARDS = ".sl-chat-card"
DONE = """(() => {{
    const cards = [...document.querySelectorAll('.sl-chat-card')];
    return cards.length > 0 && cards.every(card => card.querySelectorAll('.sl-turn').length > {n});
}})()"""


@pytest.fixture(scope="module")
def recorded() -> dialogues.DialogueRecording:
    lanes = tuple(map(Policy.parse, ("dense", "window:64", "sinks:4+60")))
    with Dialogue(load("sink"), DialogueSettings(lanes=lanes, turns=12, answer_tokens=24)) as dialogue:
        teller = dialogue.start()
        while not dialogue.wait(1):
            pass
    return dialogues.recorded(teller)


@pytest.fixture
def chat(visit, address) -> Page:
    visit.page.goto(f"{address}?mode=chat&recent=60&pace=0&lanes=%5B%22window%22%5D")
    expect(visit.page.locator(".sl-modes [data-mode='chat'][aria-pressed='true']")).to_be_visible()
    expect(visit.page.locator("#mode input[value='chat']")).to_be_checked()
    expect(visit.page.locator("#more input[type='checkbox']:checked")).to_have_count(1)  # the link's
    return visit.page


def messages(page: Page) -> list[list[str]]:
    return [card.locator(".sl-bubble.sl-asked bdi").all_inner_texts() for card in page.locator(CARDS).all()]


def begin(page: Page, turns: int = 2) -> None:
    page.click(START)
    page.wait_for_function(DONE.format(n=turns))


def test_the_switch_changes_the_page_its_form_and_its_address(visit, address):
    page = visit.page
    page.goto(address)
    page.click(".sl-modes [data-mode='chat']")
    expect(page.locator(".sl-lanes")).to_be_hidden()
    expect(page.locator("#mode input[value='chat']")).to_be_checked()
    assert "mode=chat" in page.url
    page.click(".sl-modes [data-mode='read']")
    expect(page.locator(".sl-lanes")).to_be_visible()
    expect(page.locator(".sl-chats")).to_be_hidden()
    assert "mode=" not in page.url


def test_all_lanes_get_the_same_prompts_and_a_visitors_is_the_next(chat):
    begin(chat)
    assert "mode=chat" in chat.url and chat.locator(CARDS).count() == 3
    chat.fill(".sl-ask input", "Who was there?")
    chat.press(".sl-ask input", "Enter")
    expect(chat.locator(".sl-turn[data-own='yes'] .sl-asked bdi")).to_have_text(["Who was there?"] * 3)
    chat.click(START)
    expect(chat.locator(".sl-badge")).to_have_text("Paused")
    shown = messages(chat)
    shortest = min(map(len, shown))
    assert shown[0][:shortest] == shown[1][:shortest] == shown[2][:shortest] and shortest > 2
    for stat in ("perplexity", "repetition", "first", "speed", "memory"):
        expect(chat.locator(f"{CARDS} [data-stat='{stat}'] dd")).to_have_text([re.compile(r"\d|–")] * 3)
    chat.click(STOP)
    expect(chat.locator(f"{CARDS} .sl-status")).to_have_text(["Stopped"] * 3)


def test_what_was_chatted_is_looked_back_at_and_kept_as_a_recording(chat, tmp_path):
    begin(chat, 3)
    chat.click(STOP)
    expect(chat.locator(".sl-badge")).to_have_text("Finished")
    chat.evaluate("""() => {
        const slider = document.querySelector('.sl-moment');
        slider.value = 0.01;
        slider.dispatchEvent(new Event('input', { bubbles: true }));
    }""")
    expect(chat.locator(".sl-badge")).to_have_text("Looking back")
    assert chat.locator(f"{CARDS} .sl-turn").count() <= 3
    chat.click("[data-tool='present-time']")
    chat.wait_for_function(DONE.format(n=2))
    with chat.expect_download() as download:
        chat.click("[data-save='json']")
    kept = dialogues.load(download.value.path())
    assert [lane.policy for lane in kept.lanes] == ["dense", "sinks:4+60", "window:64"]
    assert all(len(lane.turns) >= 3 and lane.reason == "user" for lane in kept.lanes)


def test_a_chat_that_starts_later_says_what_was_read(visit, address):
    page = visit.page
    page.goto(f"{address}?mode=chat&recent=60&pace=0&start_turn=5")
    begin(page, 1)
    expect(page.locator(".sl-source-text")).to_contain_text("first 5 turns were read, not generated")
    assert page.locator(f"{CARDS} .sl-bubble small").first.inner_text() == "Turn 6"
    page.click(STOP)


def test_a_recorded_chat_stands_alone_and_marks_where_lanes_broke(visit, recorded, tmp_path):
    path = tmp_path / "chat.html"
    path.write_text(export.page(language("en"), recorded), encoding="utf-8")
    page = visit.page
    page.goto(path.as_uri())
    expect(page.locator(CARDS)).to_have_count(3)
    for card, lane in zip(page.locator(CARDS).all(), recorded.lanes, strict=True):
        assert card.locator(".sl-turn").count() == len(lane.turns)
        said = "Still fine" if lane.broke is None else f"Broke down at turn {lane.broke + 1}"
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
