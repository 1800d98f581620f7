"""The rows of a sweep in a file, each written as soon as it is there: a JSON object or a CSV line at a time.

A line goes out in one write to the end of the file and is on the disk when `add` returns. A machine that stops in the
middle of it leaves half a line at most, which the next reader cuts off.
"""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import asdict, fields
from pathlib import Path

from comparisons.experiments.cells import Row
from streaming.errors import RecordingError, SettingsError, StreamError

__all__ = ["Ledger"]

_NAMES = [field.name for field in fields(Row)]
_TEXTS = ("model", "policy", "weights")


class Ledger:
    """Rows, those of an earlier sweep among them.

    Attributes:
        rows: all of them, in the order of the file.
    """

    def __init__(self, path: Path | None, *, resume: bool = False) -> None:
        """Open the file; None keeps the rows in memory alone.

        Args:
            path: ends in .jsonl or .csv.
            resume: go on with a file that is there.

        Raises:
            SettingsError: the file has another ending, cannot be made, or is there and was not to be gone on with.
            RecordingError: it holds something else.
        """
        self.rows: list[Row] = []
        self._path = path
        if path is None:
            return
        if path.suffix not in (".jsonl", ".csv"):
            raise SettingsError(f"{path} must end in .jsonl or .csv.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = self._whole_lines(path)
        except OSError as error:
            raise SettingsError(f"{path} cannot be opened ({error.strerror}): name another file.") from error
        if text and not resume:
            raise SettingsError(f"{path} holds a sweep: go on with it by --resume, or name another file.")
        self.rows = self._parsed(text)
        if path.suffix == ".csv" and not text:
            self._append(_csv_line(_NAMES))

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
            values = asdict(row)
            as_csv = self._path.suffix == ".csv"
            self._append(_csv_line(list(values.values())) if as_csv else json.dumps(values, allow_nan=False) + "\n")

    def _append(self, line: str) -> None:
        try:
            with self._path.open("ab", buffering=0) as file:
                file.write(line.encode())
                os.fsync(file.fileno())
        except OSError as error:
            raise StreamError(
                f"{self._path} cannot be written ({error.strerror}): make room, then go on with --resume."
            ) from error

    @staticmethod
    def _whole_lines(path: Path) -> str:
        """The file's lines, after cutting off half a line at its end."""
        with path.open("ab+") as file:
            file.seek(0)
            content = file.read()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                file.truncate(len(whole))
        return whole.decode(errors="replace")

    def _parsed(self, text: str) -> list[Row]:
        try:
            if self._path.suffix == ".jsonl":
                return [Row(**json.loads(line)) for line in text.splitlines()]
            return [Row(**{n: _value(n, v) for n, v in row.items()}) for row in csv.DictReader(io.StringIO(text))]
        except (ValueError, TypeError, AttributeError) as error:
            raise RecordingError(f"{self._path} holds something else than a sweep: name another file.") from error


def _csv_line(values: list[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(["" if value is None else value for value in values])
    return line.getvalue()


def _value(name: str, text: str) -> object:
    if name in _TEXTS:
        return text
    return json.loads(text) if text else None
