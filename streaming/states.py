"""What goes into a file so that a stream can go on in another process, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from streaming.buffer import Buffer
from streaming.errors import StreamError
from streaming.window import SinkWindow

if TYPE_CHECKING:
    from streaming.cache import StreamCache
    from streaming.layer import StreamLayer

__all__ = ["State", "number", "of", "restore", "tensor"]

State = dict[str, Tensor | int]
"""Tensors and whole numbers, by name."""

_DAMAGED = "This state is damaged: restore it as `state` gave it."

_HELD = ("sink_keys", "sink_values", "keys", "values")


def of(cache: StreamCache) -> State:
    """All that a cache knows, as copies: tensors on their devices, and whole numbers."""
    state: State = {"tokens": cache.tokens, "base": cache.base}
    for index, layer in enumerate(cache.layers):
        state |= {f"layers.{index}.{name}": x for name, x in _of_layer(layer).items()}
    return state


def restore(cache: StreamCache, state: State, device: torch.device | None = None) -> None:
    """Make a cache what another one, of the same window and model, was.

    Raises:
        StreamError: the state is of another window or model.
    """
    layers = [_for_layer(state, index) for index in range(len(cache.layers))]
    known = {"tokens", "base"} <= state.keys() and len(state) == 2 + sum(map(len, layers))
    if not known or not _fits(cache.window, layers, number(state, "tokens")):
        raise StreamError("This state is of another model or policy: restore it where it came from.")
    for layer, its_state in zip(cache.layers, layers, strict=True):
        if its_state:
            _restore_layer(layer, its_state, device)
    cache.tokens, cache.base = number(state, "tokens"), number(state, "base")


def tensor(state: State, name: str) -> Tensor:
    """A tensor of a state."""
    value = state[name]
    if not isinstance(value, Tensor):
        raise StreamError(_DAMAGED)
    return value


def number(state: State, name: str) -> int:
    """A whole number of a state."""
    value = state[name]
    if not isinstance(value, int):
        raise StreamError(_DAMAGED)
    return value


def _of_layer(layer: StreamLayer) -> State:
    """What a layer holds, and where it lies in its buffer; nothing before the first token."""
    if layer.recent is None:
        return {}
    copies = (x.clone(memory_format=torch.contiguous_format) for x in (*layer.sinks, *layer.recent.held))
    return {**dict(zip(_HELD, copies, strict=True)), "start": layer.recent.start, "capacity": layer.recent.capacity}


def _restore_layer(layer: StreamLayer, state: State, device: torch.device | None) -> None:
    """Hold what another layer held, at the same places of a buffer of the same size."""
    layer.sink_keys, layer.sink_values, keys, values = (tensor(state, x).to(device, copy=True) for x in _HELD)
    front = layer.window.sinks
    layer.recent = Buffer(keys, values, front=front, capacity=number(state, "capacity") - front)
    layer.recent.start = layer.recent.end = number(state, "start")
    layer.recent.append(keys, values)
    layer.is_initialized = True


def _for_layer(state: State, index: int) -> State:
    prefix = f"layers.{index}."
    return {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}


def _fits(window: SinkWindow, layers: list[State], tokens: int) -> bool:
    """Whether each layer holds just the tokens that this window keeps of so many."""
    if tokens == 0:
        return not any(layers)
    sinks = min(window.sinks, tokens)
    recent = tokens - sinks if window.recent is None else min(window.recent, tokens - sinks)
    held = (sinks, sinks, recent, recent)
    names = {*_HELD, "start", "capacity"}
    return all(x.keys() == names and held == tuple(tensor(x, name).shape[-2] for name in _HELD) for x in layers)
