"""`python -m tests.browser.screenshots`: pictures of the states that matter, from the running app, into docs/."""

from __future__ import annotations

import io
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import draw_charts, open_settings
from tests.support.chromium import FLAGS
from tests.support.serving import ROOT, served

COLOURS = 256
"""Of a picture's palette; the page is flat, so that nobody sees a difference, and a file is a third as large."""

TALL = 1950
"""Pixels: charts out of sight are not drawn."""

FILM = {"frames": 84, "every": 250, "size": (1366, 768), "shown": (960, 540)}
"""Of the loop on the first screen: how many pictures, milliseconds between two, and how large they are kept."""

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
    open_settings(page)
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
            draw_charts(page)
            reach(page)
            _picture(page, folder / f"{name}.png")
            page.close()
        _preview(browser, address, ROOT / "assets" / "preview.png")
        _film(browser, address, folder / "first-screen.webp")
    return 0


def _preview(browser: Browser, address: str, path: Path) -> None:
    """What previews of links show: the first screen, large."""
    page = browser.new_page(viewport={"width": 1200, "height": 630}, reduced_motion="reduce")
    page.goto(address)
    lecture(page)
    _picture(page, path)
    page.close()


def _film(browser: Browser, address: str, path: Path) -> None:
    """The loop that the first screen plays by itself."""
    width, height = FILM["size"]
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="no-preference")
    page.goto(address)
    page.locator("[data-play='on']").wait_for(timeout=PATIENCE)
    frames = []
    for _ in range(FILM["frames"]):
        began = time.monotonic()
        frames.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(FILM["shown"]))
        page.wait_for_timeout(max(0, FILM["every"] - 1000 * (time.monotonic() - began)))
    first, *others = frames
    first.save(path, save_all=True, append_images=others, duration=FILM["every"], loop=0, quality=60, method=4)
    print(f"{path}: {path.stat().st_size:,} bytes")
    page.close()


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
