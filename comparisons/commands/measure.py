"""`measure MODEL`: what a model does under each policy; a table for people, then one line of JSON."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from comparisons.commands.shared.arguments import add_model
from comparisons.experiments.measuring import DENSE_TRAINING_LENGTHS
from comparisons.experiments.quality import Quality, as_dict, as_json, figures
from comparisons.files import check_output, keep, shown
from comparisons.text.feeds import SourceFeed
from comparisons.text.sources import FileText
from streaming import models

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`measure MODEL`."""
    add_model(parser)
    parser.add_argument("--tokens", type=int, default=200_000, help="tokens to read (default: 200000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the prompt stream (default: 0)")
    parser.add_argument("--save", type=Path, help="also write the figures to this JSON file")
    parser.add_argument(
        "--text", type=Path, action="append", default=[], help="also measure on this UTF-8 text, named by its file"
    )
    parser.add_argument("--budget", type=int, help="cache budget in tokens (default: half the training length)")
    parser.set_defaults(command=_measure)


def _measure(arguments: argparse.Namespace) -> None:
    files = {shown(path.name): FileText(path) for path in arguments.text}
    if arguments.save:
        check_output(arguments.save, arguments.text)
    loaded = models.load(arguments.model)
    texts = {name: SourceFeed(loaded.tokenizer, loaded.start_token, file) for name, file in files.items()}
    found: dict[str, Any] = {}
    try:
        for name, value in figures(
            loaded, seed=arguments.seed, tokens=arguments.tokens, budget=arguments.budget, texts=texts
        ):
            found[name] = value
            print(f"measured: {name}", file=sys.stderr)
    finally:  # what was measured before a signal came, too
        if found:
            _keep(found, arguments.save)


def _keep(found: dict[str, Any], path: Path | None) -> None:
    """Write all figures, or what there is of them, and say them."""
    whole = found.keys() >= {field.name for field in fields(Quality)}
    told = found if whole else {**found, "complete": False}
    try:
        if path:
            keep(path, as_json(told))
    finally:
        print(f"{_table(Quality(**found))}\n" if whole else "", end="")
        print(json.dumps(as_dict(told), allow_nan=False))


def _table(quality: Quality) -> str:
    four, r = quality.sinks["4"], quality.recall
    rows = [
        ("in context", quality.in_context, quality.in_context / four),
        *((f"{n} sinks" if n != "0" else "window, no sinks", p, p / four) for n, p in quality.sinks.items()),
        ("4 sinks, first tenth", quality.first, quality.first / four),
        ("4 sinks, last tenth", quality.last, quality.last / quality.first),
        (f"dense, {DENSE_TRAINING_LENGTHS} training lengths", quality.dense, quality.dense / quality.sinks_with_dense),
        ("recompute, sampled", quality.recompute, quality.recompute / quality.sinks_there),
        *((f"4 sinks, a cache of {n}", p, p / four) for n, p in quality.budgets.items()),
        *((f"recompute, {text.name}", text.recompute, text.recompute / text.sinks_there) for text in quality.texts),
    ]
    lines = [f"{name:42} perplexity {value:10.3f}   ratio {ratio:9.3f}" for name, value, ratio in rows]
    means = {name: sum(map(sum, rows)) / sum(map(len, rows)) for name, rows in _shares(quality).items()}
    lines += [f"attention on {name:29} {100 * mean:10.1f} % on average" for name, mean in means.items()]
    lines.append(f"{'facts in the cache answered':42} {r.cached_right} of {r.cached}")
    lines.append(f"{'facts evicted answered':42} {r.evicted_right} of {r.evicted}")
    return "\n".join(lines)


def _shares(quality: Quality) -> dict[str, list[list[float]]]:
    return {"4 sinks": quality.attention.sinks, "token 0 in context": quality.attention.in_context}
