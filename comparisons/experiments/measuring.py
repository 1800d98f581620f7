"""The one loop that reads and measures off line: all that tables, cards, sweeps and training tell.

Every perplexity made of it counts the same tokens: all but the first `SINKS`, which one row of Table 1 replaces.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from comparisons.metrics import perplexity
from comparisons.text.feeds import Feed, PromptFeed
from streaming import families
from streaming.forward import new_cache, read_into, require_numbers
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import open_stream
from streaming.view import device_of
from streaming.window import SinkWindow

__all__ = [
    "DENSE_TRAINING_LENGTHS",
    "SINKS",
    "Bar",
    "Measured",
    "first_ids",
    "fresh",
    "in_context",
    "no_bar",
    "places_to_sample",
    "prompt_ids",
    "read",
    "recompute_step",
    "recomputed",
    "sinks_policy",
]

SINKS = 4
"""Sinks of StreamingLLM, the paper's default."""

DENSE_TRAINING_LENGTHS = 24
"""How far dense is read, in training lengths: its cost grows with the square of that."""

PIECE_TOKENS = 4096
"""Tokens from one report of progress to the next."""

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
"""Shows progress: entered with what is being done and how many tokens that takes, told how many more are done."""


def no_bar(_label: str, _total: int) -> AbstractContextManager[Callable[[int], object]]:
    """A bar that shows nothing."""
    return nullcontext(lambda _count: None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was read under a policy.

    Attributes:
        nats: (n,) float64, the negative log-likelihood of each token; NaN for the first, which nothing predicts.
        kv_bytes: keys and values at the end.
    """

    nats: np.ndarray
    kv_bytes: int

    @property
    def counted(self) -> np.ndarray:
        """(n - `SINKS`,) nats of the tokens that a perplexity counts."""
        return self.nats[SINKS:]

    @property
    def perplexity(self) -> float:
        """Of the tokens that count."""
        return perplexity(self.counted)


def first_ids(feed: Feed, tokens: int) -> Tensor:
    """The first token ids of a feed, all of them where there are fewer: (n,) int64.

    A feed that has nothing to read yet is waited for.
    """
    ids: list[int] = []
    for segment in feed:
        ids += segment.ids if segment else ()
        if len(ids) >= tokens:
            break
    return torch.tensor(ids[:tokens], dtype=torch.long)


def prompt_ids(loaded: LoadedModel, *, seed: int, tokens: int) -> Tensor:
    """The first token ids of the prompt stream, the start token included: (tokens,) int64."""
    return first_ids(PromptFeed(loaded.tokenizer, loaded.start_token, seed=seed), tokens)


def sinks_policy(sinks: int, cache: int) -> Policy:
    """So many sinks in a cache of so many tokens; none is `window`."""
    return Policy(kind="sinks" if sinks else "window", sinks=sinks, recent=cache - sinks)


def read(loaded: LoadedModel, policy: Policy, ids: Tensor, *, bar: Bar = no_bar) -> Measured:
    """Read (n,) tokens under a policy, fewer where the memory ends (`dense` on a small device).

    Raises:
        StreamError: the model computes NaN.
    """
    stream, parts = open_stream(loaded, policy), [np.empty(0)]
    with bar(f"{loaded.name}, {policy.label}", len(ids)) as tick:
        for piece in torch.split(ids, PIECE_TOKENS):
            try:
                parts.append(stream.read(piece).double().numpy())
            except (MemoryError, torch.OutOfMemoryError):
                break
            tick(len(piece))
    measured = Measured(nats=np.concatenate(parts), kv_bytes=stream.nbytes)
    stream.close()
    return measured


def in_context(loaded: LoadedModel, ids: Tensor, before: int, *, context: int | None = None) -> np.ndarray:
    """Nats of every token that has `before` tokens or more before it inside a fresh stretch of a training length.

    Stretches overlap, so that each token of the text is measured once.

    Args:
        loaded: the model.
        ids: (n,) the text.
        before: tokens, fewer than a stretch has.
        context: tokens of a stretch, its start token included, where it is not the training length.
    """
    context = context or loaded.context
    length = context - (loaded.start_token is not None)
    nats = []
    for begin in range(0, len(ids) - length, length - before):
        stream = open_stream(loaded, Policy(kind="dense"), chunk=context)
        nats.append(stream.read(fresh(loaded, ids[begin : begin + length])).double().numpy()[-(length - before) :])
    return np.concatenate(nats)


def fresh(loaded: LoadedModel, ids: Tensor) -> Tensor:
    """The (n,) ids with the start token in front, where the model has one: a text of their own."""
    start = [] if loaded.start_token is None else [loaded.start_token]
    return torch.cat([torch.tensor(start, dtype=torch.long), ids])


def places_to_sample(ids: Tensor, cache: int, count: int) -> np.ndarray:
    """Indices of tokens, spread evenly over what is read once the cache has long been full."""
    return np.unique(np.linspace(2 * cache, len(ids) - 1, count, dtype=int))


def recomputed(loaded: LoadedModel, cache: int, ids: Tensor, places: np.ndarray, *, bar: Bar = no_bar) -> np.ndarray:
    """Nats of the tokens at some places under the policy `recompute`, without reading what is between them.

    Args:
        loaded: the model.
        cache: the policy's budget, in tokens.
        ids: (n,) the stream.
        places: (m,) indices into it, from 1 on.
        bar: told of each.

    Returns:
        (m,) float64.
    """
    nats = []
    with bar(f"{loaded.name}, recompute:{cache}, sampled", len(places)) as tick:
        for place in places.tolist():
            logits = recompute_step(loaded, _window(loaded, ids, place, cache))
            nats.append(F.cross_entropy(logits.float(), ids[place : place + 1].to(logits.device)).item())
            tick(1)
    return np.array(nats)


def _window(loaded: LoadedModel, ids: Tensor, place: int, cache: int) -> Tensor:
    """The tokens that the policy `recompute` encodes to predict the token at a place: (n,)."""
    begin = max(0, place - cache - 1)
    window = ids[begin:place].clone()
    if begin and loaded.start_token is not None:
        window[0] = loaded.start_token
    return window


@torch.inference_mode()
def recompute_step(loaded: LoadedModel, window: Tensor) -> Tensor:
    """Encode (n,) tokens from nothing, as the policy `recompute` does for every token: logits (1, V) after the last."""
    model = families.prepare(loaded.model)
    cache = new_cache(model, SinkWindow(sinks=0, recent=None))
    logits = read_into(model, cache, window[None].to(device_of(model)))
    require_numbers(logits)
    return logits
