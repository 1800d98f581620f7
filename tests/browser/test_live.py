"""What a visitor changes while a run goes on."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import open_settings
from tests.browser.test_page import START, STOP, choose_pace, start

SINKS = ".sl-lane[data-kind='sinks']"

PERPLEXITY = f"Number(document.querySelector(\"{SINKS} [data-stat='perplexity'] dd\").textContent.replace(',', ''))"


def begin(page: Page) -> None:
    """A run in which StreamingLLM has begun to evict."""
    choose_pace(page, "Faster, 300 tokens/s")
    start(page)
    page.wait_for_function(f"Number(document.querySelector(\"{SINKS} [data-stat='tokens'] dd\").textContent) > 400")


def test_without_its_sinks_a_lane_breaks_within_seconds_and_is_well_again_with_them(page):
    begin(page)
    button = page.locator(f"{SINKS} .sl-sinks")
    button.click()
    page.wait_for_function(f"{PERPLEXITY} > 100", timeout=15_000)
    expect(page.locator(f"{SINKS} .sl-verdict")).to_contain_text("Without its sinks since token")
    expect(button).to_have_text("Give the sinks back")
    button.click()
    page.wait_for_function(f"{PERPLEXITY} < 4", timeout=30_000)
    expect(button).to_have_text("Remove the sinks")
    page.wait_for_function(
        "document.querySelector('.sl-plot').layout.annotations.some(({text}) => text.includes('sinks back'))"
    )
    page.click(STOP)
    expect(button).to_be_hidden()


def test_a_setting_that_is_moved_says_when_it_acts(page):
    begin(page)
    note = page.locator(".sl-source-text")
    choose_pace(page, "As fast as it can")
    expect(note).to_have_text("At once: pace.")
    page.get_by_label("Sinks, as a number").fill("0")
    page.get_by_label("Sinks, as a number").press("Tab")
    expect(note).to_have_text("From the next start on: sinks. Press Restart.")
    page.click("[data-do='restart']")
    expect(page.locator(f"{SINKS} .sl-policy")).to_have_text(re.compile("keeps 0 sinks"))
    page.click(STOP)


def test_without_a_run_moved_settings_say_nothing(page):
    open_settings(page)
    page.get_by_label("Sinks, as a number").fill("2")
    page.get_by_label("Sinks, as a number").press("Tab")
    page.wait_for_timeout(800)
    expect(page.locator(".sl-source-text")).not_to_contain_text("start on")
    expect(page.locator(START)).to_have_text("Start")


def test_a_lane_that_recomputes_shows_what_a_step_takes(page):
    open_settings(page)
    page.get_by_label("Window, recomputed", exact=True).check()
    start(page)
    page.wait_for_function(
        """() => parseFloat(document.querySelector(
            ".sl-lane[data-kind='recompute'] [data-stat='memory'] dd").textContent) > 0.5"""
    )
    expect(page.locator(".sl-detail[data-kind='recompute'] .sl-cache-text")).to_contain_text("keeps nothing: rereads")
    page.click(STOP)
