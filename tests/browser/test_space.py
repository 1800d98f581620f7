"""An exported Space, started as Spaces starts it, in an iframe of another origin as Spaces shows it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from playwright.sync_api import expect

from comparisons.__main__ import main
from tests.browser.conftest import FLAGS, PATIENCE
from tests.support.serving import free_port, wait_for

SPACE = "https://huggingface.co/spaces/somebody/streaming"  # answered by the test; nobody is asked


def test_an_exported_space_runs_inside_the_page_of_another_origin(browser, tmp_path):
    # a real Space is on the public network, as the page around it is; this one is on this machine
    flags = [*FLAGS, "--disable-features=LocalNetworkAccessChecks"]
    own = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=flags)
    page = own.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    folder, port = tmp_path / "space", free_port()
    assert main(["export-space", str(folder)]) == 0
    variables = {
        "SPACE_ID": "somebody/streaming", "SYSTEM": "spaces", "SPACE_HOST": "somebody-streaming.hf.space",
        "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(port), "CPU_CORES": "2", "MEMORY": "16Gi",
    }  # fmt: skip
    space = subprocess.Popen(
        [sys.executable, "space.py"], cwd=folder, env={**os.environ, **variables}, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/", space)
        outside = f"<h1>Spaces</h1><iframe src='http://127.0.0.1:{port}/?__theme=light' width=1200 height=900></iframe>"
        page.route(SPACE, lambda route: route.fulfill(body=outside, content_type="text/html"))
        page.goto(SPACE)
        inside = page.frame_locator("iframe")
        expect(inside.locator(".sl-lane")).to_have_count(2)
        inside.locator("h1").first.click()
        page.keyboard.press("Space")
        expect(inside.locator(".sl-badge")).to_have_text("Live")
        page.keyboard.press("s")
        expect(inside.locator(".sl-badge")).to_have_text("Finished")
    finally:
        space.terminate()
        space.wait(timeout=20)
        own.close()
