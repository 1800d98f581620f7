"""Figures as files: the page in a real browser, and the images that a real browser draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from comparisons.reports.figures import figure
from comparisons.reports.images import as_html, as_image
from tests.browser.conftest import Visit
from tests.support import results


@pytest.fixture(scope="module")
def drawn():
    return figure(results.result("figure 3"), "Figure 3: a title")


def test_the_page_is_drawn_without_a_network(visit: Visit, drawn, tmp_path: Path) -> None:
    path = tmp_path / "figure.html"
    path.write_text(as_html(drawn, "Figure 3: a title"))
    visit.page.goto(path.as_uri())
    visit.page.wait_for_selector(".js-plotly-plot .scatterlayer .trace")
    assert visit.page.title() == "Figure 3: a title"
    assert visit.page.locator(".scatterlayer .trace").count() == 8
    assert visit.page.locator("text=dense 4,096, to 4,096").count() == 1


def test_an_image_is_drawn_by_the_browser_of_the_system(drawn) -> None:
    svg = as_image(drawn, "svg").decode()
    assert svg.startswith("<svg")
    for words in ("Figure 3: a title", "StreamingLLM 2.00", "training length 256"):
        assert words in svg


def test_a_png_is_sharp(drawn) -> None:
    png = as_image(drawn, "png")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    size = [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)]
    assert size == [2 * drawn.layout.width, 2 * drawn.layout.height]
