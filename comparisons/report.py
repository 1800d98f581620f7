"""The measured figures of the bundled models as a Markdown table, written into the README from their JSON.

`python -m comparisons report` rewrites what stands between the two markers; a test fails when they disagree.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streaming import models

__all__ = ["MARKERS", "figures", "table", "with_table"]

MARKERS = ("<!-- figures: python -m comparisons report -->", "<!-- end of figures -->")


def figures() -> list[dict[str, Any]]:
    """What `measure --save` wrote beside each bundled model."""
    files = [models.BUNDLED / name / "quality.json" for name in models.available()]
    return [json.loads(file.read_text()) for file in files if file.is_file()]


def table(measured: list[dict[str, Any]]) -> str:
    """One column per model."""
    first = measured[0]
    rows = {
        "in context, dense": lambda q: f"{q['in_context']:.2f}",
        "`sinks`, 4": lambda q: f"{q['sinks']['4']:.2f}",
        "`sinks`, 1 / 2 / 8": lambda q: " / ".join(f"{q['sinks'][n]:.2f}" for n in "128"),
        "`window`, no sinks": lambda q: f"{q['sinks']['0']:.2f}",
        "`recompute`, sampled (`sinks`, 4, at the same places)": lambda q: (
            f"{q['recompute']:.2f} ({q['sinks_there']:.2f})"
        ),
        f"`dense`, from token {4 * first['context']:,} on": lambda q: f"{q['dense_past_context']:.1f}",
        "`dense` against `sinks`, 4": lambda q: f"{q['dense_past_context'] / q['sinks']['4']:.1f} ×",
        "`sinks`, 4: last tenth against the first": lambda q: f"{q['last'] / q['first']:.3f} ×",
        "facts answered right while in the cache": lambda q: _share(q["recall"], "cached"),
        "facts answered right after they left it": lambda q: _share(q["recall"], "evicted"),
    }
    lines = ["| perplexity | " + " | ".join(f"`{q['model']}`" for q in measured) + " |"]
    lines.append("|---" * (len(measured) + 1) + "|")
    lines += [f"| {name} | " + " | ".join(cell(q) for q in measured) + " |" for name, cell in rows.items()]
    lines.append("")
    lines.append(
        f"Held-out seed {first['seed']} of the prompt stream, {first['tokens']:,} tokens, cache budget "
        f"{first['budget']} tokens, training length {first['context']}."
    )
    return "\n".join(lines)


def _share(recall: dict[str, int], where: str) -> str:
    return f"{recall[f'{where}_right']} of {recall[where]}"


def with_table(page: str) -> str:
    """A page with the figures of today between its markers."""
    before, _, rest = page.partition(MARKERS[0])
    _, _, after = rest.partition(MARKERS[1])
    return f"{before}{MARKERS[0]}\n\n{table(figures())}\n\n{MARKERS[1]}{after}"


def rewrite(path: Path) -> None:
    """Bring the figures of a file up to date."""
    path.write_text(with_table(path.read_text()))
