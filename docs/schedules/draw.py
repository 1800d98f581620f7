"""`python docs/schedules/draw.py`: how the bundled models came to be, and the schedules that were tried before.

A schedule is what a recipe says of the attention cost: how much, from when on, in which layers. The logs of the tried
ones are kept beside this file, a recipe and a log each; those of the bundled models stand beside their weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from comparisons.files import write_whole
from comparisons.reports.drawing import DASHES, Axis, Line, Panel, colours, draw
from comparisons.reports.images import as_image
from streaming import models
from streaming.errors import RecordingError

__all__ = ["Schedule", "drawn", "load_all", "page"]

TRIED = Path(__file__).resolve().parent

MEASURES = {
    "perplexity": "held-out perplexity, in context",
    "mean_attention_on_first": "mean attention on token 0",
    "window_ratio": "window without sinks, × 4 sinks",
    "dense_ratio": "dense past its training length, × 4 sinks",
}
"""What is drawn, as the log calls it and in words."""

PAGE = """# Schedules of the attention cost

Written by `python docs/schedules/draw.py` from the logs beside this file and beside the bundled models. Every
schedule trains the same architecture on the same data; a model with an attention cost begins every text with the
sink token. Ratios are perplexities beyond four training lengths, on a training seed that is never trained on, over
1,024 tokens: enough to see a collapse, not to compare its depth.

![Four measures over the tokens trained on](schedules.svg)

{table}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A training run: what it is called, its schedule in words, and those lines of its log that hold an evaluation."""

    name: str
    words: str
    steps: int
    evaluations: Sequence[Mapping[str, float]]


def load_all() -> list[Schedule]:
    """The tried schedules by name, then those of the bundled models.

    Raises:
        RecordingError: a recipe or a log is damaged.
    """
    tried = [(path, path.with_suffix(".jsonl")) for path in sorted(TRIED.glob("*.json"))]
    folders = [models.BUNDLED / name for name in models.available()]
    return [
        _load(*pair) for pair in [*tried, *((each / "recipe.json", each / "training-log.jsonl") for each in folders)]
    ]


def _load(recipe: Path, log: Path) -> Schedule:
    try:
        settings = json.loads(recipe.read_text("utf-8"))
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        evaluations = [line for line in lines if MEASURES.keys() <= line.keys()]
        name = recipe.stem.replace("-", " ") if recipe.parent == TRIED else f"`{settings['name']}`"
        steps = settings["steps"] + settings.get("steps_before", 0)
        return Schedule(name=name, words=_words(settings), steps=steps, evaluations=evaluations)
    except (OSError, ValueError, KeyError) as error:
        raise RecordingError(f"{recipe} or {log.name} is damaged ({error}): restore both.") from error


def _words(settings: Mapping[str, Any]) -> str:
    if not settings["attention_cost"]:
        return "no cost, no sink token"
    if settings.get("follows"):
        return _in_stages(settings)
    first = settings.get("cost_first_layer", 0)
    where = f"layers {first} to {settings['layers'] - 1}" if first else "all layers"
    products = f", products in {settings['products']}" if "products" in settings else ""
    return f"cost {settings['attention_cost']:g} from {settings['cost_from']:.0%} on, {where}{products}"


def _in_stages(settings: Mapping[str, Any]) -> str:
    """Each stage's cost, and the step that it comes with."""
    before = settings["follows"]
    said = f"cost {settings['attention_cost']:g} from step {settings['steps_before']:,}"
    return f"{_in_stages(before)}, {said}" if before["attention_cost"] else f"no sink token, {said}"


def drawn(schedules: Sequence[Schedule]) -> go.Figure:
    """A panel for each measure, over tokens."""
    panels = [_panel(schedules, name, title) for name, title in MEASURES.items()]
    return draw(panels, title="Schedules of the attention cost", subtitle="as logged while they were trained")


def _panel(schedules: Sequence[Schedule], measure: str, title: str) -> Panel:
    looks = cycle([(colours()[kind], dash) for kind, dash in DASHES.items()])
    lines = [
        Line(
            name=schedule.name.replace("`", ""),
            x=[each["tokens"] / 1e6 for each in schedule.evaluations],
            y=[each[measure] for each in schedule.evaluations],
            colour=colour,
            dash=dash,
        )
        for schedule, (colour, dash) in zip(schedules, looks, strict=False)
    ]
    values = [value for line in lines for value in line.y]
    share = measure == "mean_attention_on_first"
    span = (0.0, 1.0) if share else (min(values) / 1.25, max(values) * 1.4)
    furthest = max(x for line in lines for x in line.x)
    return Panel(
        title=title,
        x=Axis(title="million tokens", span=(0, furthest)),
        y=Axis(title="share" if share else "log scale", span=span, log=not share),
        lines=lines,
    )


def page(schedules: Sequence[Schedule]) -> str:
    """The page about them: what each came to at its end."""
    head = ["", "schedule", "steps", *MEASURES.values(), "held-out book"]
    rows = [head, ["---"] * len(head), *(_row(schedule) for schedule in schedules)]
    return PAGE.format(table="\n".join(f"| {' | '.join(row)} |" for row in rows))


def _row(schedule: Schedule) -> list[str]:
    last = schedule.evaluations[-1]
    return [
        schedule.name,
        schedule.words,
        f"{schedule.steps:,}",
        f"{last['perplexity']:.2f}",
        f"{last['mean_attention_on_first']:.3f}",
        f"{last['window_ratio']:,.2f}",
        f"{last['dense_ratio']:,.0f}",
        f"{last['text_perplexity']:.0f}" if "text_perplexity" in last else "–",
    ]


if __name__ == "__main__":
    schedules = load_all()
    write_whole(TRIED / "schedules.svg", as_image(drawn(schedules), "svg"))
    write_whole(TRIED / "README.md", page(schedules).encode())
