"""`export-space`: exactly what its own requirements.txt names is installed, and a browser sees it in its iframe."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import BrowserType, expect, sync_playwright

from comparisons.__main__ import main
from tests.fresh.environment import fresh, megabytes, serving
from tests.support.chromium import FLAGS, PATIENCE
from tests.support.serving import free_port

# a real Space is on the public network, as the page around it is; this one is on this machine
_LOCAL = "--disable-features=LocalNetworkAccessChecks"

PAGE = "https://huggingface.co/spaces/somebody/streaming"  # answered here; nobody is asked


def variables(port: int) -> dict[str, str]:
    """What Spaces sets for the app."""
    return {
        "SPACE_ID": "somebody/streaming", "SYSTEM": "spaces", "SPACE_HOST": "somebody-streaming.hf.space",
        "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(port), "CPU_CORES": "2", "MEMORY": "16Gi",
    }  # fmt: skip


def visit(chromium: BrowserType, port: int) -> None:
    """See the Space at this port in its iframe, start a run with the keyboard, and stop it."""
    browser = chromium.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, _LOCAL])
    try:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        outside = f"<h1>Spaces</h1><iframe src='http://127.0.0.1:{port}/?__theme=light' width=1200 height=900></iframe>"
        page.route(PAGE, lambda route: route.fulfill(body=outside, content_type="text/html"))
        page.goto(PAGE)
        inside = page.frame_locator("iframe")
        expect(inside.locator(".sl-lane")).to_have_count(2)
        inside.locator("h1").first.click()
        page.keyboard.press("Space")
        expect(inside.locator(".sl-badge")).to_have_text("Live")
        page.keyboard.press("s")
        expect(inside.locator(".sl-badge")).to_have_text("Finished")
    finally:
        browser.close()


def check(folder: Path) -> dict[str, float]:
    """Export, install, serve as Spaces does, and visit it."""
    made, port = folder / "space", free_port()
    assert main(["export-space", str(made)]) == 0
    size = megabytes(made)
    environment = fresh(folder / "environment", "--requirement", made / "requirements.txt")
    env = environment.variables() | variables(port)
    with serving([str(environment.python), "space.py"], port, cwd=made, env=env), sync_playwright() as playwright:
        visit(playwright.chromium, port)
    return {**environment.measured, "space_mb": round(size, 1)}
