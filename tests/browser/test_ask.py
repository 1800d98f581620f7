from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_for_gradio
from tests.browser.test_page import START, STOP, TOPS, start, tokens
from tests.browser.test_scripts import lane

BOX = ".sl-ask input"
ASKED = re.compile(r"You asked at token [\d,]+")
MARKUP = "<img src=x onerror=alert(1)> ${page} {{value}} \u202e<b>bold</b>"


def ask(page: Page, text: str) -> None:
    page.fill(BOX, text)
    page.press(BOX, "Enter")


def expect_answers(page: Page, text: str) -> list[str]:
    """What the lanes say to this question, once all have done."""
    expect(page.locator(".sl-said .sl-prompt")).to_have_text([text, text])
    expect(page.locator(".sl-said .sl-asked")).to_have_text([ASKED, ASKED])
    for answer in page.locator(".sl-said .sl-own span span").all():
        expect(answer).not_to_have_text(re.compile("…$"))
        expect(answer).not_to_be_empty()
    return page.locator(".sl-said .sl-own span span").all_inner_texts()


def test_without_a_run_the_box_says_why_it_cannot_be_used(page):
    expect(page.locator(BOX)).to_be_disabled()
    expect(page.get_by_role("button", name="Ask both")).to_be_disabled()
    expect(page.locator(".sl-ask-why")).to_have_text("Start a run to ask.")
    expect(page.locator(".sl-said .sl-asked")).to_have_text(["You have not asked anything yet"] * 2)


def test_both_lanes_answer_while_they_read_on_and_nothing_moves(page):
    start(page)
    before, read = page.evaluate(TOPS), tokens(page)
    ask(page, "What happened next?")
    expect_answers(page, "What happened next?")
    expect(page.locator(BOX)).to_have_value("")
    page.wait_for_function(
        f"Number(document.querySelector('[data-stat=tokens] dd').textContent.replace(',', '')) > {read[0]}"
    )
    assert page.evaluate(TOPS) == before
    page.click(STOP)
    expect(page.locator(BOX)).to_be_disabled()
    expect(page.locator(".sl-ask-why")).to_have_text("Start a run to ask.")
    expect(page.locator(".sl-said .sl-prompt")).to_have_text(["What happened next?"] * 2)


def test_paused_lanes_answer_from_where_they_stand(page):
    start(page)
    page.wait_for_timeout(600)
    page.click(START)
    expect(page.locator(".sl-status")).to_have_text(["Paused", "Paused"])
    held = page.locator("[data-stat='tokens'] dd").all_inner_texts()
    ask(page, "Who was there?")
    expect_answers(page, "Who was there?")
    assert page.locator("[data-stat='tokens'] dd").all_inner_texts() == held
    expect(page.locator(".sl-said .sl-asked")).to_have_text([f"You asked at token {at}" for at in held])
    expect(page.locator(".sl-badge")).to_have_text("Paused")
    page.click(STOP)


def test_an_example_is_a_question_that_the_text_has_answered(page):
    start(page)
    chip = page.locator(".sl-examples .sl-chip").first
    expect(chip).to_contain_text(re.compile(r"\?told [\d,]+ tokens ago, (still|no longer) in the cache"))
    page.click(START)
    expect(page.locator(".sl-status")).to_have_text(["Paused", "Paused"])
    chip.hover()
    asked = chip.locator("span").inner_text()
    chip.click()
    expect_answers(page, asked)
    expect(page.locator(".sl-said i")).to_have_text([re.compile("right|wrong")] * 2)
    page.click(STOP)


def test_markup_and_keys_typed_in_the_box_are_only_text(page):
    page.locator("body").press("a")
    start(page)
    page.locator("body").press("a")
    expect(page.locator(BOX)).to_be_focused()
    expect(page.locator(BOX)).to_have_value("")
    page.keyboard.type("s r f ? a")
    expect(page.locator(BOX)).to_have_value("s r f ? a")
    expect(page.locator(".sl-badge")).to_have_text("Live")
    expect(page.locator("body")).not_to_have_class(re.compile("sl-present"))
    ask(page, MARKUP)
    expect_answers(page, MARKUP)
    assert page.locator(".sl-said :is(img, .sl-prompt *)").count() == 0
    page.click(STOP)


