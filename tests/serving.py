"""The app started for real: a process of its own on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent


def command(*arguments: str, out: IO[str] | None = None, **environment: str) -> subprocess.Popen[str]:
    """`python app.py …`, not waited for; what it writes is kept, or goes to a file."""
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONUNBUFFERED": "1", **environment}
    return subprocess.Popen(
        [sys.executable, "app.py", *arguments], cwd=ROOT, env=environment, text=True,
        stdout=out or subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@contextmanager
def served(
    model: str, *, out: IO[str] | None = None, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of the app, and its process, until the block ends; what it writes may go to a file."""
    port = free_port()
    process = command("--model", model, "--host", "127.0.0.1", "--port", str(port), out=out, **environment)
    try:
        address = f"http://127.0.0.1:{port}/"
        wait_for(address, process)
        yield address, process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(address: str, process: subprocess.Popen[str], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"the app ended at once:\n{process.communicate()[0]}")
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the app did not answer in time")
