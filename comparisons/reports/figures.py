"""A result as a figure: one chart per model, or per model and cache size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import plotly.graph_objects as go

from comparisons.experiments.results import Kind, ModelFacts, Perplexity, Point, Recalled, Result, StepCost
from comparisons.reports.drawing import DASHES, Axis, Line, Mark, Panel, colours, draw
from comparisons.reports.markdown import number

__all__ = ["figure"]

NAMES = {"dense": "dense", "window": "window", "recompute": "recomputed", "sinks": "StreamingLLM"}
LANES = {"line breaks": "sinks", "dense": "dense", "window": "window", "recompute": "recompute", "sinks": "sinks"}
ROWS = {**NAMES, "line breaks": "4 line breaks"}
LOOKS = (("solid", "circle"), ("7px,4px", "square"), ("2px,4px", "diamond"), ("7px,3px,2px,3px", "triangle-up"))
"""Dashes and symbols of models that share a chart."""


def figure(result: Result, title: str) -> go.Figure:
    """The figure of a result; a colour is a policy's, on a light ground."""
    panels = _PANELS[result.experiment](result)
    about = result.about
    return draw(
        panels,
        title=title,
        subtitle=f"{about.text}, {about.tokens:,} tokens; torch {about.torch}, {_threads(about.threads)}",
    )


def _threads(count: int) -> str:
    return f"{count} thread" + ("s" if count != 1 else "")


def _of(rows: Iterable[Kind], model: ModelFacts) -> list[Kind]:
    return [row for row in rows if row.model == model.name]


def _span(values: Iterable[float | None], *, log: bool) -> tuple[float, float]:
    """Room for all values: from 0 on a linear scale, with air on both sides on a logarithmic one."""
    known = [value for value in values if value]
    if not known:
        return (1, 10) if log else (0, 1)
    return (min(known) / 1.25, max(known) * 1.4) if log else (0, max(known) * 1.2)


def _perplexity_axis(values: Iterable[float | None]) -> Axis:
    """Logarithmic where the values differ widely: on a linear scale small differences must look small."""
    values = list(values)
    known = [value for value in values if value]
    log = bool(known) and max(known) > 8 * min(known)
    return Axis(title="perplexity" + (", log scale" if log else ""), span=_span(values, log=log), log=log)


def _about(model: ModelFacts) -> str:
    return f"{model.name}: training length {model.context:,}"


# ---------------------------------------------------------------------------------------- perplexity tables


def _policies(result: Result) -> list[Panel]:
    """Table 1: a point for each policy, on one scale for all models."""
    known = result.of(Perplexity)
    x = Axis(title="perplexity, log scale", span=_span((row.perplexity for row in known), log=True), log=True)
    panels = []
    for model in result.about.models:
        rows = _of(known, model)[::-1]
        lines = [
            Line(
                name="", x=[row.perplexity], y=[place], colour=colours()[LANES[row.row]], dash=None, symbol="circle",
                texts=[f" {number(row.perplexity)}"], texts_at="middle right",
            )
            for place, row in enumerate(rows) if row.perplexity
        ]  # fmt: skip
        ticks = {float(place): ROWS[row.row] for place, row in enumerate(rows)}
        y = Axis(title="", span=(-0.6, len(rows) - 0.3), ticks=ticks)
        panels.append(Panel(title=_about(model), x=x, y=y, lines=lines))
    return panels


def _by_sinks(result: Result) -> list[Panel]:
    """Tables 2 and 3: a line for each model."""
    rows = result.of(Perplexity)
    keys = list(dict.fromkeys(row.row for row in rows))
    one = len({row.cache for row in rows}) == 1
    ticks = {float(place): f"{key}+{rows[0].cache - int(key)}" if one else key for place, key in enumerate(keys)}
    x = Axis(title="sinks + recent tokens" if one else "sinks", span=(-0.4, len(keys) - 0.6), ticks=ticks)
    return [_model_lines(result, x, lambda row: keys.index(row.row), "one cache budget for all")]


