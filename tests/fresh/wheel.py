"""A wheel, built and installed as strangers do: the command, the page and the library, far from the repository."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from comparisons.paths import ROOT
from streaming import models
from tests.fresh.environment import fresh, reads, serving
from tests.support.serving import free_port

LIBRARY = """
import sys
from streaming_llm import Policy, load, open_stream
stream = open_stream(load("sink"), Policy.parse("sinks:4+60"))
print(len(stream.read(stream.loaded.tokenizer("Once upon a time. " * 40).input_ids)) > 100)
assert not {"streaming", "comparisons", "app"} & set(sys.modules)
"""


def copy(folder: Path) -> Path:
    """What a wheel is made of, in another folder: a build leaves files where it builds."""
    for name in ("streaming", "comparisons", "distribution", "assets"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "setup.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def build(source: Path, folder: Path, *options: str) -> Path:
    """The wheel's file, written into a folder; without options in a fresh environment of pip's own."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps", *options]
    subprocess.run([*pip, "--wheel-dir", folder, source], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check(folder: Path) -> dict[str, float]:
    """Build it, install it, take away what it was made of, and use it."""
    wheel = build(copy(folder / "source"), folder)
    shutil.rmtree(folder / "source")
    environment = fresh(folder / "environment", wheel)
    ours = environment.folder / "bin" / "streaming-llm"
    assert "export-space" in environment.run(ours, "--help", cwd=folder)
    argv = ("run", "sink", "--tokens", "300", "--json", "--out", "run.json")
    said = environment.run(ours, *argv, cwd=folder)
    assert json.loads(said.splitlines()[-1])["recording"] == "run.json" and (folder / "run.json").is_file()
    assert environment.run(environment.python, "-c", LIBRARY, cwd=folder) == "True\n"
    port = free_port()
    with serving([str(ours), "serve", "--port", str(port)], port, cwd=folder, env=environment.variables()):
        assert reads(port) in models.names()
    return {**environment.measured, "wheel_mb": round(wheel.stat().st_size / 1e6, 1)}
