"""`dtypes`: what bfloat16 gains on this CPU, over sizes of models; a table for people, then one line of JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from comparisons.experiments.dtypes import SHAPES, compare_dtypes
from comparisons.files import write_whole

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`dtypes`."""
    parser.add_argument("--sizes", default=",".join(SHAPES), help="of models (default: %(default)s)")
    parser.add_argument("--threads", default="1,2", help="of torch (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the rows to this file")
    parser.add_argument(
        "--without-hardware", action="store_true",
        help="note a CPU without instructions for bfloat16; ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI makes it one",
    )  # fmt: skip
    parser.set_defaults(command=_dtypes)


def _dtypes(arguments: argparse.Namespace) -> None:
    rows: list[dict[str, Any]] = []
    hardware = False if arguments.without_hardware else None
    threads = [int(count) for count in arguments.threads.split(",")]
    for row in compare_dtypes(arguments.sizes.split(","), threads, hardware=hardware):
        rows.append(asdict(row) | {"torch": torch.__version__})
        reads, steps = "{:8.0f} {:8.0f} tokens/s".format(*row.read), "{:7.2f} {:7.2f} ms a step".format(*row.step)
        if arguments.json:
            _keep(arguments.json, rows)
        print(f"{row.size:>5} {row.threads} threads: {reads}, {steps}  (float32, bfloat16)", flush=True)
    print(json.dumps(rows))


def _keep(path: Path, rows: list[dict[str, Any]]) -> None:
    """These rows in place of those of the same size, threads and hardware."""
    before = json.loads(path.read_text("utf-8")) if path.exists() else []
    new = {(row["size"], row["threads"], row["hardware"]) for row in rows}
    kept = [row for row in before if (row["size"], row["threads"], row["hardware"]) not in new]
    write_whole(path, (json.dumps(kept + rows, indent=1) + "\n").encode())
