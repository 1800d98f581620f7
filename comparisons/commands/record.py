"""`record MODEL`: a run as the page offers it to its visitors, in a file that they fetch whole.

A model with a recipe is recorded as that says; any other as the page would run it on this machine.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

from comparisons.commands.shared.arguments import add_model
from comparisons.commands.shared.ending import noted
from comparisons.commands.shared.expectations import fit_here
from comparisons.files import check_output, keep, shown
from comparisons.page.forms import Form
from comparisons.page.library import FIRST_PAINT
from comparisons.paths import RECORDINGS
from comparisons.recordings import files
from comparisons.recordings.format import Recording
from comparisons.recordings.recipes import MOST_BYTES, RECIPES
from comparisons.recordings.recorder import Recorder, heard_out
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from streaming import models
from streaming.models import LoadedModel

__all__ = ["add_arguments", "small"]

SECONDS = 45.0
FIRST = "sink"
"""The model whose run the page shows before Start."""

KEPT = 120
"""Moments and texts of each lane, where so many are small enough."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`record MODEL`."""
    add_model(parser)
    parser.add_argument("--out", type=Path, help="(default: assets/recordings/MODEL.json; of sink, first-paint.json)")
    parser.add_argument(
        "--seconds", type=float, help=f"running time, at most (default: as the recipe says, else {SECONDS:.0f})"
    )
    parser.set_defaults(command=_record)


def _record(arguments: argparse.Namespace) -> int:
    name = FIRST_PAINT if arguments.model == FIRST else re.sub(r"[^\w.-]+", "-", Path(arguments.model).name)
    out = arguments.out or RECORDINGS / f"{name}.json"
    check_output(out)
    recipe = RECIPES.get(arguments.model)
    loaded = models.load(arguments.model, dtype=recipe.dtype if recipe else "auto")
    settings = recipe.settings() if recipe else _usual(loaded)
    if arguments.seconds is not None:
        settings = replace(settings, max_seconds=arguments.seconds)
    run = Run(loaded, settings)
    with noted() as signals:
        recorder = heard_out(run, lambda _: run.stop() if signals else None)
        keep(out, files.dumps(small(recorder)))
        print(f"recording: {shown(out)}")
    return 128 + signals[0] if signals else 0


def _usual(loaded: LoadedModel) -> RunSettings:
    """As the page would run it here."""
    fit = fit_here(loaded)
    return replace(Form.suiting(fit).settings(fit), max_seconds=SECONDS)


def small(recorder: Recorder, most_bytes: int = MOST_BYTES) -> Recording:
    """What was recorded, with as many moments and texts as there is room for."""
    kept = KEPT
    cut = partial(recorder.recording, text_tokens=160, answers=60)
    while len(files.dumps(recording := cut(moments=kept, texts=kept))) > most_bytes and kept > 1:
        kept = 3 * kept // 4
    return recording
