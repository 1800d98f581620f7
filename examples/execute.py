"""Execute `streaming.ipynb` and keep what it printed and drew: `python examples/execute.py`.

Charts are kept twice: for Jupyter, where they can be zoomed, and as an image, for places that only show notebooks.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

import kaleido
import nbformat
import plotly.graph_objects as go
from nbclient import NotebookClient
from nbformat import NotebookNode

__all__ = ["NOTEBOOK", "execute"]

NOTEBOOK = Path(__file__).resolve().with_name("streaming.ipynb")
PLOTLY = "application/vnd.plotly.v1+json"
TIMEOUT_SECONDS = 600


def execute(path: Path) -> NotebookNode:
    """The notebook, run from its first cell to its last in a kernel of its own.

    Raises:
        CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    # Otherwise what a cell prints would be one output on a fast machine, and several on a slow one.
    steady = {"coalesce_streams": True, "record_timing": False}
    client = NotebookClient(notebook, timeout=TIMEOUT_SECONDS, resources=resources, **steady)
    # tqdm would warn, in an output, that it cannot draw its bars.
    client.execute(env={**os.environ, "PYTHONWARNINGS": "ignore:IProgress not found"})
    return notebook


def charts(notebook: NotebookNode) -> list[NotebookNode]:
    """The outputs that are charts, by type of content."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [output.data for output in outputs if PLOTLY in output.get("data", ())]


def _add_image(chart: NotebookNode) -> None:
    """What shows notebooks without running scripts shows the image."""
    figure = go.Figure({name: chart[PLOTLY][name] for name in ("data", "layout")})
    # Without mathjax=False it would be fetched from the network.
    image = kaleido.calc_fig_sync(figure, opts={"format": "png", "scale": 1.25}, kopts={"mathjax": False})
    chart.pop("text/html", None)
    chart["image/png"] = base64.b64encode(image).decode()


def main() -> None:
    """Write the notebook anew."""
    notebook = execute(NOTEBOOK)
    for chart in charts(notebook):
        _add_image(chart)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, NOTEBOOK)
    print(f"{NOTEBOOK.name}: {NOTEBOOK.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
