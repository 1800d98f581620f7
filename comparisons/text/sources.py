"""Text of any size, read piece by piece as it is needed: files, pipes, standard input.

A source is an iterable of pieces of text. Each lane of a run iterates it by itself, at its own speed, and gets the
same pieces. Where there is nothing to read yet, a source gives None after a fifth of a second at most.

A file is read where it lies. What comes through a pipe comes once: one thread takes it in, and what it took lies in a
temporary file that all lanes read. That thread stays no more than `AHEAD_BYTES` in front of the lane that is furthest
on, and then lets the writer of the pipe wait; so memory is bounded, and the temporary file is as large as the text that
was read. `close` lets it go.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO, Protocol

from comparisons.files import shown
from comparisons.text.feeds import pieces
from streaming.errors import SettingsError, StreamError, StreamingError

__all__ = ["FileText", "PipeText", "Text", "Texts"]

BLOCK_BYTES = 2**16

CHECKED_BYTES = 64 * 2**20
"""So much of a file is looked at before a run begins; the rest as it is read."""

AHEAD_BYTES = 2**20
"""How far what comes through a pipe may be ahead of the lanes."""

PATIENCE_SECONDS = 0.2
"""How long a reader waits for a pipe before it says that there is nothing yet."""

_LENGTH = struct.Struct("<I")


class FileText:
    """The text of a regular file, UTF-8.

    Attributes:
        name: what it is called, how large it is, and the first digits of its SHA-256 (of its first 64 MiB).
    """

    def __init__(self, path: str | Path) -> None:
        """Look at the file.

        Raises:
            SettingsError: it cannot be read, is empty, or is no UTF-8, as far as it is looked at.
        """
        self._path, self._called = Path(path), shown(Path(path).name)
        try:
            self._stamp, digest = self._check()
        except OSError as error:
            raise SettingsError(f"{self._called} cannot be read ({error.strerror}): check the path.") from None
        self.name = f"{self._called}, {self._stamp[0]:,} bytes, SHA-256 {digest}"

    def _check(self) -> tuple[tuple[int, int], str]:
        """The file's stamp and digest, once there is text at its beginning and nothing else in it."""
        with self._path.open("rb") as file:
            stamp, digest, words = _stamp(file), hashlib.sha256(), False
            utf8 = _Utf8(self._called)
            for block in _blocks(file):
                digest.update(block)
                words = bool(utf8.decode(block).strip()) or words
                if file.tell() >= CHECKED_BYTES:
                    break
            else:
                utf8.decode(b"", final=True)
        if not words:
            raise SettingsError(f"{self._called} is empty: give a text with at least one word.")
        return stamp, digest.hexdigest()[:12]

    def __iter__(self) -> Iterator[str]:
        """The pieces, from the beginning of the file to its end.

        Raises:
            SettingsError: at a byte that is no UTF-8.
            StreamError: the file changed, so that its lanes would not read the same.
        """
        try:
            with self._path.open("rb") as file:
                yield from pieces(self._decoded(file))
        except OSError as error:
            raise StreamError(f"{self._called} cannot be read any more ({error.strerror}).") from None

    def close(self) -> None:
        """Nothing is held between two pieces of reading."""

    def _decoded(self, file: BinaryIO) -> Iterator[str]:
        utf8 = _Utf8(self._called)
        for block in _blocks(file):
            if _stamp(file) != self._stamp:
                raise StreamError(f"{self._called} changed while it was read: run again, or read a copy of it.")
            yield utf8.decode(block)
        yield utf8.decode(b"", final=True)


