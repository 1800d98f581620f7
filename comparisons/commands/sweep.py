"""`sweep`: a grid of models, sinks and cache sizes, measured in processes of this machine, or on a Ray cluster.

Every cell that is finished is in the file at once. A cell that fails is told of and loses none of the others; a
process that is killed ends the sweep, which --resume then goes on with.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from comparisons.commands.shared.arguments import add_ray
from comparisons.experiments.cells import Cell, Failure, Row, grid, outcome
from comparisons.experiments.pool import in_processes
from comparisons.experiments.ray_cluster import on_a_cluster
from comparisons.experiments.results import as_csv
from comparisons.experiments.sweep_file import SweepFile
from comparisons.files import check_outputs, keep, shown
from streaming.errors import SettingsError, StreamError
from streaming.loading.machine import read_machine

__all__ = ["add_arguments", "table"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`sweep`."""
    parser.add_argument("--models", type=_names, default=["sink", "vanilla"], help="default: sink,vanilla")
    parser.add_argument("--sinks", type=_counts, default=[0, 1, 2, 4, 8], help="default: 0,1,2,4,8")
    parser.add_argument("--cache", type=_counts, default=[64, 128, 256], help="sinks and recent tokens together")
    parser.add_argument("--tokens", type=int, default=20_000, help="tokens of the prompt stream (default: 20_000)")
    parser.add_argument("--seed", type=int, default=0, help="of the prompt stream (default: 0)")
    parser.add_argument(
        "--jobs", type=int, default=_cores(), help="processes without Ray, one core each (default: all cores)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="file for the rows, .jsonl, each as it is measured")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="at the end, whatever ends it, all rows as CSV")
    parser.add_argument("--resume", action="store_true", help="leave out the cells whose rows are in the file")
    add_ray(parser)
    parser.set_defaults(command=_command)


def _cores() -> int:
    return max(1, int(read_machine().cores))


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _counts(text: str) -> list[int]:
    return [int(count) for count in _names(text)]


def _command(arguments: argparse.Namespace) -> None:
    if arguments.jobs < 1:
        raise SettingsError(f"jobs must be at least 1, not {arguments.jobs}.")
    check_outputs(path for path in (arguments.out, arguments.csv) if path)
    cells = grid(arguments.models, arguments.sinks, arguments.cache, tokens=arguments.tokens, seed=arguments.seed)
    began = time.monotonic()
    with SweepFile(arguments.out, resume=arguments.resume) as file:
        missing = [cell for cell in cells if cell not in {row.cell for row in file.rows}]
        try:
            failures = _fill(file, missing, arguments)
        except (KeyboardInterrupt, StreamError):
            _tell_what_is_there(file, arguments.out)
            raise
        finally:
            rows = [row for row in file.rows if row.cell in set(cells)]
            if arguments.csv and rows:
                keep(arguments.csv, as_csv(rows))
    _tell(rows, len(cells), len(failures), time.monotonic() - began)


def _fill(file: SweepFile, missing: list[Cell], arguments: argparse.Namespace) -> list[Failure]:
    """Measure, and write down what succeeds; return what does not."""
    failures = []
    if arguments.ray is None:
        outcomes = in_processes(missing, outcome, jobs=arguments.jobs)
    else:
        outcomes = on_a_cluster([missing], outcome, _given_up, address=arguments.ray)
    with tqdm(total=len(missing), unit=" cells", disable=None) as bar:
        for one in outcomes:
            if isinstance(one, Failure):
                failures.append(one)
                tqdm.write(f"{one.cell.model} {one.cell.policy}: {one.words}", file=sys.stderr)
            else:
                file.add(one)
            bar.update()
    return failures


def _given_up(cell: Cell, words: str) -> Failure:
    return Failure(cell=cell, words=words)


def _tell_what_is_there(file: SweepFile, out: Path | None) -> None:
    """A sweep that is stopped loses nothing: its rows are in its file, or else here."""
    if out:
        print(f"Stopped: finished cells are in {shown(out)}; go on with --resume.", file=sys.stderr)
    elif file.rows:
        print(table(file.rows))


def _tell(rows: list[Row], cells: int, failed: int, seconds: float) -> None:
    print(table(rows))
    print(json.dumps({"cells": cells, "failed": failed, "seconds": seconds, "rows": [asdict(row) for row in rows]}))
    if failed:
        raise StreamError(f"{failed} of {cells} cells failed: the same command with --resume tries them again.")


def table(rows: list[Row]) -> str:
    """Perplexities: for each model the sinks down, the cache sizes across."""
    lines = []
    for name in dict.fromkeys(row.model for row in rows):
        found = {(row.sinks, row.cache): row.perplexity for row in rows if row.model == name}
        caches = sorted({cache for _, cache in found if cache is not None})
        reference = found.get((None, None))
        lines.append(f"{name}" + (f", in context {reference:.3f}" if reference is not None else ""))
        lines.append("  sinks" + "".join(f"{f'cache {cache}':>14}" for cache in caches))
        for count in sorted({count for count, _ in found if count is not None}):
            values = (found.get((count, cache)) for cache in caches)
            lines.append(f"{count:>7}" + "".join(f"{'-' if v is None else format(v, '.3f'):>14}" for v in values))
    return "\n".join(lines)
