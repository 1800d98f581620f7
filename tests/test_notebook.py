"""The notebook runs, and what it shows is what it shows when it runs."""

from __future__ import annotations

import re

import nbformat
from nbformat import NotebookNode

from examples.execute import NOTEBOOK, charts, execute


def kinds(notebook: NotebookNode) -> list[list[str]]:
    """For each cell of code, what kinds of output it has."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [[output.get("name", output.output_type) for output in cell.outputs] for cell in cells]


def test_the_notebook_runs_and_keeps_its_outputs() -> None:
    kept, fresh = nbformat.read(NOTEBOOK, as_version=4), execute(NOTEBOOK)
    assert kinds(fresh) == kinds(kept), "run: python examples/execute.py"
    assert all(kind in ("stdout", "display_data", "execute_result") for cell in kinds(kept) for kind in cell)
    counts = [cell.execution_count for cell in kept.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_the_notebook_is_small_shows_its_charts_anywhere_and_names_no_machine() -> None:
    text = NOTEBOOK.read_text()
    assert NOTEBOOK.stat().st_size < 300_000
    shown = charts(nbformat.reads(text, as_version=4))
    assert len(shown) >= 2
    assert all("image/png" in chart for chart in shown)
    assert not re.search(r"/(home|root|tmp|Users|work)/", text)
