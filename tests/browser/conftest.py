"""A real browser on the real app, serving the bundled model."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, expect, sync_playwright

from comparisons.page.scripts import page_script
from comparisons.page.words import language
from tests.support.chromium import FLAGS, PATIENCE
from tests.support.serving import served

BAD = ("error", "warning")

CHROMIUM = shutil.which("chromium")

USUAL = {"viewport": {"width": 1440, "height": 2000}, "reduced_motion": "reduce"}


@dataclass
class Visit:
    """A page, and what must not happen on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)

    def watch(self) -> None:
        """Note errors and warnings of the console and requests that leave this machine."""
        self.page.on("console", lambda message: message.type in BAD and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._meet(request.url))

    def _meet(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            self.origins.add(f"{parts.scheme}://{parts.netloc}")
            if parts.hostname != "127.0.0.1":
                self.strangers.append(url)


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    with served("sink") as (address, _):
        yield address


@pytest.fixture(scope="package")
def chromium() -> Iterator[BrowserType]:
    """Gone before other tests: Playwright runs an event loop in this thread, beside which Ray takes a minute more."""
    if CHROMIUM is None:
        pytest.fail("The browser tests need Debian's chromium: apt-get install chromium", pytrace=False)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="package")
def browser(chromium) -> Iterator[Browser]:
    """Each of its contexts is a visitor's first visit: all scripts are fetched and compiled."""
    browser = chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def profile(chromium, tmp_path_factory) -> Iterator[BrowserContext]:
    """The context of a visitor who comes again: scripts are kept and compiled, which saves some seconds a page."""
    folder = tmp_path_factory.mktemp("profile")
    context = chromium.launch_persistent_context(folder, executable_path=CHROMIUM, args=list(FLAGS), **USUAL)
    yield context
    context.close()


@contextmanager
def visiting(context: BrowserContext) -> Iterator[Visit]:
    """A page of its own, of which nothing stays; fails if it complains or leaves this machine."""
    context.set_default_timeout(PATIENCE)
    visit = Visit(context.new_page())
    visit.watch()
    try:
        yield visit
        assert visit.complaints == []
        assert visit.strangers == []
    finally:
        forget(visit)


def forget(visit: Visit) -> None:
    """Close the page; the browser forgets what it kept for it and what it was allowed, but for its scripts."""
    context, session = visit.page.context, visit.page.context.new_cdp_session(visit.page)
    for origin in visit.origins:
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "cookies,local_storage"})
    context.clear_permissions()
    visit.page.close()


@pytest.fixture
def visit(profile) -> Iterator[Visit]:
    """A page of a visitor who comes again."""
    with visiting(profile) as visit:
        yield visit


@pytest.fixture
def first_visit(browser) -> Iterator[Visit]:
    """A page of a visitor who comes for the first time."""
    with browser.new_context(**USUAL) as context, visiting(context) as visit:
        yield visit


@pytest.fixture
def page(visit, address) -> Page:
    """The app's page, with its charts drawn by Plotly, as after a touch of them."""
    visit.page.goto(address)
    draw_charts(visit.page)
    return visit.page


def wait_for_gradio(page: Page) -> None:
    """Until the panel, which stands before Gradio does, has moved into its place there."""
    page.wait_for_selector("#sl-early", state="detached")


def draw_charts(page: Page) -> None:
    """Touch the charts, and wait until Plotly has drawn them."""
    wait_for_gradio(page)
    page.dispatch_event(".sl-charts", "pointerenter")
    page.wait_for_function("document.querySelectorAll('.sl-plot.js-plotly-plot').length === 3")


def open_settings(page: Page) -> None:
    """Unfold them, where they are not."""
    if page.locator("#settings").is_hidden():
        page.click("[data-tool='more']")
        page.locator("[data-tool='more']").blur()  # so that the page's keys are the page's again


@pytest.fixture
def scripts(visit) -> Page:
    """The panel's own functions, in a page without the app."""
    return with_scripts(visit.page)


def with_scripts(page: Page) -> Page:
    """The page with nothing in it but the panel's own functions."""
    page.set_content("<body></body>")
    page.add_script_tag(content=exposed(page_script(language("en"), plotly_url="")))
    return page


def evaluated(page: Page, function: str, *arguments: Any) -> Any:
    """What a function of the page gives for these arguments; all goes as JSON, as Playwright is slow with much else."""
    call = f"told => JSON.stringify(({function})(...JSON.parse(told)))"
    return json.loads(page.evaluate(call, json.dumps(arguments)))


def exposed(script: str) -> str:
    """The panel's script for a page without modules: all that they export stands in the page's own scope."""
    plain = re.sub(r"^export const .*$", "", script, flags=re.MULTILINE)
    return f"{{ {plain}\nObject.assign(window, ...Object.values(modules)); }}"
