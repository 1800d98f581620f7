"""The server's log: one JSON object a line, on standard error, without anything that a visitor wrote.

An error is logged by its type and by where it was raised; its message stays out, and so do the values that a library
puts into its own messages. Where nobody takes the lines (a pipe that is full), they are left out: visitors do not wait.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime

from streaming import errors

__all__ = ["JsonLines", "log_to_stderr"]

_OURS = frozenset(name.partition(".")[0] for name in ("app", __name__, errors.__name__))
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_FRAMES = 3
_MOST_WAITING = 1000
_FLUSH_SECONDS = 1.0
_STDERR = 2


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, where from, what, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        ours = record.name.partition(".")[0] in _OURS
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "what": record.getMessage() if ours else str(record.msg)[:200],
            **{name: value for name, value in vars(record).items() if ours and name not in _USUAL},
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= _told(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, default=lambda value: type(value).__name__)


def _told(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return {"error": type(error).__name__, "at": [f"{frame.filename}:{frame.lineno}" for frame in frames]}


class _Aside(logging.Handler):
    """Writes lines to standard error in a thread of its own, by system calls: a stuck one holds nothing else up."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[str] = queue.Queue(_MOST_WAITING)
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(queue.Full):
            self._lines.put_nowait(self.format(record))

    def flush(self) -> None:
        """Wait for a moment until all is written."""
        latest = time.monotonic() + _FLUSH_SECONDS
        while self._lines.unfinished_tasks and time.monotonic() < latest:
            time.sleep(0.01)

    def _write(self) -> None:
        while True:
            rest = f"{self._lines.get()}\n".encode()
            with suppress(OSError):  # nobody reads any more
                while rest:
                    rest = rest[os.write(_STDERR, rest) :]
            self._lines.task_done()


def log_to_stderr() -> None:
    """From now on: what this project does, and what goes wrong in what it stands on."""
    handler = _Aside()
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
