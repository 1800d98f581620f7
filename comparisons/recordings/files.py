"""A recording in a file: written whole or not at all, and read with all of it checked."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from comparisons.files import write_whole
from comparisons.recordings.format import FORMAT, VERSION, Recording, checked
from streaming.errors import RecordingError

__all__ = ["MOST_BYTES", "dumps", "load", "save"]

MOST_BYTES = 16 * 2**20
"""A larger file is no recording of ours: no more than this is read of it."""


def dumps(recording: Recording) -> str:
    """The text of a recording's file."""
    content = {"format": FORMAT, "version": VERSION, **asdict(recording)}
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def save(recording: Recording, path: str | Path) -> None:
    """Write a recording, whole or not at all: what was at `path` stays until the new file is complete."""
    write_whole(Path(path), dumps(recording).encode("utf-8"))


def load(path: str | Path) -> Recording:
    """Read a recording and check all of it.

    Raises:
        RecordingError: the file is not there, no recording, damaged, truncated, or of a newer version.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RecordingError(f"The recording {path.name} cannot be read ({error.strerror}): check the path.") from None
    if len(data) > MOST_BYTES:
        raise RecordingError(f"{path.name} is larger than any recording ({MOST_BYTES // 2**20} MiB).")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise RecordingError(f"{path.name} is damaged or no recording: its text is not UTF-8.") from None
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise RecordingError(f"{path.name} is damaged, cut short, or no recording: it is not whole JSON.") from None
    try:
        return checked(content)
    except RecordingError as error:
        raise RecordingError(f"{path.name}: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
