"""The pages in `docs/results/`, made whole of files of the repository: nothing in them is written by hand.

A page is an entry of `result_pages`. `python -m comparisons report` writes them; a test fails where one is out of date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from comparisons.documents import parsed
from comparisons.experiments import results
from comparisons.experiments.catalogue import EXPERIMENTS, slug
from comparisons.experiments.quality import Quality
from comparisons.experiments.results import Perplexity
from comparisons.paths import RESULTS
from comparisons.reports import paper, speed
from comparisons.reports.cards import side_by_side
from comparisons.reports.markdown import markdown, number, table
from streaming import models
from streaming.errors import SettingsError

__all__ = ["Page", "headline", "kept", "marathon", "measured_models", "other", "page", "quality", "result_pages"]

_MIB = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page of results: its title, what it is about in a sentence, and what makes the rest of it."""

    title: str
    about: str
    body: Callable[[], str]


def page(name: str) -> str:
    """A page of `result_pages`, whole.

    Raises:
        SettingsError: a file that it is made of is missing.
    """
    one = result_pages()[name]
    written = "<!-- written by `python -m comparisons report` -->"
    return f"{written}\n\n# {one.title}\n\n{one.about}\n\n{one.body()}\n"


def quality(name: str) -> dict[str, Any]:
    """What `measure --save` wrote beside a bundled model."""
    path = models.BUNDLED / name / "quality.json"
    try:
        known: dict[str, Any] = parsed(path.read_text("utf-8"))
    except OSError:
        known = {}
    if missing := {field.name for field in fields(Quality)} - known.keys():
        raise SettingsError(
            f"{path} is not there, not whole, or of an earlier version (no {min(missing)!r}): run "
            f"`python -m comparisons measure {name} --save {path}`."
        )
    return known


def kept(name: str) -> str:
    """What `make results` wrote of an experiment on the bundled models.

    Raises:
        SettingsError: it did not.
    """
    path = RESULTS / _file(name)
    try:
        return path.read_text("utf-8")
    except OSError:
        raise SettingsError(f"{path.name} is missing in assets/results: run `make results`.") from None


def measured_models(folder: Path = RESULTS) -> list[str]:
    """Other models of which `make results MODEL=…` has kept something: a folder each in assets/results."""
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and any(each.glob("*.json")))


def headline(model: str, folder: Path = RESULTS) -> str:
    """Table 1 on one of these in a sentence; another sentence where it is not measured yet."""
    path = folder / model / _file("table 1")
    if not path.exists():
        return f"`{model}`, a real language model: not measured yet, `make results MODEL={model}`."
    result = results.load(path.read_text("utf-8"))
    facts = result.about.models[0]
    told = [
        f"{number(row.perplexity)} with {_KINDS[row.row]} ({row.policy}, {row.tokens:,} tokens)"
        for row in result.of(Perplexity)
        if row.row in _KINDS
    ]
    return (
        f"`{model}`, a real language model of {facts.parameters / 1e6:,.0f} million parameters that was trained on "
        f"{facts.context:,} tokens at a time, in {facts.dtype}: perplexity {', '.join(told)}; "
        f"[all that was measured of it](docs/results/{model}.md)."
    )


_KINDS = {"dense": "a dense cache", "window": "a window without sinks", "sinks": "StreamingLLM"}


def _file(name: str) -> str:
    return f"{slug(name)}.json"


def _index() -> str:
    others = [f"- [{one.title}]({name}): {one.about}" for name, one in result_pages().items() if one.body is not _index]
    return "\n".join(others)


def _models() -> str:
    cards = ", ".join(f"[`{name}`](../../assets/models/{name}/README.md)" for name in models.available())
    return f"{side_by_side([quality(name) for name in models.available()])}\n\nAll figures of each: {cards}."


def _paper() -> str:
    """Every table and figure of the paper that was measured, in the catalogue's order."""
    return "\n\n".join(
        f"## {name.capitalize()}: {each.title}\n\n{markdown(results.load(kept(name)))}"
        for name, each in EXPERIMENTS.items()
        if name in MEASURED or (RESULTS / _file(name)).exists()
    )


def other(folder: Path) -> str:
    """All that was measured of a model that is not bundled: the paper's experiments, a long stream."""
    parts = [
        f"## {name.capitalize()}: {each.title}\n\n{markdown(results.load((folder / _file(name)).read_text('utf-8')))}"
        for name, each in EXPERIMENTS.items()
        if (folder / _file(name)).exists()
    ]
    if (folder / "marathon.json").exists():
        run = parsed((folder / "marathon.json").read_text("utf-8"))
        parts.append(f"## A long stream\n\n{marathon(run, aimed=False)}")
    return "\n\n".join(parts)


def _long_stream() -> str:
    return marathon(parsed(kept("marathon")))


def marathon(known: Mapping[str, Any], *, aimed: bool = True) -> str:
    """The figures of a marathon, as `marathon --json` wrote them, beside what was aimed at for the bundled models."""
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
    if not aimed:
        head, rows = head[:-1], [row[:-1] for row in rows]
    about = (
        f"Seed {known['seed']} of the prompt stream, {known['dtype']}, threads: {known['threads']}, torch "
        f"{known['torch']}, killed and resumed: {known['resumes']} ×. {paper.MARATHON}"
    )
    return f"{table((head, rows))}\n\n{about}"


MEASURED = ("table 1", "table 2", "table 3", "table 6", "table 7", "figure 10")
"""What must be there; figures 3 and 5 are shown where they were measured, too."""


def result_pages() -> Mapping[str, Page]:
    """All of them, by the names of their files; of other models those that something was kept of."""
    return {
        "README.md": Page(title="Results", about="What was measured, and how, by `make results`.", body=_index),
        "bundled-models.md": Page(
            title="The bundled models",
            about="What each of them does under each policy, beside what was aimed at.",
            body=_models,
        ),
        "paper.md": Page(
            title="The paper’s experiments",
            about="Its tables and figures on the bundled models, with the paper’s own numbers beside.",
            body=_paper,
        ),
        "long-stream.md": Page(
            title="A long stream",
            about="Four million tokens under attention sinks, in one run that can be killed and gone on with.",
            body=_long_stream,
        ),
        **{
            f"{model}.md": Page(
                title=f"The paper’s experiments on {model}",
                about=f"What was measured of `{model}` by `make results MODEL={model}`.",
                body=partial(other, RESULTS / model),
            )
            for model in measured_models()
        },
        "speed.md": Page(title="Speed", about=speed.ABOUT, body=speed.speed),
    }
