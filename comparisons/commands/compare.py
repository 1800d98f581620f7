"""`compare A B`: two recordings side by side, as text or as JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from comparisons.commands.shared.terminal import columns, printable
from comparisons.metrics import BYTES_PER_MB
from comparisons.recordings import files
from comparisons.recordings.compare import Comparison, Pair, compare
from comparisons.recordings.recorder import spread

__all__ = ["add_arguments", "report"]

MOST_POINTS = 12
"""Places in the stream at which a table compares perplexities."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`compare A B`."""
    parser.add_argument("a", metavar="A", help="a recording (`run` and the page write them)")
    parser.add_argument("b", metavar="B", help="another one")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of tables")
    parser.set_defaults(command=_compare)


def _compare(arguments: argparse.Namespace) -> None:
    comparison = compare(files.load(arguments.a), files.load(arguments.b))
    print(json.dumps(asdict(comparison)) if arguments.json else report(comparison, arguments.a, arguments.b))


def report(comparison: Comparison, a: str, b: str) -> str:
    """The comparison as text.

    Args:
        comparison: of two recordings.
        a: what to call the first.
        b: what to call the second.
    """
    parts = [columns([("A", a), ("B", b)], words=(0, 1))]
    parts += [f"CAREFUL: {printable(warning)}" for warning in comparison.warnings]
    if comparison.settings:
        parts.append(columns([("set differently", "A", "B"), *(_words(row) for row in comparison.settings)]))
    for pair in comparison.lanes:
        parts += [columns(_figures(pair)), _along(pair)]
    for name, labels in (("A", comparison.only_a), ("B", comparison.only_b)):
        if labels:
            parts.append(printable(f"Only in {name}: {', '.join(labels)}"))
    return "\n\n".join(parts)


def _words(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple("–" if value is None else str(value) for value in row)


def _figures(pair: Pair) -> list[tuple[str, ...]]:
    a, b = pair.a, pair.b
    megabytes = (a.kv_bytes / BYTES_PER_MB, b.kv_bytes / BYTES_PER_MB)
    return [
        (pair.label, "A", "B", "B / A"),
        ("tokens", f"{a.tokens:,}", f"{b.tokens:,}", _ratio(a.tokens, b.tokens)),
        ("perplexity, whole stream", _number(a.perplexity), _number(b.perplexity), _ratio(a.perplexity, b.perplexity)),
        ("KV memory, MB", *(_number(size) for size in megabytes), _ratio(*megabytes)),
        ("tokens per second", _number(a.tokens_per_second), _number(b.tokens_per_second),
         _ratio(a.tokens_per_second, b.tokens_per_second)),
        ("own work, ms per token", _number(a.ms_per_token), _number(b.ms_per_token),
         _ratio(a.ms_per_token, b.ms_per_token)),
        ("ended by", a.reason or "–", b.reason or "–", ""),
    ]  # fmt: skip


def _along(pair: Pair) -> str:
    """Perplexity along the stream: some of the common places, the first and the last among them."""
    if not pair.points:
        return printable(f"{pair.label}: no point of the two curves is at the same token.")
    shown = [pair.points[i] for i in spread(len(pair.points), MOST_POINTS)]
    rows = [(f"token {token:,}", _number(ours), _number(theirs), _ratio(ours, theirs)) for token, ours, theirs in shown]
    title = f"{pair.label}, perplexity at {len(shown)} of {len(pair.points)} common tokens"
    return columns([(title, "A", "B", "B / A"), *rows])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}" if value < 1e6 else f"{value:.1e}"


def _ratio(a: float | None, b: float | None) -> str:
    return f"{b / a:.3f}" if a and b else "–"
