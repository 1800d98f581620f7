"""With which versions something was measured."""

from __future__ import annotations

import platform

import torch
import transformers

__all__ = ["versions"]


def versions() -> dict[str, str]:
    """Of Python, torch and transformers, by name."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
