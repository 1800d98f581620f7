"""The rows of a sweep in a file, each written as soon as it is there: a JSON object a line.

A line goes out in one write to the end of the file and is on the disk when `add` returns. A machine that stops in the
middle of it leaves half a line at most, which the next sweep cuts off. One sweep writes to a file at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict
from io import FileIO
from pathlib import Path

from comparisons.documents import parsed
from comparisons.experiments.cells import Row
from streaming.errors import RecordingError, SettingsError, StreamError, StreamingError

__all__ = ["SweepFile"]

_BEGIN = b'{"model": '
"""How every row begins."""


class SweepFile:
    """Rows, those of an earlier sweep among them; a context manager that holds the file against other sweeps.

    Attributes:
        rows: all of them, in the order of the file.
    """

    def __init__(self, path: Path | None, *, resume: bool = False) -> None:
        """Open the file; None keeps the rows in memory alone. A file that is refused is left as it was.

        Args:
            path: ends in .jsonl.
            resume: go on with a file that is there.

        Raises:
            SettingsError: the file has another ending, cannot be made, is written to by another sweep, or is there and
                was not to be gone on with.
            RecordingError: it holds something else.
        """
        self.rows: list[Row] = []
        self._path = path
        self._held = None if path is None else _opened(path)  # the lock ends with it
        if path is not None and self._held is not None:
            try:
                self._take_over(path, self._held, resume=resume)
            except StreamingError:
                self.close()
                raise

    def __enter__(self) -> SweepFile:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other sweeps at the file."""
        if self._held is not None:
            self._held.close()

    def _take_over(self, path: Path, file: FileIO, *, resume: bool) -> None:
        content = file.readall()
        if content and not resume:
            raise SettingsError(f"{path} is there already: go on with it by --resume, or name another file.")
        whole = content[: content.rfind(b"\n") + 1]
        self.rows = _parsed(path, whole, rest=content[len(whole) :])
        file.truncate(len(whole))

    def add(self, row: Row) -> None:
        """Append a row.

        Raises:
            SettingsError: an earlier row of this model was measured with other weights.
            StreamError: the file cannot be written.
        """
        if any(row.model == other.model and row.weights != other.weights for other in self.rows):
            raise SettingsError(f"The rows of '{row.model}' before were of other weights: write to another file.")
        self.rows.append(row)
        if self._path is not None:
            _append(self._path, f"{json.dumps(asdict(row), allow_nan=False)}\n")


def _opened(path: Path) -> FileIO:
    """The file, held against other sweeps."""
    if path.suffix != ".jsonl":
        raise SettingsError(f"{path} must end in .jsonl; a table for other programs comes with --csv.")
    if path.exists() and not path.is_file():
        raise SettingsError(f"{path} is no file that can be gone on with: name another one.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
    except OSError as error:
        raise SettingsError(f"{path} cannot be opened ({error.strerror}): name another file.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SettingsError(f"Another sweep is writing to {path}: wait for its end, or name another file.") from None
    return file


def _parsed(path: Path, whole: bytes, *, rest: bytes) -> list[Row]:
    """The rows of whole lines; half a line after them must be half a row."""
    try:
        if not (rest.startswith(_BEGIN) or _BEGIN.startswith(rest)):
            raise ValueError("The last line is no row.")
        return [Row(**parsed(line)) for line in whole.splitlines()]
    except (ValueError, TypeError) as error:
        raise RecordingError(f"{path} holds something else than a sweep: name another file.") from error


def _append(path: Path, line: str) -> None:
    try:
        with path.open("ab", buffering=0) as file:
            file.write(line.encode())
            os.fsync(file.fileno())
    except OSError as error:
        raise StreamError(f"{path} cannot be written ({error.strerror}): make room, go on with --resume.") from error
