"""A recording in a file: written whole or not at all, and read with all of it checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from comparisons.files import write_whole
from comparisons.recordings.format import Recording, RecordingFile
from streaming.errors import RecordingError

__all__ = ["MOST_BYTES", "dumps", "load", "loads", "parse", "read", "save"]

MOST_BYTES = 16 * 2**20
"""A larger file is no recording of ours: no more than this is read of it."""

_NO_RECORDING = "this is no recording of that kind: choose a file that `run`, `record`, `chat` or the page has saved."

M = TypeVar("M", bound=BaseModel)

_MOST_ERRORS = 1000
"""So many are looked at; a file with more is none of ours."""


def dumps(recording: Recording) -> str:
    """The text of a recording's file."""
    return recording.model_dump_json()


def save(recording: Recording, path: str | Path) -> None:
    """Write a recording, whole or not at all: what was at `path` stays until the new file is complete."""
    write_whole(Path(path), dumps(recording))


def load(path: str | Path) -> Recording:
    """Read a recording and check all of it.

    Raises:
        RecordingError: the file is not there, no recording, damaged, truncated, or of a newer version.
    """
    return read(Path(path), loads)


def loads(data: str | bytes) -> Recording:
    """The recording that is in a file's content.

    Raises:
        RecordingError: it is no recording, damaged, truncated, or of a newer version.
    """
    return parse(RecordingFile, Recording, data)


def read(path: Path, parsed: Callable[[bytes], M]) -> M:
    """What a file holds; what is wrong is said with its name.

    Raises:
        RecordingError: it cannot be read, or it is not what is wanted.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RecordingError(f"The recording {path.name} cannot be read ({error.strerror}): check the path.") from None
    try:
        return parsed(data)
    except RecordingError as error:
        raise RecordingError(f"{path.name}: {error}") from None


def parse(file: type[M], model: type[M], data: str | bytes) -> M:
    """A recording of some kind, all of it checked.

    Args:
        file: its shape in a file, which says its format and version.
        model: its shape for everybody else; as `file` has it, of the version that is written today.
        data: the file's content.

    Raises:
        RecordingError: it is no such recording, damaged, truncated, or of a newer version.
    """
    if len(data) > MOST_BYTES:
        raise RecordingError(f"this is larger than any recording ({MOST_BYTES // 2**20} MiB).")
    try:
        content = file.model_validate_json(data)
    except ValidationError as error:
        raise RecordingError(_words(error)) from None
    marks = ("format", "version")
    return model.model_construct(**{name: getattr(content, name) for name in model.model_fields if name not in marks})


def _words(error: ValidationError) -> str:
    """The first thing that is wrong, where it is, and what to do."""
    if error.error_count() > _MOST_ERRORS:
        return _NO_RECORDING
    errors = error.errors(include_url=False)
    found = {_place(one): one for one in errors}
    place, first = _place(errors[0]), errors[0]
    if first["type"] == "json_invalid":
        why = first["msg"].removeprefix("Invalid JSON: ")
        return f"it is damaged, cut short, or no recording: it is not whole JSON ({why})."
    if not place or "format" in found:
        return _NO_RECORDING
    version = found.get("version")
    if version is not None and version["type"] == "less_than_equal":
        newer = str(version["input"])[:9]
        ours = version["ctx"]["le"]
        return f"it was made by a newer version of this app (format {newer}, not {ours}): update the app."
    return f"it is damaged at {place} ({first['msg']}): get the file again, or record the run again."


def _place(error: ErrorDetails) -> str:
    """As Python would write it: lanes[0].curve[3]. Names come from the file: never more than a few letters of one."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{_printable(step)}" for step in error["loc"])
    return "".join(steps).removeprefix(".")


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name[:40])
