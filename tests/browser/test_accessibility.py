"""No violation of axe-core's rules, of any impact, whatever is open, in two languages, light and dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_for_gradio


def violations(page: Page, state: str) -> list[str]:
    """What axe-core finds on the page as it is, in both colour schemes."""
    found = []
    for scheme in ("light", "dark"):
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", scheme == "dark")
        rules = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        nodes = [(rule["id"], node) for rule in rules for node in rule["nodes"]]
        found += [f"{state}, {scheme}: {rule}: {node['target']}: {node['failureSummary']}" for rule, node in nodes]
    return found


def states(page: Page) -> Iterator[str]:
    """Bring the page into one state after the other."""
    expect(page.locator(".sl-badge[data-state='recorded']")).to_be_visible()
    yield "at rest"
    page.click("[data-tool='more']")
    page.locator(
        "#settings [role='listbox'], #settings input[role='combobox'], #settings .wrap-inner input"
    ).first.click()
    yield "with more settings and a list open"
    page.keyboard.press("Escape")
    page.click("[data-tool='keys']")
    yield "with the keys open"
    page.keyboard.press("Escape")
    page.click("[data-do='main']")
    expect(page.locator(".sl-badge[data-state='running']")).to_be_visible()
    page.wait_for_timeout(500)
    yield "running"
    page.click("[data-tool='tour']")
    yield "in the tour"
    page.set_viewport_size({"width": 375, "height": 800})
    yield "in the tour on a phone"
    page.keyboard.press("Escape")
    page.click("[data-do='stop']")
    expect(page.locator(".sl-badge[data-state='finished']")).to_be_visible()
    yield "stopped, on a phone"
    page.set_viewport_size({"width": 1280, "height": 720})
    page.locator("body").press("f")
    yield "in a lecture"


@pytest.mark.parametrize("path", ["", "it"])
def test_nobody_is_shut_out(visit, address, path):
    visit.page.goto(f"{address}{path}")
    wait_for_gradio(visit.page)
    assert [line for state in states(visit.page) for line in violations(visit.page, state)] == []
