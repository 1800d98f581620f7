"""StreamingLLM: how one language model reads an endless stream under one KV cache policy.

```python
from streaming import Policy, load, open_stream

stream = open_stream(load("sink"), Policy.parse("sinks:4+124"))
nats = stream.read(stream.loaded.tokenizer("Once upon a time …").input_ids)
```

What is named here is what others may use; the modules behind it may change. A name brings its module along when it is
first asked for, so that policies and their arithmetic are there without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streaming.custom_generate import sink_cache, sink_generate
    from streaming.errors import StreamingError
    from streaming.generate import Sampling, decode
    from streaming.models import LoadedModel, Progress, available, load
    from streaming.policy import Policy
    from streaming.share import SinkShare
    from streaming.stream import Stream, open_stream
    from streaming.window import SinkWindow

__all__ = [
    "LoadedModel",
    "Policy",
    "Progress",
    "Sampling",
    "SinkShare",
    "SinkWindow",
    "Stream",
    "StreamingError",
    "available",
    "decode",
    "load",
    "open_stream",
    "sink_cache",
    "sink_generate",
]

_HOMES = {
    "custom_generate": ("sink_cache", "sink_generate"),
    "errors": ("StreamingError",),
    "generate": ("Sampling", "decode"),
    "models": ("LoadedModel", "Progress", "available", "load"),
    "policy": ("Policy",),
    "share": ("SinkShare",),
    "stream": ("Stream", "open_stream"),
    "window": ("SinkWindow",),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"streaming.{module}"), name)
    raise AttributeError(f"module 'streaming' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
