"""Lanes chat on the page: the same prompts to all of them, one at a time."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from comparisons.recordings import dialogues
from tests.browser.test_page import START, STOP

CARDS = ".sl-chat-card"
DONE = """(() => {{
    const cards = [...document.querySelectorAll('.sl-chat-card')];
    return cards.length > 0 && cards.every(card => card.querySelectorAll('.sl-turn').length > {n});
}})()"""
LINK = "?mode=chat&recent=60&pace=0&lanes=%5B%22window%22%5D"


@pytest.fixture
def chat(visit, address) -> Page:
    visit.page.goto(address + LINK)
    return visit.page


def begin(page: Page, turns: int = 2) -> None:
    page.click(START)
    expect(page.locator(".sl-badge")).to_have_text("Live")
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
    shown = [card.locator(".sl-bubble.sl-asked bdi").all_inner_texts() for card in chat.locator(CARDS).all()]
    shortest = min(map(len, shown))
    assert shown[0][:shortest] == shown[1][:shortest] == shown[2][:shortest] and shortest > 2
    for stat in ("perplexity", "repetition", "first", "speed", "memory"):
        expect(chat.locator(f"{CARDS} [data-stat='{stat}'] dd")).to_have_text([re.compile(r"\d|–")] * 3)
    chat.click(".sl-measured summary")
    expect(chat.locator(".sl-sampling")).to_contain_text("the likeliest one, with a repetition penalty of 1.00")
    chat.click(STOP)
    expect(chat.locator(f"{CARDS} .sl-status")).to_have_text(["Stopped"] * 3)


def test_what_was_chatted_is_looked_back_at_and_kept_as_a_recording(chat):
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


def test_the_preset_beyond_the_training_length_has_dense_leave_it_within_a_few_turns(visit, address):
    page = visit.page
    page.goto(f"{address}?mode=chat")
    page.click("[data-tool='more']")
    page.get_by_role("button", name="The chat beyond training").click()
    expect(page.locator(".sl-badge")).to_have_text("Live")
    expect(page.locator(".sl-source-text")).to_contain_text("turns were read, not generated")
    page.wait_for_function(DONE.format(n=4))
    told = page.locator(f"{CARDS}[data-kind='dense'] .sl-cache-text").inner_text()
    assert max(map(int, re.findall(r"\d+", told.replace(",", "")))) > 256
    page.click(STOP)


def test_a_link_is_in_the_form_before_a_run_starts_however_slow_the_server_is(visit, address):
    """Start is pressed at once, and the server says only later what the link means."""
    page = visit.page
    held: list[Route] | None = []

    def hold(route: Route) -> None:
        route.continue_() if held is None else held.append(route)

    page.route("**/gradio_api/run/predict*", hold)
    page.goto(address + LINK)
    page.click(START)
    while not held:
        page.wait_for_timeout(50)
    page.wait_for_timeout(600)
    expect(page.locator(".sl-badge")).to_have_text("Recorded run")
    waiting, held = held, None
    for route in waiting:
        route.continue_()
    expect(page.locator(".sl-badge")).to_have_text("Live")
    expect(page.locator(CARDS)).to_have_count(3)
    expect(page.locator(f"{CARDS}[data-kind='sinks'] .sl-policy")).to_contain_text("60")
    page.click(STOP)
