"""`python -m tests.browser.screenshots`: pictures of the states that matter, from the running app, into docs/."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.serving import ROOT, served

SIZES = {"page": (1440, 900, "light"), "page-dark": (1440, 900, "dark"), "page-phone": (375, 812, "light")}
"""Name of the picture -> width, height, colour scheme."""


def main(folder: Path = ROOT / "docs") -> int:
    """The recorded run on load in every size, then a live run after half a minute."""
    folder.mkdir(exist_ok=True)
    with served("sink") as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        for name, (width, height, scheme) in SIZES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(address)
            _picture(page, folder / f"{name}.png", after_seconds=5)
        page = browser.new_page(viewport={"width": 1440, "height": 1950})  # charts out of sight are not drawn
        page.goto(address)
        page.get_by_role("button", name="Start", exact=True).click()
        _picture(page, folder / "page-live.png", after_seconds=30)
        browser.close()
    return 0


def _picture(page: Page, path: Path, *, after_seconds: float) -> None:
    page.wait_for_timeout(1000 * after_seconds)
    page.screenshot(path=path, full_page=True)
    print(path)


if __name__ == "__main__":
    sys.exit(main())
