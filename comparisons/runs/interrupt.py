"""A read that is told to end ends between two layers of the model: lanes may read as much at once as is fastest.

The hook is on the layers for good, and does nothing but in a thread that is `interruptible`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import nn

__all__ = ["Interrupted", "interruptible", "make_interruptible"]

_ASKED: ContextVar[Callable[[], bool] | None] = ContextVar("interrupted", default=None)


class Interrupted(Exception):
    """A read ended before its end: its stream cannot go on."""


def make_interruptible(model: nn.Module) -> None:
    """Let forwards of this model end between two of its layers; again is harmless."""
    for layer in _layers(model):
        if _look_up not in layer._forward_pre_hooks.values():
            layer.register_forward_pre_hook(_look_up)


@contextmanager
def interruptible(asked: Callable[[], bool]) -> Iterator[None]:
    """Forwards inside the block, in this thread, raise `Interrupted` once this is true."""
    token = _ASKED.set(asked)
    try:
        yield
    finally:
        _ASKED.reset(token)


def _look_up(module: nn.Module, args: Any) -> None:
    asked = _ASKED.get()
    if asked is not None and asked():
        raise Interrupted


def _layers(model: nn.Module) -> list[nn.Module]:
    """The decoder's layers and their parts; the model itself where it has no such list."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    longest = max(lists, key=len, default=nn.ModuleList())
    parts = [part for layer in longest for part in (layer, *layer.children())]
    return [part for part in parts if not isinstance(part, nn.ModuleList)] or [model]
