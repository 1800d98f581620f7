"""A run whose dense lane needs more memory than this process may have; prints the last frame as JSON.

For a process of its own: the limit is real.
"""

from __future__ import annotations

import json
import resource
import threading

import psutil
import torch

from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from comparisons.text.feeds import PromptFeed
from streaming.models import LoadedModel
from streaming.policy import Policy
from tests.support import tiny
from tests.support.speaking import tokenizer

ROOM_BYTES = 150 * 2**20


class PatientFeed:
    """The second lane waits after its first tokens, so that it does not ask for memory just when there is none."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self._readers = 0

    def __iter__(self):
        mine, self._readers = self._readers, self._readers + 1
        for count, segment in enumerate(PromptFeed(tokenizer(), 0)):
            if mine == 1 and count == 2:
                self.go_on.wait(120)
            yield segment


def main() -> None:
    """Read with heads so wide, half a megabyte a token, that a few hundred tokens do not fit."""
    torch.set_num_threads(1)
    model = tiny.build("llama", vocab_size=len(tokenizer()), head_dim=8192)
    loaded = LoadedModel(name="wide", model=model, tokenizer=tokenizer(), context=64, start_token=0)
    settings = RunSettings(
        lanes=(Policy.parse("dense"), Policy.parse("sinks:4+28")),
        max_tokens=400,
        chunk=16,
        kv_budget_bytes=2**34,
        answers=False,
    )
    feed = PatientFeed()
    for frame in Run(loaded, settings, feed).frames():
        dense, sinks = frame["lanes"]
        if dense["tokens"] and sinks["tokens"]:
            limit = psutil.Process().memory_info().vms + ROOM_BYTES
            if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        if dense["status"] == "failed":
            feed.go_on.set()
    print(json.dumps(frame))
