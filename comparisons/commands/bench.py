"""`bench MODEL`: what reading and decoding cost, as ratios; a table for people, then one line of JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace

import torch
from transformers import AutoModelForCausalLM

from comparisons.commands.arguments import add_model, add_threads, use_threads
from comparisons.experiments.bench import bench
from streaming import models

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`bench MODEL`."""
    add_model(parser)
    parser.add_argument("--tokens", type=int, default=1_000_000, help="how far memory is watched (default: 1000000)")
    add_threads(parser)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.set_defaults(command=_bench)


def _bench(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    dtype = getattr(torch, arguments.dtype)
    loaded = models.load(arguments.model, dtype=dtype)
    folder = models.BUNDLED / arguments.model if arguments.model in models.available() else arguments.model
    plain = replace(
        loaded, model=AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True).eval()
    )
    rows = []
    for row in bench(loaded, plain=plain, tokens=arguments.tokens):
        rows.append(asdict(row))
        print(
            f"{row.name:82} {row.ratio:8.3f}  ({row.ours:.4g} / {row.other:.4g} {row.unit}; target {row.target})",
            flush=True,
        )
    about = {"model": loaded.name, "dtype": arguments.dtype, "threads": arguments.threads, "torch": torch.__version__}
    print(json.dumps({**about, "rows": rows}))
