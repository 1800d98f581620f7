"""A wheel, built and installed as strangers do: the command, the page and the library, far from the repository."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.fresh.environment import fresh, reads, serving
from tests.support.serving import free_port
from tests.support.wheel import build, copy

LIBRARY = """
import sys
from streaming_llm import Policy, load, open_stream
stream = open_stream(load("sink"), Policy.parse("sinks:4+60"))
print(len(stream.read(stream.loaded.tokenizer("Once upon a time. " * 40).input_ids)) > 100)
assert not {"streaming", "comparisons", "app"} & set(sys.modules)
"""


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
        assert reads(port) == "sink"
    return {**environment.measured, "wheel_mb": round(wheel.stat().st_size / 1e6, 1)}
