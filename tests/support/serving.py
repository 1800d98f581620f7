"""The app started for real: a process of its own on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.support import forked
from tests.support.forked import ROOT, Forked

GRACE = "1"
"""Seconds that a run is kept for a client that has left: tests wait for ends."""

LONGEST_SECONDS = 240
"""That a start may take: other work may have the machine."""


def command(*argv: str, out: Path, python: str = sys.executable, **environment: str) -> subprocess.Popen[str]:
    """`python app.py …`, not waited for; what it writes goes to a file."""
    with out.open("w") as file:
        return subprocess.Popen(
            [python, "app.py", *argv], cwd=ROOT, env=_usual(environment), text=True,
            stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip


def _usual(environment: dict[str, str]) -> dict[str, str]:
    usual = {"GRADIO_ANALYTICS_ENABLED": "False", "PYTHONUNBUFFERED": "1", "STREAMING_GRACE": GRACE}
    return {**os.environ, **usual, **environment}


@contextmanager
def served(
    model: str, *, out: Path | None = None, python: str = "", **environment: str
) -> Iterator[tuple[str, Forked | subprocess.Popen[str]]]:
    """The address of the app with a model ("" for its default), and its process, until the block ends.

    It is forked, or started anew by a `python`. What it writes goes to a file: in a pipe that nobody empties an app of
    many runs stands still, when that is full.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        said = out or Path(folder, "said.txt")
        argv = [*(("--model", model) if model else ()), "--host", "127.0.0.1", "--port", str(port)]
        if python:
            process = command(*argv, out=said, python=python, **environment)
        else:
            process = Forked(forked.app, *argv, out=said, cwd=ROOT, env=_usual(environment))
        try:
            address = f"http://127.0.0.1:{port}/"
            wait_for(address, process, said)
            yield address, process
        finally:
            process.terminate()
            process.wait(timeout=20)
            if process.returncode not in (0, -signal.SIGTERM):
                print(said.read_text(errors="replace"))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(address: str, process: Forked | subprocess.Popen[str], said: Path | None = None) -> None:
    """Until somebody answers there; fails, with what the process wrote, where that ends before."""
    end = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError("the app ended at once:\n" + (said.read_text(errors="replace") if said else ""))
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the app did not answer in time")
