"""What an experiment reads, and the negative log-likelihoods of it: the measuring that tables and figures share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from comparisons.limits import Range, check_limits, limited
from comparisons.text.feeds import Feed, PromptFeed, SourceFeed
from comparisons.text.prompts import is_training_seed
from comparisons.text.sources import Texts
from streaming import families
from streaming.errors import StreamError
from streaming.forward import new_cache, read_into
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import open_stream
from streaming.view import device_of
from streaming.window import SinkWindow

__all__ = [
    "Bar",
    "Request",
    "Subject",
    "first_ids",
    "line_break",
    "no_bar",
    "places_to_sample",
    "read_nats",
    "recompute_step",
    "recomputed_nats",
    "sinks_policy",
]

PIECE_TOKENS = 4096
"""Tokens from one report of progress to the next."""

CACHE = Range(min=2, max=1 << 20, unit="tokens")

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
"""Shows progress: entered with what is being done and how many tokens that takes, told how many more are done."""


def no_bar(_label: str, _total: int) -> AbstractContextManager[Callable[[int], object]]:
    """A bar that shows nothing."""
    return nullcontext(lambda _count: None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is read, and how much of it.

    Attributes:
        tokens: of the text, the start token included; None leaves it to the experiment.
        seed: of the prompt stream.
        texts: read instead of the prompt stream.
        caches: cache budgets, in tokens; none leaves them to the experiment and the training length.
        sampled: how many tokens are measured under recomputation, which takes a whole forward for each; None leaves
            it to the experiment.
    """

    tokens: int | None = limited(None, Range(min=64, max=10**9, unit="tokens", optional=True))
    seed: int = limited(0, Range(min=0, max=10**9, unit=""))
    texts: Texts | None = None
    caches: tuple[int, ...] = ()
    sampled: int | None = limited(None, Range(min=1, max=10**6, unit="tokens", optional=True))

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_limits(self)
        for cache in self.caches:
            CACHE.check("cache", cache)

    @property
    def source(self) -> str:
        """What is read, in words."""
        if self.texts is not None:
            return f"the text {self.texts.name}"
        training = is_training_seed(self.seed)
        return f"seed {self.seed} of the prompt stream, {'a training seed' if training else 'held out from training'}"

    def feed(self, loaded: LoadedModel) -> Feed:
        """The text as a model reads it, the start token included."""
        if self.texts is not None:
            return SourceFeed(loaded.tokenizer, loaded.start_token, self.texts)
        return PromptFeed(loaded.tokenizer, loaded.start_token, seed=self.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A model with what it reads: checked, and ready to be measured.

    Attributes:
        loaded: the model.
        ids: (n,) the tokens.
        caches: cache budgets, in tokens.
        sampled: how many tokens are measured under recomputation.
        request: where the tokens come from.
    """

    loaded: LoadedModel
    ids: Tensor
    caches: tuple[int, ...]
    sampled: int
    request: Request


def first_ids(feed: Feed, tokens: int) -> Tensor:
    """The first token ids of a feed, all of them where there are fewer: (n,) int64."""
    ids: list[int] = []
    for segment in feed:
        ids += segment.ids if segment else ()
        if len(ids) >= tokens:
            break
    return torch.tensor(ids[:tokens])


def sinks_policy(sinks: int, cache: int) -> Policy:
    """So many sinks in a cache of so many tokens; none is `window`."""
    return Policy(kind="sinks" if sinks else "window", sinks=sinks, recent=cache - sinks)


def read_nats(loaded: LoadedModel, policy: Policy, ids: Tensor, bar: Bar) -> np.ndarray:
    """Read tokens under a policy: (n,) float64 nats, fewer where the memory ends (`dense` on a small device).

    Raises:
        StreamError: the model gives no numbers.
    """
    stream, parts = open_stream(loaded, policy), [torch.empty(0)]
    with bar(f"{loaded.name}, {policy.label}", len(ids)) as tick:
        for piece in ids.split(PIECE_TOKENS):
            try:
                parts.append(stream.read(piece))
            except (MemoryError, torch.OutOfMemoryError):
                break
            tick(len(piece))
    stream.close()
    nats = torch.cat(parts).double().numpy()
    if np.isnan(nats[1:]).any():
        raise StreamError(f"'{loaded.name}' gives no numbers (NaN): choose --dtype float32.")
    return nats


def places_to_sample(ids: Tensor, cache: int, count: int) -> np.ndarray:
    """Indices of tokens, spread evenly over what is read once the cache has long been full."""
    return np.unique(np.linspace(2 * cache, len(ids) - 1, count, dtype=int))


def recomputed_nats(loaded: LoadedModel, cache: int, ids: Tensor, places: np.ndarray, bar: Bar) -> np.ndarray:
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
    return read_into(model, cache, window[None].to(device_of(model)))


def line_break(loaded: LoadedModel) -> int | None:
    """The token of a line break; None where the tokenizer has none."""
    token = loaded.tokenizer.encode("a\n", add_special_tokens=False)[-1]
    return token if loaded.tokenizer.decode([token]) == "\n" else None
