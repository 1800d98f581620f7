"""`python -m comparisons table N` and `figure N`: the paper's experiments on any supported model, in a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from tqdm import tqdm

from comparisons.commands.shared.arguments import add_device, add_threads, use_threads
from comparisons.experiments.catalogue import EXPERIMENTS, Experiment, prepare, run
from comparisons.experiments.results import Result, as_csv
from comparisons.experiments.subjects import Request
from comparisons.files import check_outputs, keep, shown
from comparisons.reports.figures import figure
from comparisons.reports.images import as_html, as_image, check_images
from comparisons.reports.markdown import markdown
from comparisons.text.opening import open_texts
from streaming import models
from streaming.errors import SettingsError

__all__ = ["add_arguments", "progress"]

FILES = ("csv", "json", "html", "svg", "png")


def add_arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    """`table N` or `figure N`."""
    experiments = {int(name.split()[1]): each for name, each in EXPERIMENTS.items() if name.startswith(kind)}
    listed = "; ".join(f"{number}: {each.title}" for number, each in experiments.items())
    parser.description = f"{parser.description}. {listed}."
    parser.add_argument("number", type=int, choices=experiments, help="its number in the paper")
    parser.add_argument("--model", nargs="+", metavar="MODEL", help="bundled models, folders, or Hub ids")
    parser.add_argument("--tokens", type=int, help="tokens to read")
    parser.add_argument("--seed", type=int, default=0, help="seed of the prompt stream (default: 0)")
    parser.add_argument("--text", metavar="FILE", help="read this UTF-8 text, or - for standard input, instead")
    parser.add_argument(
        "--cache", type=int, nargs="+", default=(), metavar="TOKENS", help="cache sizes, sinks included"
    )
    parser.add_argument("--sampled", type=int, help="tokens measured under recomputation")
    add_device(parser)
    add_threads(parser)
    for file in FILES:
        parser.add_argument(f"--{file}", type=Path, metavar="FILE", help=f"also write {file.upper()}")
    parser.set_defaults(command=lambda arguments: _reproduce(experiments[arguments.number], arguments))


def _reproduce(experiment: Experiment, arguments: argparse.Namespace) -> None:
    """Check everything, then measure, then write, then print."""
    files = {file: path for file in FILES if (path := getattr(arguments, file))}
    _check_files(files, [arguments.text] if arguments.text else [])
    request = _request(arguments)
    use_threads(arguments.threads)
    loaded = [
        models.load(name, device=arguments.device, dtype=arguments.dtype)
        for name in arguments.model or experiment.models
    ]
    _check_names([each.name for each in loaded])
    subjects = [prepare(experiment, each, request) for each in loaded]
    told = partial(_tell, experiment, files)
    told(run(experiment, subjects, progress, kept=told))


def _tell(experiment: Experiment, files: Mapping[str, Path], result: Result) -> None:
    try:
        _write(result, experiment, files)
    finally:
        print(f"{_title(experiment)}\n\n{markdown(result)}")


def _request(arguments: argparse.Namespace) -> Request:
    return Request(
        tokens=arguments.tokens,
        seed=arguments.seed,
        texts=open_texts([arguments.text]) if arguments.text else None,
        caches=tuple(dict.fromkeys(arguments.cache)),
        sampled=arguments.sampled,
    )


def _check_names(names: list[str]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SettingsError(
            f"Two models are called {twice[0]!r}: name each model once, and rename a folder if need be."
        )


def _title(experiment: Experiment) -> str:
    return f"{experiment.name.capitalize()}: {experiment.title}"


def _check_files(files: Mapping[str, Path], reads: Sequence[str]) -> None:
    check_outputs(files.values(), reads)
    if not files.keys().isdisjoint(("svg", "png")):
        check_images()


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], object]]:
    """Progress on stderr: often on a terminal, now and then in a log."""
    every = 0.2 if sys.stderr.isatty() else 10.0
    with tqdm(total=total, desc=label, unit="", file=sys.stderr, mininterval=every) as bar:
        yield bar.update


def _write(result: Result, experiment: Experiment, files: Mapping[str, Path]) -> None:
    """What was measured first: a picture that fails loses nothing."""
    makers: dict[str, Callable[[], str | bytes]] = {"csv": lambda: as_csv(result.rows), "json": result.as_json}
    if not files.keys().isdisjoint(("html", "svg", "png")):
        title = _title(experiment)
        drawn = cache(lambda: figure(result, title))
        makers |= {
            "html": lambda: as_html(drawn(), title),
            "svg": lambda: as_image(drawn(), "svg"),
            "png": lambda: as_image(drawn(), "png"),
        }
    for file, path in files.items():
        keep(path, makers[file]())
        print(f"{file}: {shown(path)}", file=sys.stderr)
