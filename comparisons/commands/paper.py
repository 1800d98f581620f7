"""`python -m comparisons paper MODEL`: the paper's tables and figures on a model of one's own, as one report.

Every experiment is kept in a file as soon as it is there, so that the same command goes on where it was ended. The
report is one HTML file that needs no network, with the paper's own numbers beside what was measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from comparisons.commands.shared.arguments import add_device, add_model, add_ray, add_threads, use_threads
from comparisons.commands.shared.reproduce import progress
from comparisons.documents import holds
from comparisons.experiments import orders, results
from comparisons.experiments.catalogue import EXPERIMENTS, slug
from comparisons.experiments.orders import Done, Order
from comparisons.experiments.results import Result
from comparisons.files import check_output, keep, shown
from comparisons.reports.dossier import Part, dossier
from streaming.errors import RecordingError, SettingsError
from streaming.loading import sources

__all__ = ["ORDER", "add_arguments"]

ORDER = ("table 1", "table 2", "table 6", "table 7", "figure 3", "figure 5", "figure 10")
"""What is measured, in this order; Table 3 compares two trainings of one model, which nobody else has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`paper MODEL`."""
    add_model(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="(default: runs/paper-MODEL)")
    parser.add_argument("--only", nargs="+", choices=[slug(name) for name in ORDER], help="some of them")
    parser.add_argument("--tokens", type=int, help="tokens to read in each (default: as each says)")
    own = parser.add_mutually_exclusive_group()
    own.add_argument("--text", metavar="FILE", help="read this UTF-8 text, not the prompt stream")
    own.add_argument("--dataset", metavar="OWNER/NAME", help="read a data set of the Hub (its split test)")
    parser.add_argument("--sampled", type=int, help="tokens measured under recomputation")
    add_device(parser)
    add_threads(parser)
    add_ray(parser)
    parser.set_defaults(command=_paper)


def _paper(arguments: argparse.Namespace) -> int:
    use_threads(arguments.threads)
    name = sources.find(arguments.model).name
    asked = [_order(each, arguments) for each in ORDER if not arguments.only or slug(each) in arguments.only]
    folder = arguments.out or Path("runs") / f"paper-{name.replace('/', '-').replace(':', '-')}"
    orders.check(asked[0], here=arguments.ray is None)
    check_output(folder / "report.html")
    _check_settings(folder, asked[0])
    parts: dict[str, Part] = {}
    for done in _all(asked, folder, arguments.ray):
        parts[done.order.experiment] = Part(
            experiment=EXPERIMENTS[done.order.experiment], result=done.result, why=done.why
        )
        in_order = [parts[each] for each in ORDER if each in parts]
        keep(folder / "report.html", dossier(name, in_order))
    print(shown(folder / "report.html"))
    return int(any(part.result is None for part in parts.values()))


def _order(experiment: str, arguments: argparse.Namespace) -> Order:
    settings = ("model", "device", "dtype", "threads", "tokens", "sampled", "text", "dataset")
    return Order(experiment=experiment, **{each: getattr(arguments, each) for each in settings})


def _check_settings(folder: Path, order: Order) -> None:
    """What is kept in a folder was measured with the same settings."""
    asked = {name: value for name, value in asdict(order).items() if name not in ("experiment", "threads")}
    path = folder / "settings.json"
    if not path.exists():
        keep(path, json.dumps(asked, indent=1))
    elif not holds(path, asked):
        words = f"{shown(folder)} was begun with other settings ({path.name} has them): name another with --out."
        raise SettingsError(words)


def _all(asked: list[Order], folder: Path, ray: str | None) -> Iterator[Done]:
    """What was kept, and then what is measured now, which is kept at once: the part of it, too, that an end leaves."""

    def write(order: Order, result: Result) -> None:
        keep(_path(order, folder), result.as_json())

    kept = [done for order in asked if (done := _kept(order, folder))]
    yield from kept
    there = [done.order for done in kept]
    missing = [order for order in asked if order not in there]
    for done in orders.outcomes(missing, progress, ray=ray, kept=write):
        if done.result is None:
            print(f"{done.order.experiment}: {done.why}", file=sys.stderr)
        else:
            write(done.order, done.result)
        yield done


def _path(order: Order, folder: Path) -> Path:
    return folder / f"{slug(order.experiment)}.json"


def _kept(order: Order, folder: Path) -> Done | None:
    """What was measured of an order before, if all of it was."""
    path = _path(order, folder)
    if not path.exists():
        return None
    try:
        result = results.load(path.read_text("utf-8"))
    except RecordingError:
        raise SettingsError(f"{shown(path)} is damaged: delete it, and run again.") from None
    if not result.about.complete:
        return None
    print(f"{shown(path)}: kept from before", file=sys.stderr)
    return Done(order=order, result=result)
