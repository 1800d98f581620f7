"""A virtual environment that has nothing yet, and what was measured of it."""

from __future__ import annotations

import os
import subprocess
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.clients import Site
from tests.support.serving import wait_for


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A virtual environment: its folder, the seconds that it took to install, and the size of that."""

    folder: Path
    seconds: float
    megabytes: float

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def measured(self) -> dict[str, float]:
        """What a command prints of it."""
        return {"install_s": round(self.seconds), "environment_mb": round(self.megabytes)}

    def variables(self) -> dict[str, str]:
        """Those of a shell in which it is active, of a user who has nothing of ours, and no network."""
        home = self.folder.parent / "home"
        home.mkdir(exist_ok=True)
        path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(home), "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}

    def run(self, *command: str | Path, cwd: Path) -> str:
        """What a command says; what it complains of, where it fails, is the error."""
        ended = subprocess.run(
            list(map(str, command)), cwd=cwd, env=self.variables(), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


def fresh(folder: Path, *what: str | Path) -> Environment:
    """A new one with what pip is told to install."""
    began = time.monotonic()
    venv.create(folder, symlinks=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *map(str, what)], env=os.environ | {"PYTHONPATH": ""}, check=True)
    return Environment(folder=folder, seconds=time.monotonic() - began, megabytes=megabytes(folder))


def megabytes(folder: Path) -> float:
    """Size of all files in a folder, a file under two names counted once."""
    files = {status.st_ino: status.st_size for path in folder.rglob("*") if (status := path.lstat())}
    return sum(files.values()) / 1e6


@contextmanager
def serving(command: Sequence[str], port: int, *, cwd: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A server that answers at this port of this machine, until the block ends; what it says is not kept."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=cwd, env=env, text=True, **silent)
    try:
        wait_for(f"http://127.0.0.1:{port}/", process)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def reads(port: int) -> str:
    """The model of a run that the page at this port was asked for, and began."""
    site = Site.at(f"http://127.0.0.1:{port}/")
    frames = site.frames(site.join())
    model = next(frame["header"]["model"] for frame in frames if "header" in frame)
    frames.close()
    return str(model)