def test_what_is_no_question_is_refused_in_words_and_the_run_goes_on(page):
    start(page)
    page.evaluate(f"document.querySelector('{BOX}').removeAttribute('maxlength')")
    ask(page, "x" * 501)
    expect(page.locator(".sl-ask-why")).to_contain_text("500 characters")
    expect(page.locator(BOX)).to_have_value("x" * 501)
    expect(page.locator(".sl-said .sl-asked")).to_have_text(["You have not asked anything yet"] * 2)
    read = tokens(page)
    page.wait_for_timeout(1000)
    assert tokens(page)[1] > read[1]
    page.click(STOP)


def test_the_italian_page_asks_too(page, address):
    page.goto(f"{address}it")
    page.click(START)
    expect(page.locator(".sl-badge")).to_have_text("In diretta")
    page.fill(BOX, "What happened next?")
    page.get_by_role("button", name="Chiedi a entrambe").click()
    expect(page.locator(".sl-said .sl-asked")).to_have_text([re.compile(r"Hai chiesto al token \d")] * 2)
    page.evaluate(f"document.querySelector('{BOX}').removeAttribute('maxlength')")
    page.fill(BOX, "x" * 501)
    page.press(BOX, "Enter")
    expect(page.locator(".sl-ask-why")).to_contain_text("domanda non va bene: correggila. (In inglese: A question may")
    page.click(STOP)


def test_on_a_phone_the_box_stays_as_large_when_a_run_begins(visit, address):
    page = visit.page
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"{address}it")
    wait_for_gradio(page)
    sizes = "[...document.querySelectorAll('.sl-ask, .sl-said')].map(part => part.offsetHeight)"
    before = page.evaluate(sizes)
    page.click(START)
    expect(page.locator(BOX)).to_be_enabled()
    assert page.evaluate(sizes) == before
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.click(STOP)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"answer": "Under", "done": False}, "Under …"),
        ({"answer": "Under it."}, "Under it."),
        ({"answer": ""}, "(says nothing)"),
        ({"reason": "kv-budget"}, "Out of memory: this lane has no room left for the question."),
        ({"answer": "Under", "reason": "ended"}, "Under … This lane has stopped and freed its cache"),
        ({"reason": "error", "message": "The model failed."}, "The model failed."),
    ],
)
def test_a_lane_says_what_it_says_or_why_not(scripts, said, shown):
    record = {"id": 1, "at": 5, "question": "?", "answer": "", "done": True, "reason": None, "message": "", **said}
    assert scripts.evaluate("said => saidText(said)", record).startswith(shown)


def test_a_question_stands_as_asked_until_the_lane_takes_it_up(scripts):
    earlier = {"id": 1, "at": 5, "question": "A?", "answer": "B.", "done": True, "reason": None, "message": ""}
    says = "([lane, asked]) => { const said = saidBy(lane, asked); return said && [saidLabel(said), said.question]; }"

    def shown(said: dict | None, asked: dict | None) -> list | None:
        return scripts.evaluate(says, [lane(said=said), asked])

    assert shown(None, None) is None
    assert shown(earlier, None) == ["You asked at token 5", "A?"]
    assert shown(earlier, {"id": None, "text": "C?", "refused": ""}) == ["You ask", "C?"]
    assert shown(earlier, {"id": 2, "text": "C?", "refused": ""}) == ["You ask", "C?"]
    assert shown(earlier, {"id": None, "text": "C?", "refused": "Too long."}) == ["You asked at token 5", "A?"]
    assert shown({**earlier, "id": 2}, {"id": 2, "text": "C?", "refused": ""}) == ["You asked at token 5", "A?"]
