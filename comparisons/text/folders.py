"""The text of all files of a folder, in the order of their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from comparisons.text.sources import FileText
from streaming.errors import SettingsError

__all__ = ["MOST_FILES", "FolderText"]

MOST_FILES = 100_000
LOOKED_AT_BYTES = 4096


class FolderText:
    """The files that are UTF-8 text, hidden ones left out, those of folders in it too; a blank line between two.

    Attributes:
        name: what the folder is called, how many files are read, and how large they are together.
    """

    def __init__(self, path: str | Path) -> None:
        """Look for the files.

        Raises:
            SettingsError: there is no text in it, or too many files.
        """
        folder = Path(path)
        self._files = [file for file in _files(folder) if _is_text(file)]
        if not self._files:
            raise SettingsError(f"{folder.name} has no text files in it: choose another folder.")
        size = sum(file.stat().st_size for file in self._files)
        self.name = f"{folder.resolve().name}, {len(self._files):,} files, {size:,} bytes"

    def __iter__(self) -> Iterator[str]:
        """The pieces of one file after the other.

        Raises:
            SettingsError: at a byte that is no UTF-8.
            StreamError: a file changed.
        """
        for number, file in enumerate(self._files):
            if number:
                yield "\n\n"
            yield from FileText(file)

    def close(self) -> None:
        """Nothing is held between two pieces of reading."""


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for here, folders, names in os.walk(folder):  # which follows no links to folders, and so ends
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(here, name) for name in names if not name.startswith(".")]
        if len(found) > MOST_FILES:
            raise SettingsError(f"{folder.name} has more than {MOST_FILES:,} files in it: choose one of its folders.")
    return sorted(found)


def _is_text(file: Path) -> bool:
    """Whether it is a regular file that begins as text does."""
    if not file.is_file():
        return False
    try:
        with file.open("rb") as opened:
            start = opened.read(LOOKED_AT_BYTES)
    except OSError:
        return False
    text = start.decode("utf-8", "ignore")
    cut = len(start) - len(text.encode())  # a character that the end of what was looked at cut in two
    return bool(text.strip()) and "\0" not in text and cut < 4
