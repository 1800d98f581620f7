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
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

GRACE = "1"
"""Seconds that a run is kept for a client that has left: tests wait for ends."""

ROOT = Path(__file__).resolve().parents[2]


def command(
    *arguments: str, out: IO[str] | None = None, python: str = sys.executable, **environment: str
) -> subprocess.Popen[str]:
    """`python app.py …`, not waited for; what it writes goes to a pipe, or to a file."""
    usual = {"GRADIO_ANALYTICS_ENABLED": "False", "PYTHONUNBUFFERED": "1", "STREAMING_GRACE": GRACE}
    environment = {**os.environ, **usual, **environment}
    return subprocess.Popen(
        [python, "app.py", *arguments], cwd=ROOT, env=environment, text=True,
        stdout=out or subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@contextmanager
def served(
    model: str, *, out: IO[str] | None = None, python: str = sys.executable, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of the app with a model ("" for its default), and its process, until the block ends.

    What it writes goes to a file: in a pipe that nobody empties an app of many runs stands still, when that is full.
    """
    port = free_port()
    with nullcontext(out) if out else tempfile.TemporaryFile("w+") as said:
        wanted = ("--model", model) if model else ()
        process = command(*wanted, "--host", "127.0.0.1", "--port", str(port), out=said, python=python, **environment)
        try:
            address = f"http://127.0.0.1:{port}/"
            wait_for(address, process)
            yield address, process
        finally:
            process.terminate()
            process.wait(timeout=20)
            if process.returncode not in (0, -signal.SIGTERM):
                said.seek(0)
                print(said.read())


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(address: str, process: subprocess.Popen[str], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"the app ended at once:\n{process.communicate()[0] or ''}")
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the app did not answer in time")
