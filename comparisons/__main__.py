"""The experiments in a terminal: `python -m comparisons --help` lists them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from comparisons.commands import marathon as marathon_command
from comparisons.commands import replay, reproduce, schedules
from comparisons.commands import run as experiment
from comparisons.experiments import bench, sweep
from comparisons.experiments.quality import Quality, measure
from comparisons.files import write_whole
from comparisons.page import export
from comparisons.recordings import compare, recorder
from comparisons.reports import readme as report
from comparisons.text.feeds import SourceFeed
from comparisons.text.sources import FileText
from streaming import models
from streaming.allocator import keep_freed_memory
from streaming.errors import SettingsError, StreamingError

__all__ = ["main"]

COMMANDS = (experiment, compare, replay, export, marathon_command, sweep, reproduce, report, bench, recorder, schedules)
"""Modules with a command each: `add_command(commands)` makes its parser, whose `command` default is called."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and give its exit status: 2 where the input was refused, 130 after Ctrl-C."""
    arguments = _arguments().parse_args(argv)
    try:
        return arguments.command(arguments) or 0
    except StreamingError as error:
        print(f"comparisons: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


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
    figures.add_argument(
        "--text", type=Path, action="append", default=[], help="also measure on this UTF-8 text, named by its file"
    )
    figures.add_argument("--budget", type=int, help="cache budget in tokens (default: half the training length)")
    for module in COMMANDS:
        module.add_command(commands)
    return parser


def _measure(arguments: argparse.Namespace) -> None:
    files = {path.name: FileText(path) for path in arguments.text}
    if arguments.save and not arguments.save.parent.is_dir():
        raise SettingsError(f"There is no folder {str(arguments.save.parent)!r} to write into: make it first.")
    loaded = models.load(arguments.model)
    texts = {name: SourceFeed(loaded.tokenizer, loaded.start_token, file) for name, file in files.items()}
    quality = measure(loaded, seed=arguments.seed, tokens=arguments.tokens, budget=arguments.budget, texts=texts)
    print(_table(quality))
    if arguments.save:
        write_whole(arguments.save, quality.as_json().encode())
    print(json.dumps(quality.as_dict()))


def _table(quality: Quality) -> str:
    four, r = quality.sinks["4"], quality.recall
    rows = [
        ("in context", quality.in_context, quality.in_context / four),
        *((f"{n} sinks" if n != "0" else "window, no sinks", p, p / four) for n, p in quality.sinks.items()),
        ("4 sinks, first tenth", quality.first, quality.first / four),
        ("4 sinks, last tenth", quality.last, quality.last / quality.first),
        (f"dense past {4 * quality.context} tokens", quality.dense_past_context, quality.dense_past_context / four),
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


if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(main())
