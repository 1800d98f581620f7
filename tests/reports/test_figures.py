"""Figures show the rows of a result, in the page's colours."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import plotly.graph_objects as go
import pytest

from comparisons.experiments.results import Result
from comparisons.reports import drawing
from comparisons.reports.drawing import Axis, Line, Panel, colours, draw
from comparisons.reports.figures import figure
from comparisons.reports.images import as_html
from comparisons.reports.markdown import number
from tests.support import results
from tests.support.serving import ROOT


def lines(drawn: go.Figure) -> dict[str, go.Scatter]:
    return {trace.name: trace for trace in drawn.data if trace.name}


def words(drawn: go.Figure) -> list[str]:
    return [annotation.text for annotation in drawn.layout.annotations]


def only(experiment: str, model: str = "one") -> Result:
    """The result with one of its models."""
    made = results.result(experiment)
    about = replace(made.about, models=tuple(each for each in made.about.models if each.name == model))
    return replace(made, about=about, rows=tuple(row for row in made.rows if row.model == model))


@pytest.mark.parametrize("experiment", results.EXPERIMENTS)
def test_everything_drawn_is_inside_its_axes(experiment: str) -> None:
    drawn = figure(results.result(experiment), "Title")
    assert drawn.data
    for trace in drawn.data:
        for name, values in (("xaxis", trace.x), ("yaxis", trace.y)):
            axis = drawn.layout[(getattr(trace, name) or name[0]).replace(name[0], name, 1)]
            low, high = (10**end if axis.type == "log" else end for end in axis.range)
            assert all(0.999 * low <= value <= 1.001 * high for value in values if value is not None)


@pytest.mark.parametrize("experiment", results.EXPERIMENTS)
def test_the_title_and_the_circumstances_are_on_it(experiment: str) -> None:
    assert {"Title", "seed 0 of the prompt stream, 8,192 tokens; torch 2.13.0, 2 threads"} <= set(
        words(figure(results.result(experiment), "Title"))
    )


@pytest.mark.parametrize("experiment", ["figure 3", "figure 5"])
def test_a_curve_is_the_points_of_its_lane(experiment: str) -> None:
    made = only(experiment)
    drawn = figure(made, "Title")
    dense = [point for point in made.rows if point.kind == "dense"]
    trace = lines(drawn)["dense 4,096, to 4,096"]
    assert list(trace.x) == [point.end for point in dense]
    assert list(trace.y) == [point.perplexity for point in dense]
    assert {"dense 4,096, to 4,096", "window 2.00", "recomputed 2.00", "StreamingLLM 2.00"} <= set(words(drawn))
    assert "training length 256" in words(drawn)


def test_colours_and_dashes_are_those_of_the_page() -> None:
    style = (ROOT / "assets" / "panels" / "panel.css").read_text()
    script = (ROOT / "assets" / "panels" / "js" / "view" / "figures.js").read_text()
    drawn = lines(figure(only("figure 3"), "Title"))
    for kind, name in (
        ("dense", "dense"),
        ("window", "window"),
        ("recompute", "recomputed"),
        ("sinks", "StreamingLLM"),
    ):
        trace = next(trace for text, trace in drawn.items() if text.startswith(name))
        assert f"--{kind}: {trace.line.color};" in style.partition("body.dark")[0]
        assert f'{kind}: "{trace.line.dash}"' in script
    assert len({trace.line.dash for trace in drawn.values()}) == 4


@pytest.mark.parametrize("experiment", ["table 2", "table 3", "table 6"])
def test_models_share_a_chart_and_differ_in_dash_and_symbol(experiment: str) -> None:
    made = results.result(experiment)
    one, two = lines(figure(made, "Title")).values()
    assert one.line.dash != two.line.dash
    assert one.marker.symbol != two.marker.symbol
    assert list(one.y) == [row.perplexity for row in made.rows if row.model == "one"]
    assert list(two.text) == [number(row.perplexity) for row in made.rows if row.model == "two"]


def test_no_sinks_have_the_colour_of_the_window() -> None:
    first, *others = lines(figure(only("table 2"), "Title"))["one"].marker.color
    assert first == colours()["window"]
    assert set(others) == {colours()["sinks"]}


def test_recall_is_not_drawn_across_the_eviction() -> None:
    drawn = figure(only("table 7"), "Title")
    right = lines(drawn)["right"]
    assert [y for y in right.y if y is not None] == pytest.approx([95, 70, 100 / 12, 0])
    assert right.y[2] is None
    assert "evicted after 124" in words(drawn)
    assert list(lines(drawn)["chance"].y) == pytest.approx([2, 2, 2])


def test_an_interval_holds_its_share_and_stays_between_0_and_100() -> None:
    right = lines(figure(only("table 7"), "Title"))["right"]
    for y, up, down in zip(right.y, right.error_y.array, right.error_y.arrayminus, strict=True):
        assert y is None or (-1e-9 <= y - down <= y <= y + up <= 100 + 1e-9 and up + down > 5)


def test_small_differences_look_small() -> None:
    assert figure(results.result("table 6"), "Title").layout.yaxis.range[0] == 0
    assert figure(results.result("table 2"), "Title").layout.yaxis.type == "log"


def test_names_that_would_meet_are_moved_apart() -> None:
    axis = Axis(title="", span=(0, 10))
    together = [Line(name=f"line {n}", x=[0, 10], y=[n, 5 + n / 100], colour="#000000") for n in range(5)]
    drawn = draw([Panel(title="", x=axis, y=axis, lines=together)], title="", subtitle="")
    heights = sorted(each.y * drawn.layout.height for each in drawn.layout.annotations if each.text.startswith("line"))
    assert all(above - below >= drawing.ROW - 1e-6 for below, above in pairwise(heights))


def test_the_page_asks_nobody_for_anything() -> None:
    page = as_html(figure(only("figure 3"), "Title"), "A <title> & more")
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*\b(?:src|href)\s*=", page) == []
    assert "<title>A &lt;title&gt; &amp; more</title>" in page
    assert "plotly.js v" in page


def test_the_name_of_a_model_is_no_markup() -> None:
    made, name = only("figure 3"), "<script>x</script>"
    about = replace(made.about, models=(replace(made.about.models[0], name=name),))
    named = replace(made, about=about, rows=tuple(replace(row, model=name) for row in made.rows))
    assert "<script>x" not in as_html(figure(named, "T"), "T")
