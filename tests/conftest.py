"""What all tests share: one thread each, as a lane has, no deadlines on a busy machine, and the real model if any."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings

from streaming import models
from streaming.loading import packaged
from streaming.models import LoadedModel

torch.set_num_threads(1)
settings.register_profile("busy", deadline=None, max_examples=60)
settings.load_profile("busy")


@pytest.fixture(scope="session")
def smollm2() -> LoadedModel:
    """SmolLM2 in bfloat16; tests that ask for it are skipped where it is not on this machine (`make smollm2`)."""
    if not packaged.is_here():
        pytest.skip("smollm2 is not on this machine: make smollm2")
    return models.load("smollm2", device="cpu", dtype="bfloat16")
