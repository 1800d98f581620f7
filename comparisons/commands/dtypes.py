"""`dtypes`: what bfloat16 gains on this CPU, over sizes of models; a table for people, then one line of JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from comparisons.commands.shared.arguments import use_threads
from comparisons.documents import parsed
from comparisons.experiments import dtypes
from comparisons.files import check_output, keep, shown
from streaming.errors import SettingsError

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`dtypes`."""
    parser.add_argument(
        "--sizes", nargs="+", choices=dtypes.SHAPES, default=list(dtypes.SHAPES), help="of models (default: all)"
    )
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="of torch (default: 1 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the rows to this file")
    parser.add_argument(
        "--without-hardware", action="store_true",
        help="note a CPU without instructions for bfloat16; ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI makes it one",
    )  # fmt: skip
    parser.set_defaults(command=_dtypes)


def _dtypes(arguments: argparse.Namespace) -> None:
    rows: list[dict[str, Any]] = []
    before = _before(arguments.json) if arguments.json else []
    hardware = False if arguments.without_hardware else None
    for count in arguments.threads:
        use_threads(count)
    for row in dtypes.compare_dtypes(arguments.sizes, arguments.threads, hardware=hardware):
        rows.append(asdict(row) | {"torch": torch.__version__})
        reads, steps = "{:8.0f} {:8.0f} tokens/s".format(*row.read), "{:7.2f} {:7.2f} ms a step".format(*row.step)
        if arguments.json:
            keep(arguments.json, _beside(before, rows))
        print(f"{row.size:>5} {row.threads} threads: {reads}, {steps}  (float32, bfloat16)", flush=True)
    print(json.dumps(rows))


def _before(path: Path) -> list[dict[str, Any]]:
    """The rows that are in the file, to which others will be added."""
    check_output(path)
    try:
        rows = parsed(path.read_bytes()) if path.exists() else []
        return [{**row} for row in rows if _known(row)]
    except (ValueError, TypeError, KeyError):
        raise SettingsError(f"{shown(path)} holds something else than such rows: name another file.") from None


def _known(row: dict[str, Any]) -> tuple[object, ...]:
    """What tells a row from others."""
    return row["size"], row["threads"], row["hardware"]


def _beside(before: list[dict[str, Any]], rows: list[dict[str, Any]]) -> str:
    """These rows in place of those of the same size, threads and hardware."""
    new = set(map(_known, rows))
    return json.dumps([row for row in before if _known(row) not in new] + rows, indent=1) + "\n"
