"""`export-space`: exactly what its own requirements.txt names is installed, and a browser sees it in its iframe."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

from comparisons.__main__ import main
from tests.fresh.environment import fresh, megabytes, serving
from tests.support import space
from tests.support.serving import free_port


def check(folder: Path) -> dict[str, float]:
    """Export, install, serve as Spaces does, and visit it."""
    made, port = folder / "space", free_port()
    assert main(["export-space", str(made)]) == 0
    size = megabytes(made)
    environment = fresh(folder / "environment", "--requirement", made / "requirements.txt")
    env = environment.variables() | space.variables(port)
    with serving([str(environment.python), "space.py"], port, cwd=made, env=env), sync_playwright() as playwright:
        space.visit(playwright.chromium, port)
    return {**environment.measured, "space_mb": round(size, 1)}
