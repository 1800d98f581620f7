"""`record MODEL`: the page's default comparison as a recording, which the page shows before Start."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from comparisons.commands.shared.arguments import add_model
from comparisons.commands.shared.ending import noted
from comparisons.files import check_output, keep, shown
from comparisons.page.forms import Form
from comparisons.recordings import files
from comparisons.recordings.recorder import record
from comparisons.runs.runner import Run
from streaming import models

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`record MODEL`."""
    add_model(parser)
    parser.add_argument("--out", type=Path, default=Path("assets/recordings/first-paint.json"))
    parser.add_argument("--seconds", type=float, default=45.0, help="how long to run (default: 45)")
    parser.set_defaults(command=_record)


def _record(arguments: argparse.Namespace) -> int:
    settings = replace(Form().settings(), max_seconds=arguments.seconds)
    check_output(arguments.out)
    run = Run(models.load(arguments.model), settings)
    with noted() as signals:
        recording = record(
            run, lambda _: run.stop() if signals else None, moments=120, texts=120, text_tokens=160, answers=60
        )
        keep(arguments.out, files.dumps(recording))
        print(f"recording: {shown(arguments.out)}")
    return 128 + signals[0] if signals else 0
