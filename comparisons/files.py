"""Files that are there whole or not at all, whatever happens while they are written: the one way to write.

A link is followed, a file keeps its mode and its owner, and what is no regular file (a pipe, a device) is written to as
it is. `check_output` says before the work starts what would fail after it, and touches nothing that it refuses.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from streaming.errors import SettingsError, StreamError

__all__ = [
    "STANDARD_INPUT",
    "check_output",
    "check_outputs",
    "clear_unfinished",
    "keep",
    "shown",
    "write_folder",
    "write_whole",
]

STANDARD_INPUT = "-"
"""What stands for it in a list of paths."""


def check_outputs(paths: Iterable[Path], reads: Iterable[str | Path] = ()) -> None:
    """`check_output` for several files, of which no two are the same."""
    reads, before = list(reads), list[str | Path]()
    for path in paths:
        check_output(path, reads)
        same = next((other for other in before if _same(path, other)), None)
        if same is not None:
            raise SettingsError(f"{shown(path)} is named for two outputs: name a file for each.")
        before.append(path)


def check_output(path: Path, reads: Iterable[str | Path] = ()) -> None:
    """Make sure that a file can be written, as far as that can be known; its folder is made.

    Args:
        path: the file.
        reads: what the same command reads, `-` being standard input.

    Raises:
        SettingsError: it cannot, or it is one of those that are read.
    """
    for source in reads:
        if _same(path, source):
            raise SettingsError(f"{shown(path)} is what this command reads: name another file to write to.")
    try:
        status = _status(path)
        if status is not None:
            _check_there(path, status)
        if status is None or stat.S_ISREG(status.st_mode):
            real = Path(os.path.realpath(path))
            real.parent.mkdir(parents=True, exist_ok=True)
            _try_out(real, there=status is not None)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{shown(path)} cannot be written ({_words(error)}): name another file.") from None


def _check_there(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise SettingsError(f"{shown(path)} is a folder: name a file in it.")
    if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise SettingsError(f"{shown(path)} is read-only: make it writable, or name another file.")
    if stat.S_ISSOCK(status.st_mode):
        raise SettingsError(f"{shown(path)} is a socket: name a file.")


def _try_out(path: Path, *, there: bool) -> None:
    """Make a file beside it and take it away; then, where there is none yet, one of its name."""
    try:
        for name in (_unfinished(path), *([] if there else [path])):
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            name.unlink()
    except OSError:
        if not there:
            raise
        os.close(os.open(path, os.O_WRONLY))  # its folder takes no new file: it will be written where it is


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file: what was at `path` stays until the new content is complete.

    A process that is killed meanwhile leaves a hidden `.tmp` file at most.

    Args:
        path: where to; a folder that is missing is made.
        content: text is written in UTF-8, half surrogate pairs as "?".

    Raises:
        OSError: it cannot be written; a regular file is as it was.
    """
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    status = _status(path)
    if status is not None and (not stat.S_ISREG(status.st_mode) or _is_standard_output(status)):
        _write_straight(path, data)
        return
    if status is not None and not status.st_mode & 0o222:
        raise PermissionError(errno.EACCES, "it is read-only", str(path))
    real = Path(os.path.realpath(path))
    real.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _unfinished(real)
    try:
        _write_new(unfinished, data, status)
        unfinished.replace(real)
    except OSError as error:
        # a folder that takes no new file, a file that is mounted by itself
        if status is None or error.errno not in (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS):
            raise
        _write_straight(real, data)
    finally:
        unfinished.unlink(missing_ok=True)


def write_folder(folder: Path, files: Iterable[tuple[str, bytes | str]]) -> None:
    """Write a new folder: each file by its path in it, in turn.

    Raises:
        SettingsError: the folder is there and not empty, or cannot be written.
    """
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        for name, content in () if taken else files:
            write_whole(folder / name, content)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{shown(folder)} cannot be written ({_words(error)}): name another folder.") from None
    if taken:
        raise SettingsError(f"{shown(folder)} is there and not empty: name a new folder.")


def keep(path: Path, content: bytes | str) -> None:
    """Write what was measured; where that fails, into the system's folder for temporary files.

    Raises:
        StreamError: the file cannot be written; it says where the content is instead.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        place = Path(tempfile.gettempdir()) / f"{uuid.uuid4().hex[:8]}-{path.name[-80:]}"
        try:
            write_whole(place, content)
            remedy = f"its content is in {place}"
        except OSError:
            remedy = "make room, and run again"
        raise StreamError(f"{shown(path)} cannot be written ({_words(error)}): {remedy}.") from error


def clear_unfinished(path: Path) -> None:
    """Remove what writers of this file that were killed have left behind."""
    real = Path(os.path.realpath(path))
    for left in real.parent.glob(f".{real.name}.*.tmp"):
        left.unlink(missing_ok=True)


def shown(path: str | Path) -> str:
    """A file's name in words: what of it is no text is shown as U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _write_new(path: Path, data: bytes, before: os.stat_result | None) -> None:
    with path.open("xb") as file:
        if before is not None:
            with suppress(OSError):
                os.chown(file.fileno(), before.st_uid, before.st_gid)
            os.chmod(file.fileno(), stat.S_IMODE(before.st_mode))
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _write_straight(path: Path, data: bytes) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()  # it may be the same pipe
    standard = _is_standard_output(path.stat())
    with open(standard or path, "wb", buffering=0, closefd=not standard) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]


def _is_standard_output(status: os.stat_result) -> int:
    """The descriptor, 1 or 2, that goes to this file; 0 for neither."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), status):
                return descriptor
    return 0


def _unfinished(path: Path) -> Path:
    """A name beside it that is not longer than names may be."""
    end = f".{uuid.uuid4().hex[:8]}.tmp"
    name = f".{path.name}{end}"
    return path.with_name(name if len(os.fsencode(name)) <= 255 else end)


def _status(path: str | Path) -> os.stat_result | None:
    """Of what the path leads to; None where there is nothing yet."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _same(path: Path, other: str | Path) -> bool:
    """Whether both are one file. What swallows all that is written to it may be named again and again."""
    try:
        a, b = os.stat(path), os.fstat(0) if str(other) == STANDARD_INPUT else os.stat(other)
        return os.path.samestat(a, b) and not stat.S_ISCHR(a.st_mode)
    except (OSError, ValueError):
        return str(other) != STANDARD_INPUT and os.path.realpath(path) == os.path.realpath(other)


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
