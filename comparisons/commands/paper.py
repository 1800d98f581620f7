"""`python -m comparisons paper MODEL`: the paper's tables and figures on a model of one's own, as one report.

Every experiment is kept in a file as soon as it is there, so that the same command goes on where it was ended. The
report is one HTML file that needs no network, with the paper's own numbers beside what was measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from comparisons.commands.shared.arguments import add_device, add_model, add_threads, use_threads
from comparisons.commands.shared.reproduce import progress
from comparisons.experiments import results
from comparisons.experiments.catalogue import EXPERIMENTS, Experiment, prepare, run
from comparisons.experiments.results import Result
from comparisons.experiments.subjects import Request
from comparisons.files import write_whole
from comparisons.reports.dossier import Part, dossier
from comparisons.text.opening import open_dataset, open_texts
from comparisons.text.sources import Texts
from streaming import models
from streaming.errors import SettingsError
from streaming.models import LoadedModel

__all__ = ["ORDER", "add_arguments"]

ORDER = ("table 1", "table 2", "table 6", "table 7", "figure 3", "figure 5", "figure 10")
"""What is measured, in this order; Table 3 compares two trainings of one model, which nobody else has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`paper MODEL`."""
    add_model(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="(default: runs/paper-MODEL)")
    parser.add_argument("--only", nargs="+", choices=[name.replace(" ", "-") for name in ORDER], help="some of them")
    parser.add_argument("--tokens", type=int, help="tokens to read in each (default: as each says)")
    own = parser.add_mutually_exclusive_group()
    own.add_argument("--text", metavar="FILE", help="read this UTF-8 text, not the prompt stream")
    own.add_argument("--dataset", metavar="OWNER/NAME", help="read a data set of the Hub (its split test)")
    parser.add_argument("--sampled", type=int, help="tokens measured under recomputation")
    add_device(parser)
    add_threads(parser)
    parser.set_defaults(command=_paper)


def _paper(arguments: argparse.Namespace) -> int:
    use_threads(arguments.threads)
    loaded = models.load(arguments.model, device=arguments.device, dtype=arguments.dtype)
    folder = arguments.out or Path("runs") / f"paper-{loaded.name.replace('/', '-')}"
    folder.mkdir(parents=True, exist_ok=True)
    _check_settings(folder, loaded, arguments)
    names = [name for name in ORDER if not arguments.only or name.replace(" ", "-") in arguments.only]
    parts = []
    for name in names:
        parts.append(_part(EXPERIMENTS[name], loaded, arguments, folder))
        write_whole(folder / "report.html", dossier(loaded.name, parts).encode())
    print(folder / "report.html")
    return int(any(part.result is None for part in parts))


def _check_settings(folder: Path, loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    """What is kept in a folder was measured with the same settings."""
    asked = {name: getattr(arguments, name) for name in ("tokens", "text", "dataset", "sampled")}
    settings = {**asked, "model": loaded.name, "dtype": str(loaded.model.dtype), "device": loaded.model.device.type}
    path = folder / "settings.json"
    if not path.exists():
        write_whole(path, json.dumps(settings, indent=1).encode())
    elif json.loads(path.read_text("utf-8")) != settings:
        raise SettingsError(f"{folder} was begun with other settings ({path.name} has them): name another with --out.")


def _part(experiment: Experiment, loaded: LoadedModel, arguments: argparse.Namespace, folder: Path) -> Part:
    """An experiment that was kept, or that is measured now; or why it cannot be."""
    path = folder / f"{experiment.name.replace(' ', '-')}.json"
    try:
        result = _kept(path) or _measured(experiment, loaded, arguments, path)
    except SettingsError as error:
        print(f"{experiment.name}: {error}", file=sys.stderr)
        return Part(experiment=experiment, result=None, why=str(error))
    return Part(experiment=experiment, result=result)


def _kept(path: Path) -> Result | None:
    if not path.exists():
        return None
    print(f"{path}: kept from before", file=sys.stderr)
    return results.load(path.read_text("utf-8"))


def _measured(experiment: Experiment, loaded: LoadedModel, arguments: argparse.Namespace, path: Path) -> Result:
    request = Request(
        tokens=arguments.tokens if experiment.tokens else None,
        texts=_texts(arguments) if experiment.own_text else None,
        sampled=arguments.sampled,
    )
    result = run(experiment, [prepare(experiment, loaded, request)], progress)
    write_whole(path, result.as_json().encode())
    return result


def _texts(arguments: argparse.Namespace) -> Texts | None:
    if arguments.dataset:
        return open_dataset(arguments.dataset, split="test", column=None)
    return open_texts([arguments.text]) if arguments.text else None
