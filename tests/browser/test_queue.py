"""A busy server, a page out of sight, and a server that restarts, as a visitor sees them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import draw_charts
from tests.support.chromium import PATIENCE
from tests.support.clients import Site
from tests.support.serving import served

OUT_OF_SIGHT = """
hidden => {
    Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}
"""


@pytest.fixture
def narrow() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """An app with one place."""
    with served("sink", STREAMING_RUNS="1", STREAMING_WAITING="4") as (address, process):
        yield address, process


@pytest.fixture
def guest(browser, narrow) -> Iterator[Page]:
    """A page of that app; it may complain when its server goes away."""
    expect.set_options(timeout=PATIENCE)
    context = browser.new_context(viewport={"width": 1440, "height": 2000}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(narrow[0])
    draw_charts(page)
    yield page
    context.close()


def badge(page: Page, state: str):
    return page.locator(f".sl-badge[data-state='{state}']")


def test_a_visitor_waits_with_a_recorded_run_pauses_out_of_sight_and_hears_of_a_restart(narrow, guest):
    address, process = narrow
    other = Site.at(address).frames(Site.at(address).join(pace=8))
    next(other)
    guest.click("[data-do='main']")
    expect(guest.get_by_text("you are number 1 in the queue")).to_be_visible()
    expect(guest.locator("[data-play='on']")).to_be_visible()
    other.close()
    expect(badge(guest, "running")).to_be_visible()
    guest.wait_for_url("**/?sinks=*")

    guest.evaluate(OUT_OF_SIGHT, True)
    expect(badge(guest, "paused")).to_be_visible()
    guest.evaluate(OUT_OF_SIGHT, False)
    expect(badge(guest, "running")).to_be_visible()

    process.terminate()
    expect(guest.locator(".sl-verdict", has_text="The server is restarting").first).to_be_visible()
    assert process.wait(timeout=20) == 0
