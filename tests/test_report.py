"""The README says what was measured."""

from __future__ import annotations

from comparisons import report
from tests.serving import ROOT


def test_the_readme_holds_the_figures_of_the_bundled_models() -> None:
    page = (ROOT / "README.md").read_text()
    assert report.with_table(page) == page, "run: python -m comparisons report"
    assert len(report.figures()) == 2


def test_only_what_is_between_the_markers_is_rewritten() -> None:
    page = f"before\n{report.MARKERS[0]}\nold\n{report.MARKERS[1]}\nafter\n"
    written = report.with_table(page)
    assert written.startswith("before\n")
    assert written.endswith("\nafter\n")
    assert "old" not in written
    assert "`sink`" in written
