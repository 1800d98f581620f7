"""A connection that is lost and comes back, over a wire that can be cut."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_page import START, wait_for_tokens
from tests.support.chromium import PATIENCE
from tests.support.clients import Site
from tests.support.serving import served
from tests.support.speaking import wait_until
from tests.support.wire import Wire, wired


@pytest.fixture(scope="module")
def patient() -> Iterator[str]:
    """An app with one place, which keeps a run for its visitor as long as it does by default."""
    with served("sink", STREAMING_GRACE="40", STREAMING_RUNS="1") as (address, _):
        yield address


@pytest.fixture
def wire(patient: str) -> Iterator[Wire]:
    with wired(urlsplit(patient).port) as wire:
        yield wire
    Site.at(patient).settled(20)


@pytest.fixture
def guest(browser: Browser, wire: Wire) -> Iterator[Page]:
    """A page that is reached over the wire; it may complain while that is cut."""
    expect.set_options(timeout=PATIENCE)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{wire.port}/")
    page.wait_for_selector(".sl-lane")
    page.evaluate("window.stays = 'yes'")
    yield page
    context.close()


def begin(page: Page) -> None:
    page.click(START)
    expect(page.locator(".sl-badge")).to_have_text("Live")
    wait_for_tokens(page, 150)


def tokens(page: Page) -> list[int]:
    return [int(text.replace(",", "")) for text in page.locator("[data-stat='tokens'] dd").all_inner_texts()]


@pytest.mark.parametrize("away", [0.1, 2, 6.5])
def test_a_run_goes_on_after_a_lost_connection_and_nothing_is_lost(guest, wire, away):
    begin(guest)
    wire.cut()
    if away >= 2:
        expect(guest.locator(".sl-badge")).to_have_text("Connection lost")
    guest.wait_for_timeout(1000 * away)
    held = tokens(guest)
    wire.mend()
    expect(guest.locator(".sl-badge")).to_have_text("Live")
    wait_for_tokens(guest, held[0] + 200)
    with guest.expect_download() as download:
        guest.locator("[data-save='csv']").click()
    rows = [line.split(",") for line in download.value.path().read_text().splitlines() if line.startswith("dense,")]
    read = [int(row[1]) for row in rows]
    assert read == list(range(read[0], read[0] + 32 * len(read), 32)), "a point is lost, or told twice"
    assert guest.evaluate("window.stays") == "yes", "the page was loaded anew"
    expect(guest.locator(".toast-body")).to_have_count(0)
    guest.click("[data-do='restart']")
    expect(guest.locator(".sl-badge")).to_have_text("Live")
    guest.click("[data-do='stop']")
    expect(guest.locator(".sl-badge")).to_have_text("Finished")


@pytest.mark.parametrize("after", [0.2, 0.5])
def test_a_connection_that_is_lost_as_soon_as_a_run_has_begun_is_no_end_of_it(guest, wire, patient, after):
    with guest.expect_response("**/queue/join*"):
        guest.click(START)
    guest.wait_for_timeout(1000 * after)
    wire.cut()
    guest.wait_for_timeout(700)
    wire.mend()
    expect(guest.locator(".sl-badge")).to_have_text("Live")
    wait_for_tokens(guest, 100)
    expect(guest.locator(".toast-body")).to_have_count(0)
    assert Site.at(patient).health()["runs"] == 1
    guest.click("[data-do='stop']")
    expect(guest.locator(".sl-badge")).to_have_text("Finished")


def test_who_closes_the_page_gives_the_place_back_at_once(browser, guest, wire, patient):
    begin(guest)
    site = Site.at(patient)
    waiting = browser.new_page()
    waiting.goto(patient)
    waiting.click(START)
    expect(waiting.get_by_text("you are number 1 in the queue")).to_be_visible()
    began = time.monotonic()
    waiting.goto("about:blank")
    wait_until(lambda: not site.health()["waiting"], seconds=20)
    guest.goto("about:blank")
    site.settled(20)
    assert time.monotonic() - began < 30, "the server waited for them to come back"
    waiting.close()


def test_a_run_that_the_server_no_longer_has_stays_on_the_screen_and_says_so(guest, wire):
    begin(guest)
    held = tokens(guest)
    guest.evaluate("window.gradio_config.app_id = 'another'")
    wire.cut()
    expect(guest.locator(".sl-badge")).to_have_text("Connection lost")
    wire.mend()
    expect(guest.locator(".sl-source-text")).to_contain_text("the server no longer has that run")
    assert all(now >= before for now, before in zip(tokens(guest), held, strict=True))
    assert guest.evaluate("window.stays") == "yes"
    expect(guest.locator(START)).to_have_text("Start")
    guest.click(START)
    expect(guest.locator(".sl-badge")).to_have_text("Live")
    guest.click("[data-do='stop']")
