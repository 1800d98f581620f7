"""The text of a data set: of the Hugging Face Hub, or of a folder, through the optional package `datasets`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from comparisons.text.feeds import pieces
from streaming.errors import SettingsError, StreamError

__all__ = ["DatasetText"]


class DatasetText:
    """One column of one split, row after row, a blank line between two; fetched as it is read.

    Attributes:
        name: of the data set, its split and its column.
    """

    def __init__(self, name: str, *, split: str = "test", column: str | None = None) -> None:
        """Open it.

        Args:
            name: on the Hub, "owner/name", or the path of a folder.
            split: which part.
            column: which text; by default "text", or else the first one that holds text.

        Raises:
            SettingsError: the package is not there, or there is no such data set, split or text.
        """
        self._name, self._split = name, split
        first = next(iter(self._rows()), None)
        if first is None:
            raise SettingsError(f"{name} has nothing in its split {split!r}.")
        texts = [key for key, value in first.items() if isinstance(value, str)]
        usual = "text" if "text" in texts else texts[0] if texts else None
        self._column = column or usual
        if self._column not in texts:
            raise SettingsError(f"{name} has no text {self._column!r}: choose one of {', '.join(texts) or 'none'}.")
        self.name = f"{name}, {split}, {self._column}"

    def __iter__(self) -> Iterator[str]:
        """The pieces of all rows, from the first one on.

        Raises:
            StreamError: the rest of it cannot be fetched.
        """
        try:
            yield from pieces(self._texts())
        except (SettingsError, StreamError):
            raise
        except Exception as error:  # what a network and a file of anybody can raise has no end
            raise StreamError(f"{self._name} cannot be read on: check the network, and run again.") from error

    def close(self) -> None:
        """Nothing is held between two pieces of reading."""

    def _texts(self) -> Iterator[str]:
        for number, row in enumerate(self._rows()):
            if number:
                yield "\n\n"
            yield str(row[self._column])

    def _rows(self) -> Any:
        try:
            from datasets import get_dataset_split_names, load_dataset  # optional, and large
        except ImportError:
            raise SettingsError("Data sets need the package `datasets`: pip install datasets.") from None
        try:
            return load_dataset(self._name, split=self._split, streaming=True)
        except Exception as error:
            raise SettingsError(_why(self._name, self._split, get_dataset_split_names)) from error


def _why(name: str, split: str, split_names: Any) -> str:
    """Which of the two is wrong: the split, or everything."""
    try:
        there = split_names(name)
    except Exception:
        return f"{name!r} cannot be opened as a data set: check its name (owner/name, or a folder) and the network."
    return f"{name} has no split {split!r}: choose one of {', '.join(there)}."
