"""Charts for print and for files: panels of lines in the page's colours and dashes, with their names at their ends.

A colour says the policy, as on the page; its dash says it again for those who do not see the colour.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import plotly.graph_objects as go

__all__ = ["DASHES", "Axis", "Line", "Mark", "Panel", "colours", "draw"]

STYLE = Path(__file__).resolve().parents[2] / "assets" / "panels" / "panel.css"
DASHES = {"dense": "9px,4px", "sinks": "solid", "window": "2px,4px", "recompute": "9px,4px,2px,4px"}
FONT = "system-ui, sans-serif"

WIDTH, ALONE, HEIGHT = 640, 880, 420
"""Pixels of a panel with what surrounds it: one of two side by side, and one on its own."""

LEFT, WORDY, RIGHT, BOTTOM, TOP, HEAD = 84, 136, 176, 64, 44, 84
"""Pixels around the plot of a panel (more on the left where words stand there), and above all panels."""

NEAR_EDGE = 0.85
"""A line that ends beyond this share of the width has its name beside the plot."""

ROW = 19
"""Pixels from one name to the next below it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One curve, or points.

    Attributes:
        name: written at its end; empty for none.
        x: values.
        y: values; None leaves a gap.
        colour: of the line.
        dash: as plotly takes it; None for points without a line.
        symbol: of its points; None for a line without points.
        texts: written at the points.
        texts_at: on which side of them, as plotly says it.
        colours: of the points, where they differ from the line.
        spans: how far the error bars go up and down from each point.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    colour: str
    dash: str | None = "solid"
    symbol: str | None = None
    texts: Sequence[str] = ()
    texts_at: str = "top right"
    colours: Sequence[str] = ()
    spans: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """An axis: its title, what it spans, whether its scale is logarithmic, and the ticks that it must have."""

    title: str
    span: tuple[float, float]
    log: bool = False
    ticks: Mapping[float, str] = field(default_factory=dict)

    def place(self, value: float) -> float:
        """A value as plotly counts on this axis."""
        return math.log10(value) if self.log else value

    def share(self, value: float) -> float:
        """How far along the axis a value is, from 0 to 1."""
        low, high = map(self.place, self.span)
        return (self.place(value) - low) / (high - low)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A vertical line at a place on the x axis, with a word beside its top."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One chart."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    marks: Sequence[Mark] = ()


