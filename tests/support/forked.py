"""Processes that begin with everything imported: forked from one that has, so that none of them costs a start.

A start costs 6 to 8 seconds of a core, nearly all of it imports. What tests need processes for, signals, limits, ends
and sockets, is the same in one that was forked. `python app.py` and `python -m comparisons` are started as people start
them by a test or two of their own.
"""

from __future__ import annotations

import atexit
import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir
from functools import cache
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

__all__ = ["ROOT", "Forked", "app", "comparisons", "pool"]

ROOT = Path(__file__).resolve().parents[2]


@cache
def _context() -> ForkServerContext:
    """Where processes come from: one that has imported the app and every command."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.support.imported"])
    with chdir(ROOT):
        forkserver.ensure_running()
    return context


class Forked:
    """A function in a process of its own, with the verbs of `subprocess.Popen`.

    What it writes goes to files: none of them is ever full. Its standard input is a file or a named pipe, or empty.
    """

    def __init__(
        self,
        work: Callable[..., int | None],
        *arguments: object,
        out: Path | None = None,
        stdin: Path | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Begin; with `out` all that it writes goes there."""
        self._folder = tempfile.TemporaryDirectory()
        self.out = out or Path(self._folder.name, "out.txt")
        self.err = out or Path(self._folder.name, "err.txt")
        for path in (self.out, self.err):
            path.touch()
        files = [str(path) for path in (stdin or os.devnull, self.out, self.err)]
        place, environment = str(cwd or Path.cwd()), dict(os.environ if env is None else env)
        self._process = _context().Process(target=_begin, args=(work, arguments, files, place, environment))
        atexit.register(self.kill)  # or its end would be waited for
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        """How it ended, below 0 by a signal; None while it goes on."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def said(self) -> str:
        """What it wrote to its standard output so far."""
        return self.out.read_text("utf-8", errors="replace")

    def told(self) -> str:
        """What it wrote to its standard error so far."""
        return self.err.read_text("utf-8", errors="replace")


def _begin(
    work: Callable[..., int | None],
    arguments: Sequence[object],
    files: Sequence[str],
    place: str,
    environment: Mapping[str, str],
) -> None:
    """In the new process: be what a shell would have started."""
    _take_environment(environment)
    os.chdir(place)
    for number, (path, flags) in enumerate(zip(files, (os.O_RDONLY, *[os.O_WRONLY | os.O_APPEND] * 2), strict=True)):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    at_once = "PYTHONUNBUFFERED" in environment
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False), "utf-8")  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8", line_buffering=at_once)  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), "utf-8", line_buffering=True)  # noqa: SIM115
    sys.exit(work(*arguments))


def _take_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def pool(workers: int) -> ProcessPoolExecutor:
    """Of such processes, in the environment of this one."""
    return ProcessPoolExecutor(workers, _context(), initializer=_take_environment, initargs=(dict(os.environ),))


def app(*argv: str) -> int:
    """`python app.py …`."""
    from app import main

    return main(argv)


def comparisons(*argv: str) -> int:
    """`python -m comparisons …`."""
    from comparisons.__main__ import process

    return process(argv)
