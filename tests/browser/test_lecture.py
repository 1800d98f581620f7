"""A lecture by mouse alone, by a clicker alone, and by its address."""

from __future__ import annotations

import re

from playwright.sync_api import expect

BADGE, PRESENTS = ".sl-badge", re.compile("sl-present")


def test_a_lecture_is_steered_by_the_mouse_alone(page):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_role("button", name="Present").click()
    expect(page.locator("body")).to_have_class(PRESENTS)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(BADGE)).to_have_text("Live")
    page.locator("[data-do='main']").click()
    expect(page.locator(BADGE)).to_have_text("Paused")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator(BADGE)).to_have_text("Finished")
    page.get_by_role("button", name="Leave").click()
    expect(page.locator("body")).not_to_have_class(PRESENTS)


def test_a_lecture_is_steered_by_a_clicker_alone(page):
    body = page.locator("body")
    body.press("PageDown")
    expect(page.locator(BADGE)).to_have_text("Recorded run")
    body.press("f")
    for shown in ("Live", "Paused", "Live"):
        body.press("PageDown")
        expect(page.locator(BADGE)).to_have_text(shown)
    body.press("b")
    expect(body).to_have_class(re.compile("sl-black"))
    body.press("b")
    expect(body).not_to_have_class(re.compile("sl-black"))
    page.click("[data-do='stop']")


def test_an_address_asks_for_a_lecture_that_plays_and_leaves_parts_out(visit, address):
    page = visit.page
    page.goto(f"{address}?seed=3&present=1&play=1&hide=answers,nothing")
    expect(page.locator("body")).to_have_class(PRESENTS)
    expect(page.locator(BADGE)).to_have_text("Live")
    expect(page.locator(".sl-judged")).to_be_hidden()
    expect(page.locator(".sl-text").first).to_be_visible()
    page.click("[data-do='stop']")


def test_type_follows_the_window_when_it_grows_during_a_lecture(page):
    page.set_viewport_size({"width": 1366, "height": 768})
    page.locator("body").press("f")
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.wait_for_function("document.querySelector('.sl-plot').layout.font.size >= 0.018 * innerHeight")
