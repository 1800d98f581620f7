"""Measured figures in the README and in the cards of the bundled models, written there from files of the repository.

What stands between two markers of a page is made of `quality.json` beside each bundled model and of the results in
`assets/results`. `python -m comparisons report` rewrites it; a test fails when they disagree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from comparisons.experiments import results
from comparisons.experiments.catalogue import EXPERIMENTS
from comparisons.experiments.quality import Quality
from comparisons.files import write_whole
from comparisons.reports import paper
from comparisons.reports.cards import card, side_by_side
from comparisons.reports.markdown import markdown, number, table
from streaming import models
from streaming.errors import SettingsError

__all__ = ["RESULTS", "marathon", "pages", "rewrite", "with_sections"]

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "assets" / "results"

IN_THE_README = ("table 1", "table 2", "table 3", "table 6", "table 7", "figure 10")
OPEN = "table 1"
"""The one that is shown at once; the others are folded."""

_SECTION = re.compile(r"(<!-- (\w+): python -m comparisons report -->\n).*?(\n<!-- end of \2 -->)", re.DOTALL)
_MIB = 2**20

Sections = Mapping[str, Callable[[], str]]
"""What makes the text of a section, by the section's name."""


def with_sections(page: str, sections: Sections) -> str:
    """A page with what is between its markers made anew.

    Raises:
        SettingsError: a section lacks its markers.
    """
    for name in sections.keys() - {name for _, name, _ in _SECTION.findall(page)}:
        raise SettingsError(
            f"A page has no section {name!r}: put `<!-- {name}: python -m comparisons report -->` and "
            f"`<!-- end of {name} -->` on lines of their own."
        )
    return _SECTION.sub(lambda found: f"{found[1]}\n{sections[found[2]]()}\n{found[3]}", page)


def pages() -> dict[Path, str]:
    """The README and the cards, as they must be."""
    cards = {models.BUNDLED / name / "README.md": {"measured": partial(_card, name)} for name in models.available()}
    every: dict[Path, Sections] = {ROOT / "README.md": {"figures": _figures, "results": _results}, **cards}
    return {path: with_sections(path.read_text("utf-8"), sections) for path, sections in every.items()}


def rewrite() -> None:
    """Bring all pages up to date."""
    for path, page in pages().items():
        write_whole(path, page.encode())


def _quality(name: str) -> dict[str, Any]:
    """What `measure --save` wrote beside a bundled model."""
    path = models.BUNDLED / name / "quality.json"
    try:
        known: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except OSError:
        known = {}
    if missing := {field.name for field in fields(Quality)} - known.keys():
        raise SettingsError(
            f"{path} is not there or of an earlier version (no {min(missing)!r}): run `python -m comparisons measure "
            f"{name} --save {path}`."
        )
    return known


def _card(name: str) -> str:
    return card(_quality(name))


def _figures() -> str:
    return side_by_side([_quality(name) for name in models.available()])


def _results() -> str:
    return "\n\n".join([marathon(json.loads(_kept("marathon"))), *map(_result, IN_THE_README)])


def _kept(name: str) -> str:
    """What `make results` wrote of an experiment.

    Raises:
        SettingsError: it did not.
    """
    path = RESULTS / f"{name.replace(' ', '-')}.json"
    try:
        return path.read_text("utf-8")
    except OSError:
        raise SettingsError(f"{path.name} is missing in assets/results: run `make results`.") from None


def _result(name: str) -> str:
    """A table or figure of the paper, folded so that the page stays short."""
    body = markdown(results.load(_kept(name)))
    title = f"{name.capitalize()}: {EXPERIMENTS[name].title}"
    if name == OPEN:
        return f"**{title}**\n\n{body}"
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def marathon(known: Mapping[str, Any]) -> str:
    """The figures of a marathon, as `marathon --json` wrote them."""
    span = f"{known['span']:,}"
    settled, most = (known[name] / _MIB for name in ("rss_after_first_span_bytes", "rss_most_since_bytes"))
    rows = [
        [
            "time",
            f"{known['minutes']:.1f} minutes, {known['tokens_per_second']:,.0f} tokens/s",
            "4,000,000 tokens in 10 minutes",
        ],
        [f"perplexity, first {span} tokens after the cache filled", number(known["perplexity_first_span"]), ""],
        [
            f"perplexity, last {span} tokens",
            f"{number(known['perplexity_last_span'])}, {known['last_against_first']:.3f} ×",
            "0.97 to 1.03 ×",
        ],
        ["keys and values, at the end", f"{known['kv_bytes']:,} bytes", "constant"],
        [
            f"resident memory, after the first {span} tokens, and most since",
            f"{settled:,.0f} MiB, {most:,.0f} MiB, {known['rss_most_against_first']:.3f} ×",
            "≤ 1.02 ×",
        ],
    ]
    head = [f"{known['tokens']:,} tokens, `{known['model']}`, `{known['policy']}`", "measured", "aim"]
    about = (
        f"Seed {known['seed']} of the prompt stream, {known['dtype']}, threads: {known['threads']}, torch "
        f"{known['torch']}, killed and resumed: {known['resumes']} ×. {paper.MARATHON}"
    )
    return f"**A long stream**\n\n{table((head, rows))}\n\n{about}"
