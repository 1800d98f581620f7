"""A run whose dense lane needs more memory than this process may have; prints the last frame as JSON.

Started by test_runner.py in a process of its own: the limit is real.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import psutil
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from comparisons.runner import Run, RunSettings  # noqa: E402
from streaming import families  # noqa: E402
from streaming.models import LoadedModel  # noqa: E402
from streaming.policies import Policy  # noqa: E402
from tests import tiny  # noqa: E402
from tests.speaking import tokenizer  # noqa: E402

ROOM_BYTES = 400 * 2**20


def main() -> None:
    """Read with heads so wide that a few thousand tokens do not fit."""
    torch.set_num_threads(1)
    model = tiny.build("llama", vocab_size=len(tokenizer()), head_dim=2048)
    families.prepare(model)
    loaded = LoadedModel(name="wide", model=model, tokenizer=tokenizer(), context=64, start_token=0)
    settings = RunSettings(
        lanes=(Policy.parse("dense"), Policy.parse("sinks:4+28")), max_tokens=3000, kv_budget_bytes=2**34, answers=False
    )
    with Run(loaded, settings) as run:
        frames = run.frames()
        next(frames)
        limit = psutil.Process().memory_info().vms + ROOM_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        *_, last = frames
    print(json.dumps(last))


if __name__ == "__main__":
    main()
