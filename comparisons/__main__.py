"""The experiments in a terminal: `python -m comparisons measure|bench|record|report`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from comparisons import recordings, report
from comparisons.bench import bench
from comparisons.forms import Form
from comparisons.quality import Quality, measure
from comparisons.recorder import Recorder
from comparisons.runner import Run
from streaming import models
from streaming.errors import StreamingError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 2 where the input was refused."""
    arguments = _arguments().parse_args(argv)
    try:
        arguments.command(arguments)
    except StreamingError as error:
        print(f"comparisons: {error}", file=sys.stderr)
        return 2
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m comparisons", description=__doc__)
    commands = parser.add_subparsers(required=True)

    def add(name: str, command: object, help_: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=help_, description=help_)
        one.add_argument(
            "model", nargs="?", default="sink", help="a bundled model, a folder, or a Hub id (default: sink)"
        )
        one.set_defaults(command=command)
        return one

    figures = add("measure", _measure, "what a model does under each policy, on a held-out seed of the prompt stream")
    figures.add_argument("--tokens", type=int, default=200_000, help="tokens to read (default: 200000)")
    figures.add_argument("--seed", type=int, default=0, help="seed of the prompt stream (default: 0)")
    figures.add_argument("--save", type=Path, help="also write the figures to this JSON file")
    figures.add_argument("--budget", type=int, help="cache budget in tokens (default: half the training length)")
    speed = add("bench", _bench, "what reading and decoding cost, as ratios; on an otherwise idle machine")
    speed.add_argument("--tokens", type=int, default=1_000_000, help="how far memory is watched (default: 1000000)")
    speed.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch (default: all cores)")
    speed.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    record = add("record", _record, "run the page's default comparison and save it as a recording")
    record.add_argument("--out", type=Path, default=Path("assets/recordings/first-paint.json"))
    record.add_argument("--seconds", type=float, default=45.0, help="how long to run (default: 45)")
    written = commands.add_parser("report", help="write the figures of the bundled models into the README")
    written.set_defaults(command=lambda _: report.rewrite(Path("README.md")))
    return parser


def _measure(arguments: argparse.Namespace) -> None:
    loaded = models.load(arguments.model)
    quality = measure(loaded, seed=arguments.seed, tokens=arguments.tokens, budget=arguments.budget)
    print(_table(quality))
    line = json.dumps(quality.as_dict())
    if arguments.save:
        arguments.save.write_text(line + "\n")
    print(line)


def _table(quality: Quality) -> str:
    four, r = quality.sinks["4"], quality.recall
    rows = [
        ("in context", quality.in_context, quality.in_context / four),
        *((f"{n} sinks" if n != "0" else "window, no sinks", p, p / four) for n, p in quality.sinks.items()),
        ("4 sinks, first tenth", quality.first, quality.first / four),
        ("4 sinks, last tenth", quality.last, quality.last / quality.first),
        (f"dense past {4 * quality.context} tokens", quality.dense_past_context, quality.dense_past_context / four),
        ("recompute, sampled", quality.recompute, quality.recompute / quality.sinks_there),
    ]
    lines = [f"{name:32} perplexity {value:10.3f}   ratio {ratio:9.3f}" for name, value, ratio in rows]
    lines.append(f"facts in the cache answered      {r.cached_right} of {r.cached}")
    lines.append(f"facts evicted answered           {r.evicted_right} of {r.evicted}")
    return "\n".join(lines)


def _bench(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
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


def _record(arguments: argparse.Namespace) -> None:
    loaded = models.load(arguments.model)
    settings = replace(Form().settings(), max_seconds=arguments.seconds)
    recorder = Recorder()
    with Run(loaded, settings) as run:
        for frame in run.frames():
            recorder.add(frame)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    recordings.save(recorder.recording(), arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
