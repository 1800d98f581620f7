"""How a command ends: by itself, by a signal, or because nobody reads what it says. What was measured is kept.

Signals (Ctrl-C, a polite kill, a terminal that is closed) are exceptions like Ctrl-C's, or are noted by commands that
stop in good order. The first one is enough: a terminal that is closed sends two at once, by its kernel and its shell,
and a service manager one of each kind; so after the first, only Ctrl-C counts. What a command says is never the reason
for its end: a reader that has left is no error, and what an encoding cannot say is replaced.
"""

from __future__ import annotations

import errno
import io
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import FrameType
from typing import Any, TextIO

__all__ = ["Ended", "heard", "noted", "patient_streams"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_GONE = (errno.EPIPE, errno.EIO)
"""A pipe without a reader, a terminal that was closed."""


class Ended(KeyboardInterrupt):
    """A signal asks for the end.

    Attributes:
        number: which one.
    """

    def __init__(self, number: int) -> None:
        """By this signal."""
        super().__init__(signal.strsignal(number))
        self.number = number


@contextmanager
def heard() -> Iterator[list[int]]:
    """A signal raises `Ended`, and so does every Ctrl-C after it; gives a list of those that came."""
    came: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        came.append(number)
        _listen_to_ctrl_c_alone()
        raise Ended(number)

    with _handled(end):
        yield came


@contextmanager
def noted() -> Iterator[list[int]]:
    """A signal is noted in the list, so that the work ends in good order; Ctrl-C after it ends the process."""
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)
        _listen_to_ctrl_c_alone()
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with _handled(note):
        yield came


def _listen_to_ctrl_c_alone() -> None:
    for number in SIGNALS:
        if number != signal.SIGINT:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """What the process was started to ignore (`nohup`) stays ignored; only a main thread hears signals.

    Once one has come, here or in a block inside this one, the process is about to end, and must not be killed by the
    second before it has: what is ignored by then is left so.
    """
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if main}
    before = {number: known for number, known in before.items() if known != signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, known in before.items():
            if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, known)


@contextmanager
def patient_streams() -> Iterator[list[OSError]]:
    """Let standard output and error take everything: what cannot be said is replaced, a reader may have left.

    Gives a list, which at the end holds why words were lost although somebody was there to read them.
    """
    lost: list[OSError] = []
    with redirect_stdout(_patient(sys.stdout, lost)), redirect_stderr(_patient(sys.stderr, lost)):
        yield lost
        sys.stdout.flush()
        sys.stderr.flush()


def _patient(stream: TextIO | None, lost: list[OSError]) -> TextIO:
    if stream is None:  # it was closed when the process began
        return io.StringIO()
    stream.flush()
    raw = io.BufferedWriter(_Patient(stream.fileno(), lost))
    at_once = stream.isatty() or stream is sys.stderr
    return io.TextIOWrapper(raw, stream.encoding, errors="replace", line_buffering=at_once)


class _Patient(io.FileIO):
    """A descriptor that goes on taking what is written when nobody reads it any more, or its disk is full."""

    def __init__(self, descriptor: int, lost: list[OSError]) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._lost = lost

    def write(self, data: Any) -> int:
        """As much as there is, whether it goes anywhere or not."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _GONE:
                self._lost.append(error)
            return len(data)
