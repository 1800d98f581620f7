"""An exported Space, started as Spaces starts it, in an iframe of another origin as Spaces shows it."""

from __future__ import annotations

import os
import sys

from comparisons.__main__ import main
from tests.fresh import space
from tests.fresh.environment import serving
from tests.support.serving import free_port


def test_an_exported_space_runs_inside_the_page_of_another_origin(browser, tmp_path):
    folder, port = tmp_path / "space", free_port()
    assert main(["export-space", str(folder)]) == 0
    env = {**os.environ, **space.variables(port)}
    with serving([sys.executable, "space.py"], port, cwd=folder, env=env):
        space.visit(browser.browser_type, port)
