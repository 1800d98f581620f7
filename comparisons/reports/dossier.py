"""Several results in one HTML file: for each its figure, its tables, and the paper's own numbers beside."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from markdown_it import MarkdownIt
from plotly.offline import get_plotlyjs

from comparisons.experiments.catalogue import Experiment, slug
from comparisons.experiments.results import Result
from comparisons.reports.figures import figure
from comparisons.reports.markdown import markdown

__all__ = ["Part", "dossier"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 82rem; margin: 2rem auto; padding: 0 1rem; color: #1e293b; }}
p {{ max-width: 48rem; }}
h2 {{ position: absolute; clip-path: inset(50%); }}
table {{ border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }}
th, td {{ border-bottom: 1px solid #cbd5e1; padding: .25rem .75rem; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
section {{ margin: 3rem 0; border-top: 1px solid #cbd5e1; padding-top: 1rem; position: relative; }}
.figure {{ overflow-x: auto; }}
.absent h2 {{ position: static; clip-path: none; font-size: 1.25rem; }}
</style>
<script>{plotly}</script>
</head>
<body>
<h1>{title}</h1>
<p>Xiao, Tian, Chen, Han, Lewis: “Efficient Streaming Language Models with Attention Sinks”, ICLR 2024,
<a href="https://arxiv.org/abs/2309.17453">arXiv 2309.17453</a>. Where a number is the paper’s own, it says so.</p>
<ul>
{contents}
</ul>
{sections}
</body>
</html>
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """An experiment and what came of it; without a result, why there is none."""

    experiment: Experiment
    result: Result | None
    why: str = ""


def dossier(model: str, parts: list[Part]) -> str:
    """The report on a model, whole and offline."""
    title = escape(f"The paper’s experiments on {model}")
    contents = "\n".join(f'<li><a href="#{_id(part)}">{escape(_title(part))}</a></li>' for part in parts)
    sections = "\n".join(map(_section, parts))
    return _PAGE.format(title=title, plotly=get_plotlyjs(), contents=contents, sections=sections)


def _title(part: Part) -> str:
    return f"{part.experiment.name.capitalize()}: {part.experiment.title}"


def _id(part: Part) -> str:
    return slug(part.experiment.name)


def _section(part: Part) -> str:
    title = _title(part)
    head = f"<h2>{escape(title)}</h2>"  # a figure has its title in itself
    if part.result is None:
        why = f"<p>Not measured: {escape(part.why)}</p>"
        return f'<section id="{_id(part)}" class="absent">{head}{why}</section>'
    words = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown(part.result))
    config = {"displaylogo": False, "showSendToCloud": False, "displayModeBar": "hover"}
    drawn = figure(part.result, title).to_html(full_html=False, include_plotlyjs=False, config=config)
    return f'<section id="{_id(part)}">{head}<div class="figure">{drawn}</div>{words}</section>'
