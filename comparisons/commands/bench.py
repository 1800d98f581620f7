"""`bench MODEL`: what reading and decoding cost, as ratios; a table for people, then one line of JSON."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import torch

from comparisons.commands.shared.arguments import add_model, use_threads
from comparisons.experiments.bench import BenchSettings, Measurement, bench, hardware, peers
from comparisons.experiments.bench.shapes import SHAPES, Shaped, shaped
from comparisons.files import check_output, keep
from comparisons.metrics import finite_or_none
from comparisons.versions import versions
from streaming import models
from streaming.models import LoadedModel

__all__ = ["add_arguments"]

_DTYPES = ("float32", "bfloat16", "float16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`bench MODEL`."""
    add_model(parser)
    parser.add_argument("--shape", choices=sorted(SHAPES), help="random weights of a real model's shape, no download")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1 (default: auto)")
    parser.add_argument("--dtype", nargs="+", choices=_DTYPES, default=["float32"], help="one after another")
    parser.add_argument(
        "--threads", nargs="+", type=int, default=[torch.get_num_threads()], help="of torch, one after another"
    )
    parser.add_argument("--memory", action="store_true", help="the peak of reading dense to 16,384 tokens, first")
    parser.add_argument("--run", action="store_true", help="a run's lanes against the engine alone, on 1 thread")
    parser.add_argument("--tokens", type=int, default=0, help="how far the memory of a long stream is watched")
    parser.add_argument(
        "--peers", nargs="?", const="", metavar="GGUF", help="transformers' generate(), and llama.cpp with this file"
    )
    parser.add_argument("--json", type=Path, help="keep the results in this file")
    parser.set_defaults(command=_bench)


def _bench(arguments: argparse.Namespace) -> None:
    if arguments.json:
        check_output(arguments.json)
    results: list[dict[str, Any]] = []
    try:
        for dtype, threads in product(arguments.dtype, arguments.threads):
            use_threads(threads)
            _measure(arguments, dtype, threads, results)
    finally:  # what was measured before a signal came, too
        if any(result["rows"] for result in results):
            _keep(json.dumps({"about": _about(), "results": results}, allow_nan=False), arguments.json)


def _keep(told: str, path: Path | None) -> None:
    try:
        if path:
            keep(path, f"{told}\n")
    finally:
        print(told)


def _measure(arguments: argparse.Namespace, dtype: str, threads: int, results: list[dict[str, Any]]) -> None:
    """All rows of one dtype and number of threads, added to the results one by one."""
    first = not results
    loaded = _load(arguments, getattr(torch, dtype))
    device = loaded.model.device
    print(f"\n{loaded.name} on {device.type}, {dtype}, threads: {threads}", flush=True)
    ceilings = hardware(device, loaded.model.dtype)
    print(
        f"the hardware: {ceilings['multiplied_per_second'] / 1e9:,.0f} GFLOP/s in a matrix product, "
        f"{ceilings['copied_per_second'] / 1e9:,.1f} GB/s in a copy",
        flush=True,
    )
    settings = BenchSettings(
        copied_per_second=ceilings["copied_per_second"],
        memory=arguments.memory and first,
        run=arguments.run and threads == 1,
        far=arguments.tokens if first else 0,
    )
    about = {"model": loaded.name, "device": _name(device), "dtype": dtype, "threads": threads}
    result: dict[str, Any] = {**about, "hardware": ceilings, "rows": [], "peers": []}
    results.append(result)
    for row in bench(loaded, settings):
        result["rows"].append(_finite({**asdict(row), "reached": row.reached}))
        _tell(row)
    result["peers"] = _peers(arguments.peers, loaded, threads)


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """For JSON: a ratio to a time that was too short to measure is no number."""
    return {name: finite_or_none(value) if isinstance(value, float) else value for name, value in row.items()}


def _load(arguments: argparse.Namespace, dtype: torch.dtype) -> LoadedModel | Shaped:
    if arguments.shape is None:
        return models.load(arguments.model, device=arguments.device, dtype=dtype)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return shaped(
        arguments.shape, device=torch.device(device if arguments.device == "auto" else arguments.device), dtype=dtype
    )


def _tell(row: Measurement) -> None:
    asked = f"at least {row.at_least:g}" if row.at_least is not None else ""
    asked = f"at most {row.at_most:g}" if row.at_most is not None else asked
    mark = {None: "", True: "reached", False: "NOT REACHED"}[row.reached]
    print(f"{row.name:88} {row.ratio:7.3f}  ({row.ours:.4g} / {row.other:.4g} {row.unit}) {asked} {mark}", flush=True)


def _peers(gguf: str | None, loaded: LoadedModel | Shaped, threads: int) -> list[dict[str, Any]]:
    if gguf is None:
        return []
    ids = torch.arange(2000) % loaded.model.config.get_text_config().vocab_size
    found = list(peers.transformers_generate(loaded, ids))
    if gguf and (other := peers.llama_cpp(Path(gguf), threads=threads)):
        found.append(other)
    elif gguf:
        print("llama.cpp: there is no llama-server here", file=sys.stderr)
    for peer in found:
        print(
            f"{peer.name} {peer.version}: reads {peer.read_per_second:.1f}, decodes {peer.decoded_per_second:.1f} "
            "tokens/s",
            flush=True,
        )
    return [_finite(asdict(peer)) for peer in found]


def _about() -> dict[str, str]:
    return {**versions(), "machine": platform.machine()}


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
