"""Figures as files: a page that needs no network, SVG, and PNG.

SVG and PNG are drawn by a Chrome or Chromium on this machine, driven by the package kaleido, which the demo itself
does not need.
"""

from __future__ import annotations

import importlib.util
from html import escape
from pathlib import Path

import plotly.graph_objects as go

from streaming.errors import SettingsError, StreamingError

__all__ = ["as_html", "as_image", "check_images"]

SHARP = 2
"""Pixels of a PNG per pixel of the figure."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body {{ margin: 0; background: {paper}; overflow-x: auto; }}</style>
</head>
<body>
<h1 style="position: absolute; clip-path: inset(50%)">{title}</h1>
{figure}
</body>
</html>
"""


def as_html(figure: go.Figure, title: str) -> str:
    """A page of its own, with plotly.js from the installed package in it."""
    config = {"displaylogo": False, "showSendToCloud": False, "displayModeBar": "hover"}
    drawn = figure.to_html(full_html=False, include_plotlyjs=True, include_mathjax=False, config=config)
    return PAGE.format(title=escape(title), paper=figure.layout.paper_bgcolor, figure=drawn)


def check_images() -> None:
    """Raise SettingsError, naming the command that helps, where SVG and PNG cannot be drawn."""
    if importlib.util.find_spec("kaleido") is None:
        raise SettingsError('SVG and PNG need the package kaleido: run `pip install "kaleido>=1.5,<2"`, or use --html.')
    from choreographer.browsers.chromium import Chromium

    browser = Chromium.find_browser(skip_local=False)
    if browser is None or not Path(browser).is_file():
        raise SettingsError(
            "SVG and PNG need Chrome or Chromium: install it (`apt-get install chromium`), or set BROWSER_PATH to it, "
            "or use --html."
        )


def as_image(figure: go.Figure, kind: str) -> bytes:
    """The figure as an "svg" or a "png".

    Raises:
        SettingsError: there is nothing to draw it with.
        StreamingError: the browser failed.
    """
    check_images()
    import kaleido
    from kaleido.errors import BrowserClosedError, BrowserFailedError, JavascriptError, KaleidoError

    size = {"width": figure.layout.width, "height": figure.layout.height, "scale": SHARP if kind == "png" else 1}
    try:
        # Without mathjax=False it would be fetched from the network.
        drawn: bytes = kaleido.calc_fig_sync(figure, opts={"format": kind, **size}, kopts={"mathjax": False})
        return drawn
    except (BrowserClosedError, BrowserFailedError, JavascriptError, KaleidoError) as error:
        raise StreamingError(f"The browser did not draw the {kind.upper()}: try again, or use --html.") from error
