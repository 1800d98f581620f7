"""`python -m tests.load.space_start FOLDER`: how a Space starts with the real model preloaded.

A fresh environment in FOLDER gets requirements.txt and nothing else; a server on this machine stands in for the Hub,
with the real files, which are put into the Hub's cache as `preload_from_hub` does when a Space is built. Then the page
is started with that cache alone, and asked for a run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from streaming.loading import packaged
from streaming.loading.checkpoint import CONFIG
from tests.support.clients import Site
from tests.support.hub_server import HubServer, Repository
from tests.support.serving import ROOT, served

BAR_SECONDS = 60.0

PRELOAD = "import sys; from huggingface_hub import snapshot_download; snapshot_download(sys.argv[1])"

HARDWARE = {"CPU_CORES": "2", "MEMORY": "16Gi"}
"""Of a free Space."""


def environment(folder: Path) -> Path:
    """The Python of a fresh environment with requirements.txt alone; one that is there already is used again."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        install = ["-m", "pip", "install", "--quiet", "--requirement", str(ROOT / "requirements.txt")]
        subprocess.run([str(python), *install], check=True)
    return python


def repository() -> Repository:
    """The model's files, as the Hub has them."""
    folder = packaged.folder(lambda progress: None)
    if folder is None:
        raise SystemExit(str(packaged.absent()))
    wanted = ("*.safetensors", "*token*", "*.jinja", "vocab.json", "merges.txt", "generation_config.json", CONFIG)
    files = {path.name: path.read_bytes() for pattern in wanted for path in folder.glob(pattern)}
    return Repository(files=files)


def measure(python: Path, settings: dict[str, str]) -> tuple[str, float, float]:
    """What reads, and the seconds until the page is answered and until a run that is started then tells a frame."""
    began = time.monotonic()
    with served("", python=str(python), **settings) as (address, _):
        page = time.monotonic() - began
        site = Site.at(address)
        frames = site.frames(site.join(recent=1020, budget_mb=100))
        header = next(frame["header"] for frame in frames if "header" in frame)
        frame = time.monotonic() - began
        frames.close()
    return header["model"], page, frame


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a line of JSON; 1 where the bar is not met or another model reads."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.space_start", description=__doc__)
    parser.add_argument("folder", type=Path, help="for the environment and the caches; kept, for the next time")
    folder: Path = parser.parse_args(argv).folder.resolve()
    python = environment(folder)
    hub = HubServer()
    hub.repositories[packaged.HUB_ID] = repository()
    hub.start()
    shutil.rmtree(folder / "hub", ignore_errors=True)
    empty = {"HF_HOME": str(folder / "hub"), "XDG_CACHE_HOME": str(folder / "empty"), "HF_ENDPOINT": hub.url}
    began = time.monotonic()
    subprocess.run([str(python), "-c", PRELOAD, packaged.HUB_ID], env={**os.environ, **empty}, check=True)
    preloaded = time.monotonic() - began
    model, page, frame = measure(python, {**empty, **HARDWARE})
    hub.stop()
    met = page <= BAR_SECONDS and model == packaged.NAME
    seconds = {"preload_s": preloaded, "page_s": page, "first_frame_s": frame}
    print(json.dumps({"model": model, **{name: round(value, 1) for name, value in seconds.items()}, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
