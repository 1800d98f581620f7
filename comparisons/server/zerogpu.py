"""ZeroGPU, where a Space has it: a function gets the GPU for as long as it runs, elsewhere nothing changes.

The package `spaces` is there on ZeroGPU hardware alone, so it is imported only where it is found. A run then lives in a
process of its own, which ends with it; there it can be left, but not be paused or asked.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["GPU_SECONDS", "on_gpu"]

GPU_SECONDS = 60
"""How long a run may have the GPU."""


def on_gpu(function: Callable[..., Any], environ: Mapping[str, str] = os.environ) -> Callable[..., Any]:
    """The function, with a GPU where ZeroGPU lends one."""
    if not environ.get("SPACES_ZERO_GPU"):
        return function
    try:
        spaces = importlib.import_module("spaces")
    except ImportError:
        return function
    lent: Callable[..., Any] = spaces.GPU(duration=GPU_SECONDS)(function)
    return lent
