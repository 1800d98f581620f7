"""What all tests share: one thread each, as a lane has, no deadlines on a busy machine, and the real model if any."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

from streaming import models
from streaming.loading import packaged
from streaming.models import LoadedModel
from tests.support.speaking import wait_until

torch.set_num_threads(1)
settings.register_profile("busy", deadline=None, max_examples=60)
settings.load_profile("busy")


@pytest.fixture(scope="session")
def smollm2() -> LoadedModel:
    """SmolLM2 in bfloat16; tests that ask for it are skipped where it is not on this machine (`make smollm2`)."""
    if not packaged.is_here():
        pytest.skip("smollm2 is not on this machine: make smollm2")
    return models.load("smollm2", device="cpu", dtype="bfloat16")


@pytest.fixture
def made(monkeypatch) -> Iterator[list]:
    """All `Sessions` that a test makes; they end with it: a lane that still reads when its process ends aborts that."""
    from comparisons.server.sessions import Sessions

    servers: list[Sessions] = []
    make = Sessions.__init__
    monkeypatch.setattr(
        Sessions, "__init__", lambda self, *args, **more: (servers.append(self), make(self, *args, **more))[1]
    )
    yield servers
    for server in servers:
        server.close()
    wait_until(lambda: not any(thread.name.startswith("session ") for thread in threading.enumerate()))
