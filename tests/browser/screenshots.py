"""`python -m tests.browser.screenshots`: pictures of the states that matter, from the running app, into docs/."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.support.serving import ROOT, served

COLOURS = 256
"""Of a picture's palette; the page is flat, so that nobody sees a difference, and a file is a third as large."""

TALL = 1950
"""Pixels: charts out of sight are not drawn."""

PATIENCE = 300_000
"""Milliseconds until the dense lane has reached its budget."""


def at_rest(page: Page) -> None:
    """The recorded run, as the page shows it before Start."""


def live(page: Page) -> None:
    """A run whose dense lane has reached its budget, while StreamingLLM goes on."""
    page.get_by_role("button", name="Start", exact=True).click()
    reach_the_budget(page)


def reach_the_budget(page: Page) -> None:
    """Wait for the dense lane's end, and a little longer; before the run begins, a recorded one has the page."""
    page.locator(".sl-badge[data-state='running']").wait_for(timeout=PATIENCE)
    page.locator(".sl-lane[data-kind='dense'][data-status='stopped']").wait_for(timeout=PATIENCE)
    page.wait_for_timeout(5000)


def lecture(page: Page) -> None:
    """Presentation mode."""
    page.locator("body").press("f")


def tour(page: Page) -> None:
    """The third step of the guided tour."""
    page.get_by_role("button", name="Take the tour").click()
    for _ in range(2):
        page.keyboard.press("ArrowRight")


def no_sinks(page: Page) -> None:
    """The lane without sinks beside the two."""
    page.get_by_role("button", name="Without sinks").click()
    reach_the_budget(page)


PICTURES: dict[str, tuple[int, int, str, Callable[[Page], None]]] = {
    "page": (1440, TALL, "light", at_rest),
    "page-dark": (1440, TALL, "dark", at_rest),
    "page-live": (1440, TALL, "light", live),
    "page-phone": (375, 812, "light", at_rest),
    "page-lecture": (1920, 1080, "dark", lecture),
    "page-tour": (1440, 900, "light", tour),
    "page-no-sinks": (1440, 1100, "light", no_sinks),
}
"""Name of the picture -> width, height, colour scheme, and what brings the page there."""


def main(folder: Path = ROOT / "docs") -> int:
    """All of them, each in a page of its own."""
    folder.mkdir(exist_ok=True)
    with served("sink") as (address, _), _chromium() as browser:
        for name, (width, height, scheme, reach) in PICTURES.items():
            size = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
            page.goto(address)
            page.wait_for_function("document.querySelectorAll('.sl-plot.js-plotly-plot').length === 3")
            reach(page)
            _picture(page, folder / f"{name}.png")
            page.close()
    return 0


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


def _picture(page: Page, path: Path) -> None:
    page.wait_for_timeout(3000)  # charts are drawn in rounds
    page.screenshot(path=path)
    with Image.open(path) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