def _by_cache(result: Result) -> list[Panel]:
    """Table 6: a line for each model."""
    caches = sorted({row.cache for row in result.of(Perplexity)})
    ticks = {float(cache): f"{cache:,}" for cache in caches}
    x = Axis(title="cache, tokens, log scale", span=(caches[0] / 1.3, caches[-1] * 1.3), log=True, ticks=ticks)
    return [_model_lines(result, x, lambda row: row.cache, "4 sinks, the rest recent tokens")]


def _model_lines(result: Result, x: Axis, place: Callable[[Perplexity], float], title: str) -> Panel:
    look, lines = colours(), []
    for model, (dash, symbol) in zip(result.about.models, _looks(result), strict=True):
        rows = sorted(_of(result.of(Perplexity), model), key=place)
        lines.append(Line(
            name=model.name, x=[place(row) for row in rows], y=[row.perplexity for row in rows],
            colour=look["sinks"], dash=dash, symbol=symbol,
            colours=[look[row.policy.partition(":")[0]] for row in rows],
        ))  # fmt: skip
    y = _perplexity_axis(row.perplexity for row in result.of(Perplexity))
    return Panel(title=title, x=x, y=y, lines=_with_values(lines))


def _with_values(lines: list[Line]) -> list[Line]:
    """Values beside the points of one line or two, on the outer sides; of more, they would meet."""
    if len(lines) > 2:
        return lines
    upper = max(lines, key=lambda line: line.y[-1] or 0)
    return [
        replace(line, texts=list(map(number, line.y)), texts_at="top right" if line is upper else "bottom right")
        for line in lines
    ]


def _looks(result: Result) -> list[tuple[str, str]]:
    return [LOOKS[index % len(LOOKS)] for index in range(len(result.about.models))]


# ---------------------------------------------------------------------------------------- recall


def _recall(result: Result) -> list[Panel]:
    """Table 7: a chart for each model and cache size."""
    rows = result.of(Recalled)
    far = max(row.end for row in rows)
    near = min(_middle(row) for row in rows)
    panels = []
    for model in result.about.models:
        for cache in dict.fromkeys(row.cache for row in _of(rows, model)):
            panels.append(_recall_panel(model, [row for row in _of(rows, model) if row.cache == cache], near, far))
    return panels


def _recall_panel(model: ModelFacts, rows: list[Recalled], near: float, far: float) -> Panel:
    look, recent = colours(), rows[0].recent
    chance = [(_middle(row), row.chance) for row in rows if row.chance is not None]
    right: list[tuple[float, float | None, tuple[float, float]]] = [
        (_middle(row), row.right / row.asked, _interval(row.right, row.asked)) for row in rows
    ]
    # Nothing is drawn across the eviction: it would look as if recall faded there.
    right.insert(sum(row.end <= recent for row in rows), (recent, None, (0, 0)))
    lines = [
        Line(
            name="chance", x=[x for x, _ in chance], y=[100 * y for _, y in chance],
            colour=look["muted"], dash="2px,4px",
        ),
        Line(
            name="right", x=[x for x, _, _ in right], y=[None if y is None else 100 * y for _, y, _ in right],
            colour=look["sinks"], symbol="circle", spans=[span for _, _, span in right],
        ),
    ]  # fmt: skip
    return Panel(
        title=f"{model.name}: cache of {rows[0].cache:,} tokens",
        x=Axis(title="tokens since the fact was told, log scale", span=(near / 1.2, far), log=True),
        y=Axis(title="answered right, %", span=(-4, 105)),
        lines=lines,
        marks=[Mark(at=recent, text=f"evicted after {recent:,}")],
    )


def _middle(row: Recalled) -> float:
    return math.sqrt(max(1, row.begin) * row.end)


