"""What `bench --json` kept, as tables: the body of docs/results/speed.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from comparisons.documents import parsed
from comparisons.paths import RESULTS
from comparisons.reports.markdown import number, table

__all__ = ["ABOUT", "KEPT", "speed"]

KEPT = RESULTS / "speed.json"
"""What was measured."""

ABOUT = """\
Each row is measured against what a user would have without this project, in turn on the same machine: the model's own
forward in transformers, transformers with its own cache, the window encoded anew for every token, and, for a run, the
engine by itself."""


_ANEW = "python -m comparisons bench smollm2 --device cpu --dtype bfloat16 float32 --threads 2 1 --memory --run"


_FLAGS = {"peak memory": "--memory", "a run": "--run"}
"""How the rows begin that `bench` gives where they are asked for."""


def speed(kept: Path = KEPT) -> str:
    """From the file that `bench --json` wrote, where it did."""
    if not kept.exists():
        return f"Nothing was kept yet: `{_ANEW} --json assets/results/{kept.name}` measures it."
    told = parsed(kept.read_text("utf-8"))
    about, results = told["about"], told["results"]
    circumstances = (
        f"Python {about['python']}, torch {about['torch']}, transformers {about['transformers']}. "
        f"`{_command(results)}` measures it anew."
    )
    return "\n\n".join([circumstances, *map(_section, results)])


def _command(results: list[Mapping[str, Any]]) -> str:
    def each(name: str) -> str:
        return " ".join(dict.fromkeys(str(result[name]) for result in results))

    asked = " ".join(f"--{name} {each(name)}" for name in ("device", "dtype", "threads"))
    names = [row["name"] for result in results for row in result["rows"]]
    more = [f" {flag}" for begin, flag in _FLAGS.items() if any(name.startswith(begin) for name in names)]
    return f"python -m comparisons bench {each('model')} {asked}{''.join(more)}"


def _section(result: Mapping[str, Any]) -> str:
    hardware, threads = result["hardware"], result["threads"]
    plural = "thread" if threads == 1 else "threads"
    heading = f"## {result['model']}, {result['dtype']}, {result['device']}, {threads} {plural}"
    ceilings = (
        f"The hardware's ceilings, measured beside: {hardware['multiplied_per_second'] / 1e9:,.0f} GFLOP/s in a matrix "
        f"product, {hardware['copied_per_second'] / 1e9:,.1f} GB/s in a copy."
    )
    rows = [[row["name"], number(row["ratio"]), _pair(row), _asked(row)] for row in result["rows"]]
    blocks = [heading, ceilings, table((["what", "ratio", "of", "wanted"], rows))]
    if result["peers"]:
        peers = [[p["name"], p["version"], number(p["read_per_second"]), number(p["decoded_per_second"])]
                 for p in result["peers"]]  # fmt: skip
        blocks.append(table((["beside it", "version", "reads, tokens/s", "decodes, tokens/s"], peers)))
    return "\n\n".join(blocks)


def _pair(row: Mapping[str, Any]) -> str:
    return f"{number(row['ours'])} / {number(row['other'])} {row['unit']}"


def _asked(row: Mapping[str, Any]) -> str:
    """What the ratio should be, and whether it is."""
    if row["reached"] is None:
        return ""
    asked = f"≥ {row['at_least']:g}" if row["at_least"] is not None else f"≤ {row['at_most']:g}"
    return asked if row["reached"] else f"{asked}: not reached"
