"""Caches that are full without hours of reading: what is in them does not matter to the time that a token takes."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import DynamicCache

from streaming.cache import State
from streaming.policy import Policy
from streaming.stream import Loaded, Stream, open_stream

__all__ = ["filled", "library_cache"]

_ROOM = 64
"""Tokens that a buffer has room for beyond those that fill it."""


def filled(loaded: Loaded, policy: Policy, tokens: int) -> Stream:
    """A stream that stands at token `tokens`, with random keys and values.

    Raises:
        StreamError: the policy has fewer tokens than sinks at that place.
    """
    vocabulary = loaded.model.config.get_text_config().vocab_size
    first = open_stream(loaded, policy)
    first.read([token % vocabulary for token in range(policy.window.sinks + 2)])
    state = first.state()
    if "latest" in state:
        budget = policy.budget or 0
        state |= {"latest": torch.arange(budget + 1) % vocabulary, "tokens": budget + 1}
    else:
        state |= _filled(state, policy, tokens)
    stream = open_stream(loaded, policy)
    stream.restore(state)
    return stream


def _filled(state: State, policy: Policy, tokens: int) -> State:
    """A cached stream's state `tokens` into it."""
    budget, sinks = policy.budget, policy.window.sinks
    recent = tokens - sinks if budget is None else min(budget, tokens) - sinks
    new: State = {"tokens": tokens, "base": 0 if budget is None else max(0, tokens - budget)}
    for name, value in state.items():
        if name.endswith((".keys", ".values")) and isinstance(value, Tensor):
            new[name] = _random(value, recent)
        elif name.endswith(".start"):
            new[name] = sinks
        elif name.endswith(".capacity") and isinstance(value, int):
            new[name] = max(value, sinks + recent + _ROOM + (recent // 8 if budget is None else 0))
    return new


def library_cache(stream: Stream) -> DynamicCache:
    """Transformers' own cache, holding as many random keys and values as a stream does."""
    cache = DynamicCache()
    held = len(stream.held())
    state = stream.state()
    layers = sorted(int(name.split(".")[1]) for name in state if name.endswith(".sink_keys"))
    for layer in layers:
        keys, values = (state[f"layers.{layer}.{name}"] for name in ("keys", "values"))
        assert isinstance(keys, Tensor)
        assert isinstance(values, Tensor)
        cache.update(_random(keys, held), _random(values, held), layer)
    return cache


def _random(like: Tensor, tokens: int) -> Tensor:
    """(B, G, tokens, D), small enough that no score overflows."""
    return torch.randn(*like.shape[:-2], tokens, like.shape[-1], dtype=like.dtype, device=like.device).mul_(0.1)
