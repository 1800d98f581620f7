from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import open_settings

STEPS = ["lanes", "tint", "cache", "perplexity", "memory", "presets", "questions"]

CARD = """() => {
    const box = selector => document.querySelector(selector).getBoundingClientRect();
    const [card, ring] = [box('.sl-tour'), box('.sl-ring')];
    return {
        inside: card.top >= 0 && card.left >= 0 && card.bottom <= innerHeight && card.right <= innerWidth,
        beside: card.top >= ring.bottom || card.bottom <= ring.top,
        points: ring.bottom > 0 && ring.top < innerHeight && ring.height > 10 && ring.width > 60,
        focused: document.querySelector('.sl-tour').contains(document.activeElement),
    };
}"""

AS_IT_SHOULD = {"inside": True, "beside": True, "points": True, "focused": True}

COUNT_WORDS = """() => { window.heard = 0; new MutationObserver(changes => (window.heard += changes.length)).observe(
    document.querySelector('.sl-tour [aria-live]'), {subtree: true, childList: true, characterData: true}); }"""


def begin(page: Page, name: str = "Take the tour") -> None:
    page.get_by_role("button", name=name).press("Enter")
    expect(page.locator(".sl-tour")).to_be_visible()


def test_the_tour_goes_from_part_to_part_by_keys_and_gives_the_focus_back(page):
    page.set_viewport_size({"width": 1280, "height": 800})
    begin(page)
    titles = []
    for step in range(len(STEPS)):
        expect(page.locator(".sl-tour-step")).to_have_text(f"Step {step + 1} of {len(STEPS)}")
        page.wait_for_function(f"Object.values(({CARD})()).every(Boolean)")
        titles.append(page.get_by_role("dialog").locator("h2").inner_text())
        assert "{" not in page.locator(".sl-tour").inner_text()
        page.keyboard.press("ArrowRight" if step % 2 else "Enter")
    assert len(set(titles)) == len(STEPS)
    expect(page.locator(".sl-tour")).to_be_hidden()
    expect(page.locator(".sl-ring")).to_be_hidden()
    expect(page.get_by_role("button", name="Take the tour")).to_be_focused()


def test_the_tour_fits_a_phone_in_italian_and_follows_a_turn_of_it(page, address):
    page.set_viewport_size({"width": 375, "height": 740})
    page.goto(f"{address}it")
    page.wait_for_selector(".sl-lane")
    begin(page, "Visita guidata")
    for _ in STEPS:
        assert page.evaluate(CARD) == AS_IT_SHOULD
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        page.locator("[data-tour=next]").press("Enter")  # "Avanti", and "Fine" at the end
    begin(page, "Visita guidata")
    page.set_viewport_size({"width": 740, "height": 375})
    page.wait_for_function(f"(({CARD})()).beside")
    page.keyboard.press("Escape")
    expect(page.locator(".sl-tour")).to_be_hidden()


def test_the_tour_starts_a_run_stays_open_beside_it_and_is_read_out_once(page):
    begin(page)
    page.evaluate(COUNT_WORDS)
    page.get_by_role("button", name="Start a run").click()
    expect(page.locator(".sl-badge")).to_have_text("Live")
    expect(page.get_by_role("button", name="Start a run")).to_be_hidden()
    expect(page.get_by_role("button", name="Next")).to_be_focused()
    page.evaluate("window.heard = 0")
    page.wait_for_timeout(1500)
    assert page.evaluate("window.heard") == 0, "a step's words do not change with the measurements"
    page.keyboard.press("s")
    expect(page.locator(".sl-badge")).to_have_text("Finished")


def test_in_a_lecture_the_tour_keeps_to_what_is_on_show_and_escape_leaves_one_thing_at_a_time(page):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.locator("body").press("f")
    expect(page.locator("body")).to_have_class("sl-present")
    page.evaluate("document.querySelector('[data-tool=tour]').click()")
    expect(page.locator(".sl-tour-step")).to_have_text("Step 1 of 4")
    page.keyboard.press("f")
    expect(page.locator(".sl-tour-step")).to_have_text(f"Step 1 of {len(STEPS)}")
    page.keyboard.press("f")
    page.keyboard.press("Escape")
    expect(page.locator(".sl-tour")).to_be_hidden()
    expect(page.locator("body")).to_have_class("sl-present")
    page.keyboard.press("Escape")
    expect(page.locator("body")).not_to_have_class("sl-present")


def test_arrows_turn_to_earlier_answers_but_leave_a_slider_alone(page):
    open_settings(page)
    asked = page.locator(".sl-judged .sl-asked")
    newest = asked.inner_text()
    page.locator("body").press("ArrowLeft")
    expect(asked).not_to_have_text(newest)
    earlier = asked.inner_text()
    slider = page.locator("#settings input[type=range]").first
    before = slider.input_value()
    slider.press("ArrowRight")
    expect(slider).not_to_have_value(before)
    assert asked.inner_text() == earlier
    slider.blur()
    page.locator("body").press("ArrowRight")
    expect(asked).to_have_text(newest)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720)])
def test_in_a_lecture_lanes_and_perplexity_fill_one_screen_in_large_type(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.locator("body").press("f")
    page.wait_for_function("document.querySelector('[data-chart=perplexity] .sl-plot').layout.font.size > 11")
    seen = page.evaluate(
        """() => { const bottom = s => document.querySelector(s).getBoundingClientRect().bottom;
        const size = s => parseFloat(getComputedStyle(document.querySelector(s)).fontSize);
        return { bottom: bottom('[data-chart=perplexity]'), width: document.documentElement.scrollWidth,
            plot: document.querySelector('[data-chart=perplexity] .sl-plot').clientHeight,
            answers: document.querySelector('.sl-judged .sl-reply').clientHeight,
            text: size('.sl-text'), number: size('.sl-stats dd'), verdict: size('.sl-verdict') }; }"""
    )
    assert seen["bottom"] <= height and seen["width"] <= width
    assert seen["plot"] >= 0.3 * height and seen["answers"] > 0
    assert seen["text"] >= height / 55 and seen["verdict"] >= height / 45 and seen["number"] >= height / 30
