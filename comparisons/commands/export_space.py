"""`python -m comparisons export-space FOLDER`: all that a Hugging Face Space of one's own needs, in one folder.

The folder is the repository of a Space: upload it as it is. What it installs is pinned to the versions that are
installed here, with which it was tested.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from comparisons.files import shown, write_folder
from comparisons.packaging import HOME
from comparisons.paths import ROOT
from streaming.loading import packaged
from streaming.models import check_hub_id

__all__ = ["HARDWARE", "add_arguments", "files"]

HARDWARE = ("cpu-basic", "zero-a10g", "t4-small")
"""Kinds of hardware of Spaces that the page is made for."""

_COPIED = ("streaming", "comparisons", "assets", "app.py", *(["__init__.py"] if HOME else []))
"""Of what is imported; the wheel has it in a package of its own."""

_PLACE = HOME.replace(".", "/")
_ZERO_TORCH = "torch>=2.8,<2.12"
"""What ZeroGPU has; it brings its own build."""

_START = '''"""Starts the page on this Space, with the model that its variable STREAMING_MODEL names."""

import os

os.environ.setdefault("STREAMING_MODEL", "{model}")

from {app} import main  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(main([]))
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`export-space FOLDER`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder, or an empty one")
    parser.add_argument("--model", default="sink", metavar="ID", help="a bundled model or a Hub id (default: sink)")
    parser.add_argument("--hardware", default="cpu-basic", choices=HARDWARE, help="(default: %(default)s)")
    parser.set_defaults(command=_export)


def _export(arguments: argparse.Namespace) -> None:
    made = files(arguments.model, arguments.hardware)
    write_folder(arguments.folder, chain(_copied(), made.items()))
    print(shown(arguments.folder))


def _copied() -> Iterator[tuple[str, bytes]]:
    """The files of this project that a Space has, too."""
    for name in _COPIED:
        for path in [ROOT / name, *sorted((ROOT / name).rglob("*"))]:
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{_PLACE}{path.relative_to(ROOT)}", path.read_bytes()
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()


def files(model: str, hardware: str) -> dict[str, str]:
    """The files that are made for this Space, by name.

    Raises:
        SettingsError: the model is neither bundled nor a Hub id.
    """
    bundled = (ROOT / "assets" / "models" / model).is_dir() if re.fullmatch(r"[\w.-]+", model) else False
    repository = None if bundled else packaged.HUB_ID if model == packaged.NAME else check_hub_id(model)
    matter = _front_matter(repository, hardware)
    lines = [line for name, value in matter.items() for line in _yaml(name, value)]
    page = (ROOT / "assets" / "take-along" / "space.md").read_text("utf-8")
    return {
        "README.md": "\n".join(["---", *lines, "---", "", page]),
        "requirements.txt": "".join(f"{line}\n" for line in _pinned(hardware)),
        "space.py": _START.format(model=model, app=f"{HOME}app"),
    }


def _front_matter(repository: str | None, hardware: str) -> dict[str, Any]:
    """What a Space is told about itself: https://huggingface.co/docs/hub/spaces-config-reference."""
    models = {"models": [repository], "preload_from_hub": [repository]} if repository else {}
    return {
        "title": "StreamingLLM, side by side",
        "emoji": "🌊",
        "colorFrom": "blue",
        "colorTo": "red",
        "sdk": "gradio",
        "sdk_version": version("gradio"),
        "app_file": "space.py",
        "python_version": "3.12" if hardware == "zero-a10g" else "3.11",
        "suggested_hardware": hardware,
        "license": "mit",
        "short_description": "Why LLMs break on endless text, and how sinks fix it",
        "thumbnail": f"{_PLACE}assets/take-along/thumbnail.png",
        "tags": ["streaming-llm", "attention-sinks", "kv-cache", "long-context", "education"],
        **models,
    }


def _yaml(name: str, value: str | list[str]) -> list[str]:
    if isinstance(value, list):
        return [f"{name}:", *(f"  - {item}" for item in value)]
    return [f'{name}: "{value}"' if re.fullmatch(r"[\d.]+", value) else f"{name}: {value}"]


def _pinned(hardware: str) -> list[str]:
    """What requirements.txt asks for, in the versions that are here."""
    asked = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    names = [re.split(r"[<>=!~ ]", line, maxsplit=1)[0] for line in asked if line and not line.startswith("#")]
    pinned = [f"{name}=={version(name).partition('+')[0]}" for name in names]
    if hardware == "zero-a10g":
        pinned = [_ZERO_TORCH if line.startswith("torch==") else line for line in pinned]
        pinned.append("spaces")
    return pinned
