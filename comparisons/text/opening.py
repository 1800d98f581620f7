"""From what somebody names on a command line to its text: files, folders, pipes, standard input, data sets."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from functools import partial
from io import FileIO
from pathlib import Path

from comparisons.files import STANDARD_INPUT, shown
from comparisons.text.datasets import DatasetText
from comparisons.text.folders import FolderText
from comparisons.text.sources import FileText, PipeText, Text, Texts
from streaming.errors import SettingsError

__all__ = ["open_dataset", "open_texts"]


def open_dataset(name: str, *, split: str, column: str | None) -> Texts:
    """The text of a data set; raises as `DatasetText` does."""
    return Texts([DatasetText(name, split=split, column=column)])


def open_texts(paths: Sequence[str], standard_input: int = 0) -> Texts:
    """The text of some files and folders, in this order.

    Args:
        paths: of regular files, of folders, or of pipes; `STANDARD_INPUT` for that.
        standard_input: its file descriptor.

    Raises:
        SettingsError: one of them cannot be read, has no text in it, or is no UTF-8.
    """
    if list(paths).count(STANDARD_INPUT) > 1:
        raise SettingsError("Standard input can be read once: name it once.")
    sources = [_open_text(path, standard_input) for path in paths]
    return Texts(sources)


def _open_text(path: str, standard_input: int) -> Text:
    if path != STANDARD_INPUT and os.path.isdir(path):
        return FolderText(path)
    if path != STANDARD_INPUT and not _is_pipe(path):
        return FileText(path)
    if path == STANDARD_INPUT:
        pipe = PipeText(partial(FileIO, standard_input, closefd=False), "standard input")
    else:
        pipe = PipeText(partial(FileIO, path), shown(Path(path).name))
    pipe.check()
    return pipe


def _is_pipe(path: str) -> bool:
    """Whether it is there, and can be read but once: a named pipe, a terminal, a process's output."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