class PipeText:
    """What comes through a pipe, UTF-8, as it comes.

    When the pipe falls silent, what there is of complete lines, or else of complete words, is a piece of its own, and
    an empty piece follows, which says that it should be read: nobody has to fill a piece for that.

    Attributes:
        name: what it is called.
    """

    def __init__(self, open_pipe: Callable[[], RawIOBase], name: str) -> None:
        """Begin to take in what comes.

        Args:
            open_pipe: gives the pipe, not buffered; called in the thread, since opening may wait.
            name: what to call it.
        """
        self.name = name
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 – it lives until `close`
        self._changed = threading.Condition()
        self._rest = ""
        self._written = self._furthest = 0
        self._ended = False
        self._words = False
        self._told_of_silence = True
        self._error: StreamingError | None = None
        threading.Thread(target=self._pump, args=(open_pipe,), name=f"pump {name}", daemon=True).start()

    def check(self) -> None:
        """Raise SettingsError where it is clear within a moment that there is no text to come."""
        with self._changed:
            self._changed.wait_for(lambda: self._words or self._ended, PATIENCE_SECONDS)
            if self._ended and not self._words:
                raise self._error or SettingsError(f"{self.name} is empty: give a text with at least one word.")

    def close(self) -> None:
        """Let the temporary file go, and the pipe when it next says something; again is harmless."""
        with self._changed:
            self._spool.close()
            self._error = StreamError(f"{self.name} is closed: open it again.")
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[str | None]:
        """The pieces from the first one on; None where there is nothing to read yet.

        Raises:
            SettingsError: at a byte that is no UTF-8.
            StreamError: the pipe or the temporary file failed, or is closed.
        """
        place = 0
        while True:
            piece = self._piece(place)
            if piece is not None:
                place += _LENGTH.size + len(piece)
            elif self._ended and place == self._written:
                break
            yield None if piece is None else piece.decode()
        if self._error is not None:
            raise self._error

    def _piece(self, place: int) -> bytes | None:
        """The piece that lies there; None where there is none yet."""
        with self._changed:
            if not self._changed.wait_for(lambda: place < self._written or self._ended, PATIENCE_SECONDS):
                self._cut_short()
            if self._spool.closed and self._error is not None:
                raise self._error
            if place == self._written:
                return None
            self._spool.seek(place)
            (length,) = _LENGTH.unpack(self._spool.read(_LENGTH.size))
            piece = self._spool.read(length)
            self._furthest = max(self._furthest, place + _LENGTH.size + length)
            self._changed.notify_all()
            return piece

    def _pump(self, open_pipe: Callable[[], RawIOBase]) -> None:
        """The thread: everything that comes, to the end."""
        utf8 = _Utf8(self.name)
        try:
            with open_pipe() as pipe:
                while (block := pipe.read(BLOCK_BYTES)) and not self._spool.closed:
                    self._take(utf8.decode(block))
            self._take(utf8.decode(b"", final=True))
            self._end(None)
        except StreamingError as error:
            self._end(error)
        except OSError as error:
            self._end(StreamError(f"{self.name} cannot be read on, or kept ({error.strerror})."))

    def _take(self, text: str) -> None:
        with self._changed:
            if self._spool.closed:
                return
            *whole, self._rest = [*pieces([self._rest + text])] or [""]
            for piece in whole:
                self._write(piece)
            self._words = self._words or bool(text.strip())
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._spool.closed or self._written - self._furthest <= AHEAD_BYTES)

    def _cut_short(self) -> None:
        """The pipe is silent: what can stand alone is a piece, and all that was written should be read."""
        end = self._rest.rfind("\n") + 1 or self._rest.rfind(" ") + 1
        if end > 0:
            self._write(self._rest[:end])
            self._rest = self._rest[end:]
        if not self._told_of_silence:
            self._write("")
            self._told_of_silence = True

    def _write(self, piece: str) -> None:
        self._told_of_silence = False
        data = piece.encode()
        self._spool.seek(self._written)
        self._spool.write(_LENGTH.pack(len(data)) + data)
        self._written += _LENGTH.size + len(data)

    def _end(self, error: StreamingError | None) -> None:
        with self._changed:
            if self._spool.closed:
                return
            if self._rest:
                self._write(self._rest)
            self._error, self._ended = error, True
            self._changed.notify_all()


class Text(Protocol):
    """A source by its name, which can be let go of."""

    name: str

    def __iter__(self) -> Iterator[str | None]:
        """Its pieces, from the first one on."""

    def close(self) -> None:
        """Let go of what it holds."""


class Texts:
    """Several sources, one after the other.

    Attributes:
        name: their names.
    """

    def __init__(self, sources: Sequence[Text]) -> None:
        """Take them."""
        self._sources = tuple(sources)
        self.name = " + ".join(source.name for source in self._sources)

    def __iter__(self) -> Iterator[str | None]:
        """All pieces of the first, then those of the second, and so on."""
        for source in self._sources:
            yield from source

    def close(self) -> None:
        """Let go of the pipes among them."""
        for source in self._sources:
            source.close()


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    return iter(partial(file.read, BLOCK_BYTES), b"")


def _stamp(file: BinaryIO) -> tuple[int, int]:
    """Size in bytes, and time of the last change in nanoseconds."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


class _Utf8:
    """Bytes to text, block by block."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._bytes = 0
        self._begun = False

    def decode(self, block: bytes, *, final: bool = False) -> str:
        """The text of the next block; a byte order mark at the very beginning is none of it."""
        before = self._bytes - len(self._decoder.getstate()[0])
        self._bytes += len(block)
        try:
            text = self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            raise SettingsError(
                f"{self._name} is no UTF-8 text: its byte {before + error.start:,} (counted from 0) cannot be read. "
                "Convert it to UTF-8, or cut it before that byte."
            ) from None
        if self._begun or not text:
            return text
        self._begun = True
        return text.removeprefix("\ufeff")