def _interval(right: int, asked: int) -> tuple[float, float]:
    """How far the 95 % interval (Wilson's) goes up and down from the share, in percent."""
    z, share = 1.96, right / asked
    middle = (share + z * z / (2 * asked)) / (1 + z * z / asked)
    half = z / (1 + z * z / asked) * math.sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked))
    return 100 * max(0.0, middle + half - share), 100 * max(0.0, share - middle + half)


# ---------------------------------------------------------------------------------------- curves


def _along(result: Result) -> list[Panel]:
    """Figure 3: a chart for each model, tokens on a linear scale."""
    most = max(point.end for point in result.of(Point))
    return [_curves(result, model, Axis(title="tokens read", span=(0, most))) for model in result.about.models]


def _without_end(result: Result) -> list[Panel]:
    """Figure 5: a chart for each model, tokens on a logarithmic scale."""
    ends = [point.end for point in result.of(Point)]
    x = Axis(title="tokens read, log scale", span=(min(ends), max(ends)), log=True)
    return [_curves(result, model, x) for model in result.about.models]


def _curves(result: Result, model: ModelFacts, x: Axis) -> Panel:
    every = result.of(Point)
    y = Axis(title="perplexity, log scale", span=_span((p.perplexity for p in every), log=True), log=True)
    points = _of(every, model)
    lanes = {kind: [point for point in points if point.kind == kind] for kind in NAMES}
    marks = [Mark(at=model.context, text=f"training length {model.context:,}")] if model.context < x.span[1] else []
    return Panel(
        title=model.name, x=x, y=y, marks=marks,
        lines=[_curve(kind, lane, x.span[1]) for kind, lane in lanes.items() if lane],
    )  # fmt: skip


def _curve(kind: str, points: list[Point], most: float) -> Line:
    last = points[-1]
    ended = f", to {last.end:,}" if last.end < most else ""
    return Line(
        name=f"{NAMES[kind]} {number(last.perplexity)}{ended}",
        x=[point.end for point in points],
        y=[point.perplexity for point in points],
        colour=colours()[kind],
        dash=DASHES[kind],
        symbol="circle" if kind == "recompute" else None,
    )


# ---------------------------------------------------------------------------------------- costs


def _costs(result: Result) -> list[Panel]:
    """Figure 10: time and memory of each model."""
    return [panel for model in result.about.models for panel in _cost_panels(_of(result.of(StepCost), model), model)]


def _cost_panels(costs: list[StepCost], model: ModelFacts) -> Iterable[Panel]:
    caches = sorted({cost.cache for cost in costs})
    ticks = {float(cache): f"{cache:,}" for cache in caches}
    x = Axis(title="cache, tokens, log scale", span=(caches[0] / 1.15, caches[-1] * 1.05), log=True, ticks=ticks)
    measures: Mapping[str, Callable[[StepCost], float]] = {
        "ms per token": lambda cost: cost.ms_per_token,
        "MB of keys and values": lambda cost: cost.kv_bytes / 1e6,
    }
    for what, value in measures.items():
        y = Axis(title=f"{what}, log scale", span=_span(map(value, costs), log=True), log=True)
        lines = []
        for kind in ("dense", "recompute", "sinks"):
            own = sorted((cost for cost in costs if cost.kind == kind), key=lambda cost: cost.cache)
            lines.append(Line(
                name=f"{NAMES[kind]} {number(value(own[-1]))}", x=[cost.cache for cost in own],
                y=[value(cost) for cost in own], colour=colours()[kind], dash=DASHES[kind], symbol="circle",
            ))  # fmt: skip
        yield Panel(title=f"{model.name}: {what}", x=x, y=y, lines=lines)


_PANELS: Mapping[str, Callable[[Result], list[Panel]]] = {
    "table 1": _policies,
    "table 2": _by_sinks,
    "table 3": _by_sinks,
    "table 6": _by_cache,
    "table 7": _recall,
    "figure 3": _along,
    "figure 5": _without_end,
    "figure 10": _costs,
}
