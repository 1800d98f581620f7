"""What all tests share: one thread each, as a lane has, and no deadlines on a busy machine."""

from __future__ import annotations

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("busy", deadline=None, max_examples=60)
settings.load_profile("busy")