@cache
def colours() -> Mapping[str, str]:
    """The page's colours by name, those of its light theme."""
    light = STYLE.read_text("utf-8").partition(":root {")[2].partition("\n}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))


def draw(panels: Sequence[Panel], *, title: str, subtitle: str) -> go.Figure:
    """Panels two by two under a title."""
    columns = min(2, len(panels))
    each = WIDTH if columns > 1 else ALONE
    sheet = (columns * each, HEAD + HEIGHT * math.ceil(len(panels) / columns))
    figure = go.Figure(layout=_layout(sheet))
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        margin = WORDY if panel.y.ticks else LEFT
        left, top = column * each + margin, HEAD + row * HEIGHT + TOP
        box = _Box(left=left, top=top, wide=each - margin - RIGHT, high=HEIGHT - TOP - BOTTOM, sheet=sheet)
        _add(figure, panel, box, str(index + 1) if index else "")
    whole = _Box(left=24, top=0, wide=sheet[0], high=sheet[1], sheet=sheet)
    look = colours()
    figure.add_annotation(whole.words(title, 0, sheet[1] - 34, look["ink"], size=20, yanchor="middle"))
    figure.add_annotation(whole.words(subtitle, 0, sheet[1] - 62, look["muted"], yanchor="middle"))
    return figure


@dataclass(frozen=True, kw_only=True, slots=True)
class _Box:
    """Where a plot is on the sheet, in pixels from the top left, and the size of the sheet."""

    left: float
    top: float
    wide: float
    high: float
    sheet: tuple[int, int]

    @property
    def across(self) -> list[float]:
        """From where to where it goes across the sheet, of 1."""
        return [self.left / self.sheet[0], (self.left + self.wide) / self.sheet[0]]

    @property
    def up(self) -> list[float]:
        """From where to where it goes up the sheet, of 1."""
        return [1 - (self.top + self.high) / self.sheet[1], 1 - self.top / self.sheet[1]]

    def words(self, text: str, x: float, y: float, colour: str, *, yanchor: str, size: int = 14) -> dict[str, object]:
        """An annotation at so many pixels from the left and from the bottom of the plot."""
        (width, height), bottom = self.sheet, self.top + self.high
        return {
            "text": text, "font": {"color": colour, "size": size}, "showarrow": False,
            "xref": "paper", "x": (self.left + x) / width, "xanchor": "left",
            "yref": "paper", "y": 1 - (bottom - y) / height, "yanchor": yanchor,
        }  # fmt: skip


def _layout(sheet: tuple[int, int]) -> dict[str, object]:
    look = colours()
    return {
        "width": sheet[0],
        "height": sheet[1],
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "template": None,
        "paper_bgcolor": look["card"],
        "plot_bgcolor": look["card"],
        "font": {"family": FONT, "size": 14, "color": look["muted"]},
        "showlegend": False,
        "hovermode": "closest",
    }


def _add(figure: go.Figure, panel: Panel, box: _Box, number: str) -> None:
    figure.update_layout({
        f"xaxis{number}": _axis(panel.x, box.across, f"y{number}"),
        f"yaxis{number}": _axis(panel.y, box.up, f"x{number}"),
    })  # fmt: skip
    for line in panel.lines:
        figure.add_trace(_trace(line, number))
    for mark in panel.marks:
        figure.add_shape(_mark_line(panel, box, mark))
    for words in (*_heads(panel, box), *_names(panel, box)):
        figure.add_annotation(words)


def _axis(axis: Axis, domain: list[float], anchor: str) -> dict[str, object]:
    look = colours()
    drawn: dict[str, object] = {
        "type": "log" if axis.log else "linear",
        "range": [axis.place(end) for end in axis.span],
        "domain": domain,
        "anchor": anchor,
        "title": {"text": axis.title, "standoff": 10, "font": {"size": 14}},
        "tickfont": {"size": 13},
        "automargin": False,
        "gridcolor": look["line"],
        "linecolor": look["line"],
        "zeroline": False,
        "ticks": "",
        "tickformat": ",",
    }
    ticks = axis.ticks or (_round_ticks(axis) if axis.log else {})
    return {**drawn, "tickvals": list(ticks), "ticktext": list(ticks.values())} if ticks else drawn


def _round_ticks(axis: Axis) -> dict[float, str]:
    """Round numbers on a logarithmic axis: powers of ten, and 2 and 5 between them where there is room."""
    low, high = map(axis.place, axis.span)
    steps = (1, 2, 5) if high - low < 3 else (1,)
    values = [step * 10.0**power for power in range(math.floor(low), math.ceil(high)) for step in steps]
    return {value: f"{value:,g}" for value in [*values, 10.0 ** math.ceil(high)] if low <= axis.place(value) <= high}


def _trace(line: Line, number: str) -> go.Scatter:
    parts = [("lines", line.dash), ("markers", line.symbol), ("text", line.texts)]
    look = colours()
    spans = {}
    if line.spans:
        up, down = ([span[side] for span in line.spans] for side in (0, 1))
        spans = {"error_y": {"type": "data", "array": up, "arrayminus": down, "thickness": 1, "width": 3}}
    return go.Scatter(
        name=line.name,
        x=list(line.x),
        y=list(line.y),
        xaxis=f"x{number}",
        yaxis=f"y{number}",
        mode="+".join(part for part, there in parts if there) or "none",
        line={"color": line.colour, "width": 2.5, "dash": line.dash or "solid"},
        marker={"color": list(line.colours) or line.colour, "size": 8, "symbol": line.symbol or "circle"},
        text=list(line.texts) or None,
        textposition=line.texts_at,
        textfont={"size": 12, "color": look["ink"]},
        cliponaxis=False,
        hovertemplate="%{x:,}: %{y:,.4~g}<extra>%{fullData.name}</extra>",
        **spans,
    )


def _heads(panel: Panel, box: _Box) -> list[dict[str, object]]:
    """The panel's title, and a word at the top of each mark."""
    look = colours()
    heads = [box.words(panel.title, 0, box.high + 24, look["ink"], size=15, yanchor="middle")]
    for mark in panel.marks:
        x = box.wide * panel.x.share(mark.at)
        heads.append(box.words(mark.text, x + 6, box.high - 2, look["muted"], yanchor="top"))
    return heads


def _mark_line(panel: Panel, box: _Box, mark: Mark) -> dict[str, object]:
    left, right = box.across
    x = left + (right - left) * panel.x.share(mark.at)
    line = {"color": colours()["muted"], "width": 1.5, "dash": "6px,3px"}
    return {
        "type": "line",
        "xref": "paper",
        "x0": x,
        "x1": x,
        "yref": "paper",
        "y0": box.up[0],
        "y1": box.up[1],
        "line": line,
    }


def _names(panel: Panel, box: _Box) -> list[dict[str, object]]:
    """The lines' names at their ends, moved apart where they would meet."""
    ends = []
    for line in panel.lines:
        known = [(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None]
        if line.name and known:
            x, y = known[-1]
            near_edge = panel.x.share(x) > NEAR_EDGE
            ends.append((box.wide * (1 if near_edge else panel.x.share(x)), box.high * panel.y.share(y), line))
    heights = _apart([(x, y) for x, y, _ in ends])
    return [
        box.words(line.name, x + 8, height, line.colour, yanchor="middle")
        for (x, _, line), height in zip(ends, heights, strict=True)
    ]


def _apart(ends: Sequence[tuple[float, float]]) -> list[float]:
    """Heights at least `ROW` pixels from each other, as near as may be to those of the ends."""
    order = sorted(range(len(ends)), key=lambda i: ends[i][1])
    heights = [y for _, y in ends]
    for below, above in pairwise(order):
        heights[above] = max(heights[above], heights[below] + ROW)
    return heights
