"""The wheel, built from a copy: a build leaves files where it builds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from comparisons.paths import ROOT


def copy(folder: Path) -> Path:
    """What a wheel is made of, in another folder."""
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
