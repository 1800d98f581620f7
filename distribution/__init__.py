"""StreamingLLM: one model reads an endless stream, at constant memory. What may be used is that of `.streaming`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streaming_llm.streaming import *  # noqa: F403

__version__ = "1.0.0"


def __getattr__(name: str) -> object:
    """The public names of `streaming_llm.streaming`, each when it is first asked for."""
    public = import_module("streaming_llm.streaming")
    if name in public.__all__:
        return getattr(public, name)
    raise AttributeError(f"module 'streaming_llm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(import_module("streaming_llm.streaming").__all__)
