"""What a user would pick instead, where it is installed: transformers' own `generate`, and llama.cpp.

llama.cpp reads a GGUF file of its own, so its figures are tokens per second beside ours, not a ratio of equal things.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from comparisons.documents import parsed
from comparisons.experiments.bench.timing import seconds
from streaming.errors import SettingsError
from streaming.stream import Loaded

__all__ = ["Peer", "llama_cpp", "transformers_generate"]

READ, DECODED = 1000, 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """How fast another program is.

    Attributes:
        name: what it is, with its settings.
        version: of it.
        read_per_second: tokens of a prompt of 1,000.
        decoded_per_second: tokens that it writes after it.
    """

    name: str
    version: str
    read_per_second: float
    decoded_per_second: float


def transformers_generate(loaded: Loaded, ids: Tensor) -> Iterator[Peer]:
    """With each of transformers' own caches."""
    model, prompt = loaded.model, ids[None, :READ].to(loaded.model.device)
    for cache in ("dynamic", "static"):
        took = []
        for new in (1, 1 + DECODED):
            work = partial(_generate, model, prompt, new, cache)
            work()
            took.append(seconds(work, model.device))
        yield Peer(
            name=f"transformers generate(), {cache} cache",
            version=transformers.__version__,
            read_per_second=prompt.shape[1] / took[0],
            decoded_per_second=DECODED / max(took[1] - took[0], 1e-9),
        )


@torch.inference_mode()
def _generate(model: Any, prompt: Tensor, new: int, cache: str) -> None:
    model.generate(prompt, max_new_tokens=new, min_new_tokens=new, do_sample=False, cache_implementation=cache)


def llama_cpp(gguf: Path, *, threads: int, patience: float = 120.0) -> Peer | None:
    """llama.cpp's server with a context of 1,024 tokens, as it times itself; None where it is not installed.

    Raises:
        SettingsError: there is no such file, or the server does not answer within `patience` seconds.
    """
    program = shutil.which("llama-server")
    if program is None:
        return None
    if not gguf.is_file():
        raise SettingsError(f"There is no file {gguf}: give --peers a model in GGUF format.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "-m", str(gguf), "-c", "1024", "-t", str(threads), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        timings = _ask(f"http://127.0.0.1:{port}/completion", server, time.monotonic() + patience)
    finally:
        server.terminate()
        server.wait()
    return Peer(
        name=f"llama.cpp, {gguf.name}, {threads} threads",
        version=_version(program),
        read_per_second=timings["prompt_per_second"],
        decoded_per_second=timings["predicted_per_second"],
    )


def _ask(url: str, server: subprocess.Popen[bytes], until: float) -> dict[str, float]:
    """What the server says of the time that a prompt and an answer took it."""
    words = " ".join(f"word {number}" for number in range(READ // 4))
    body = json.dumps({"prompt": words, "n_predict": DECODED, "cache_prompt": False, "ignore_eos": True}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=max(1.0, until - time.monotonic())) as answer:
                timings: dict[str, float] = parsed(answer.read())["timings"]
                return timings
        except OSError as error:  # it is still loading
            if server.poll() is not None or time.monotonic() > until:
                raise SettingsError("llama-server did not answer: try it by itself with the same file.") from error
            time.sleep(0.5)


def _version(program: str) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version: *(.+)", told.stdout + told.stderr)
    return found[1] if found else f"of {os.path.basename(program)} unknown"
