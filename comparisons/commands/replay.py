"""`replay FILE`: a recorded run in the terminal, as fast as it was or faster."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TextIO

from comparisons.commands.shared.terminal import LiveLines, printable
from comparisons.recordings import files, player
from comparisons.runs.frames import Header

__all__ = ["add_arguments", "replay"]


def replay(path: Path, speed: float, out: TextIO) -> None:
    """Play a recording, one line per lane.

    Raises:
        RecordingError: the file is no recording that can be read.
        SettingsError: the speed is not above 0.
    """
    recording = files.load(path)
    frames = player.play(recording, speed)
    out.write(f"{_about(recording.header)}\n")
    lines = LiveLines(out)
    try:
        for frame in frames:
            lines.show(frame)
    finally:
        lines.close()


def _about(header: Header) -> str:
    model, context = header["model"], header["context"]
    text = f'Recorded run of {header["recorded_at"]}: model "{model}", training length {context}'
    return printable(f"{text}, seed {header['seed']}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`replay FILE --speed N`."""
    parser.add_argument("file", type=Path, help="a recording, as the page's JSON button or `record` saves it")
    parser.add_argument("--speed", type=float, default=1.0, help="2 is twice as fast as it was (default: 1)")
    parser.set_defaults(command=_replay)


def _replay(arguments: argparse.Namespace) -> None:
    replay(arguments.file, arguments.speed, sys.stdout)
