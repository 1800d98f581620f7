"""Sink + window attention over many tokens at once, exact to the token.

Reading token by token, each token attends to the sinks and to *its own* recent tokens. A chunk of C tokens can be
read in one forward all the same, because cached keys and values never change: a mask gives every query its own
window, and only the distance to the sinks needs care, since it stops growing once the cache is full. A `Reading`
says how that is done for the chunk at hand; there are three ways, one per kind of model:

- `interface_reading`: the model calls an attention function that transformers lets us register. The sinks are scored
  with a second copy of the query, rotated back to its position inside the cache. Long chunks are cut into blocks of
  queries, each with just the keys that it can see, so the cost per token does not grow with the chunk.
- `copies_reading`: the model keeps its own attention, and gets one copy of the sinks per query, each copy where that
  query must see it.
- `bias_reading`: the model has no rotary embedding but a bias that is linear in the distance (ALiBi, Press et al.,
  2022), and is handed a bias of our own.

The current `Reading` travels to the attention layers in a context variable, so that lanes in different threads can
share one model.

Shapes: B batch, H query heads, G key/value heads, C new tokens, K keys that they attend to, D head dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from streaming.cache import StreamCache
from streaming.errors import ModelUnsupported
from streaming.rotary import Rotation, rotate
from streaming.share import SinkShare

__all__ = [
    "BLOCK",
    "IMPLEMENTATION",
    "Reading",
    "bias_reading",
    "copies_reading",
    "current_reading",
    "interface_reading",
    "note_attentions",
    "reading",
    "register",
    "streaming_attention",
]

IMPLEMENTATION = "sink_window"
"""The name under which `streaming_attention` is registered: pass it as `attn_implementation`."""

BLOCK = 64
"""Queries per block of a long chunk: measured fastest for heads of 16 to 64 dimensions on a CPU."""

_MEANINGLESS = frozenset(
    {"position_ids", "use_cache", "sliding_window", "is_causal", "output_attentions", "cache_position"}
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Reading:
    """How one chunk is read.

    Attributes:
        inputs: keyword arguments for the model's forward, beside the ids and the cache.
        sinks: columns of the keys that hold sinks.
        turns: per attention layer, the rotation (C rows) of the queries that score the sinks; None where the sinks
            already stand right for all of them.
        mask: (1, 1, Q, K) additive, Q queries of the chunk or of a block; None where all is visible.
        block: queries per block; None reads the chunk as one.
        bias: (1, H, C, K) additive, masked where a key is out of sight; only for ALiBi.
        copies: how many copies of the sinks stand in front of the other keys.
        share: takes in the attention on the stream's first tokens; None where nobody asks for it.
    """

    inputs: dict[str, Any] = field(default_factory=dict)
    sinks: int = 0
    turns: tuple[Rotation | None, ...] = ()
    mask: Tensor | None = None
    block: int | None = None
    bias: Tensor | None = None
    copies: int = 1
    share: SinkShare | None = None


_CURRENT: ContextVar[Reading | None] = ContextVar("reading", default=None)


def current_reading() -> Reading | None:
    """The reading in force in this thread."""
    return _CURRENT.get()


@contextmanager
def reading(plan: Reading) -> Iterator[None]:
    """Put a reading in force for the forward inside the block."""
    token = _CURRENT.set(plan)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def register() -> None:
    """Make `IMPLEMENTATION` known to transformers (again is harmless)."""
    AttentionInterface.register(IMPLEMENTATION, streaming_attention)
    AttentionMaskInterface.register(IMPLEMENTATION, sdpa_mask)


# ---------------------------------------------------------------------------------------------- the three readings


def interface_reading(cache: StreamCache, count: int, *, dtype: torch.dtype, device: torch.device) -> Reading:
    """For models whose attention goes through `AttentionInterface`; call before the forward of `count` tokens."""
    window, first, recent = cache.window, cache.tokens, _recent_held(cache)
    positions = cache.begin(count, device=device)
    block = BLOCK if count > BLOCK and count % BLOCK == 0 and recent == window.recent else None
    turned = torch.tensor([window.shift(first) - window.shift(t) for t in range(first, first + count)])
    mask = None
    if count > 1:
        mask = _visible(cache, first, block or count, recent, torch.arange(first, first + (block or count)))
        mask = _additive(mask, dtype, device)[None, None]
    placeholder = mask if mask is not None else torch.zeros(1, 1, 1, 1, dtype=dtype, device=device)
    return Reading(
        inputs={"position_ids": _row(positions, device), "attention_mask": placeholder},
        sinks=min(window.sinks, first),
        turns=_turns(cache, turned, device),
        mask=mask,
        block=block,
    )


def copies_reading(cache: StreamCache, count: int, *, dtype: torch.dtype, device: torch.device) -> Reading:
    """For rotary models with an attention of their own: one copy of the sinks per query where they differ."""
    window, first, recent = cache.window, cache.tokens, _recent_held(cache)
    positions = cache.begin(count, copies=True, device=device)
    steps = torch.arange(first, first + count)
    seen = _visible(cache, first, count, recent, steps)
    sinks, copies = min(window.sinks, first), 1
    if sinks and len({window.shift(t) for t in range(first, first + count)}) > 1:
        copies = count
        own = torch.eye(count, dtype=torch.bool).repeat_interleave(sinks, dim=1)
        seen = torch.cat([own, seen[:, sinks:]], dim=1)
    mask = _additive(seen, dtype, device)[None, None]
    inputs = {"position_ids": _row(positions, device), "attention_mask": mask}
    return Reading(inputs=inputs, sinks=sinks, copies=copies)


def bias_reading(
    cache: StreamCache,
    count: int,
    *,
    dtype: torch.dtype,
    device: torch.device,
    bias: Callable[[Tensor, Tensor], Tensor],
    inputs: dict[str, Any],
) -> Reading:
    """For ALiBi models: `bias` maps key positions (C, K) and query positions (C, 1) to a bias (H, C, K)."""
    window, first, recent = cache.window, cache.tokens, _recent_held(cache)
    cache.begin(count, device=device)
    steps = torch.arange(first, first + count)
    seen = _visible(cache, first, count, recent, steps).to(device)
    shift = torch.tensor([window.shift(t) for t in range(first, first + count)])[:, None]
    columns = _columns(cache, first, count, recent)
    is_sink = torch.arange(len(columns)) < min(window.sinks, first)
    keys = torch.where(is_sink, columns, columns - shift).to(device)
    biased = bias(keys, (steps[:, None] - shift).to(device)).to(dtype)
    masked = biased.masked_fill(~seen, torch.finfo(dtype).min)
    return Reading(inputs=inputs, mask=~seen[None, None], bias=masked[None])


def _recent_held(cache: StreamCache) -> int:
    """Tokens in the cache beside the sinks."""
    others = max(0, cache.tokens - cache.window.sinks)
    return others if cache.window.recent is None else min(cache.window.recent, others)


def _columns(cache: StreamCache, first: int, count: int, recent: int) -> Tensor:
    """Stream indices of the keys, in the order in which the cache returns them: (K,)."""
    sinks = torch.arange(min(cache.window.sinks, first))
    return torch.cat([sinks, torch.arange(first - recent, first + count)])


def _visible(cache: StreamCache, first: int, count: int, recent: int, queries: Tensor) -> Tensor:
    """Which keys each of the queries (stream indices) attends to: (len(queries), K) bool."""
    keys, queries = _columns(cache, first, count, recent), queries[:, None]
    seen = keys <= queries
    if cache.window.recent is None:
        return seen
    return seen & ((keys < cache.window.sinks) | (keys >= queries - cache.window.recent))


def _additive(seen: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, float("-inf")).to(device)


def _row(positions: range, device: torch.device) -> Tensor:
    return torch.arange(positions.start, positions.stop, device=device)[None]


def _turns(cache: StreamCache, places: Tensor, device: torch.device) -> tuple[Rotation | None, ...]:
    if not cache.window.sinks or not places.any():
        return (None,) * len(cache.rotaries)
    turns = {rotary: rotary.by(places, device) for rotary in set(cache.rotaries) if rotary is not None}
    return tuple(None if rotary is None else turns[rotary] for rotary in cache.rotaries)


# ------------------------------------------------------------------------------------------ the attention function


def streaming_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention function of transformers' `AttentionInterface`.

    Outside a `reading` it is plain attention under the mask that it is given.

    Args:
        module: the attention layer; its `layer_idx` selects the rotation.
        query: (B, H, C, D), embedded.
        key: (B, G, K, D), embedded, `[sinks | recent | new]`.
        value: (B, G, K, D).
        attention_mask: additive or boolean, (B or 1, 1, C, K); the reading's mask goes before it.
        scaling: factor on the scores.
        dropout: ignored (0 in evaluation mode).
        softcap: scores s become `softcap * tanh(s / softcap)` before the mask (Gemma-2).
        **kwargs: refused by name unless it is known to change nothing here: an ignored argument would make the
            result silently wrong.

    Returns:
        (B, C, H, D), and no attention weights.
    """
    unknown = sorted(name for name, given in kwargs.items() if given is not None and name not in _MEANINGLESS)
    if unknown:
        raise ModelUnsupported(
            f"{type(module).__name__} hands its attention {', '.join(unknown)}, which sink attention does not "
            "implement: use a model of a supported family (see README)."
        )
    groups = query.shape[1] // key.shape[1]
    plan = _CURRENT.get()
    if plan is None:
        out = _attend(query, key, value, attention_mask, scaling, softcap, groups)
        return out.transpose(1, 2), None
    mask = None if plan.mask is None else plan.mask.to(query.device)
    turn = plan.turns[module.layer_idx]
    seen_from = query if turn is None else rotate(query, turn)
    if turn is not None or plan.block is not None:
        query, key, value = _two_queries(seen_from, query, key, value, plan)
    if plan.share is not None:
        plan.share.add(module.layer_idx, _on_first(plan, query, key, mask, scaling, softcap, groups))
    out = _attend(query, key, value, mask, scaling, softcap, groups)[..., : seen_from.shape[-1]]
    return _join_blocks(out, seen_from.shape).transpose(1, 2), None


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float,
    softcap: float | None,
    groups: int,
) -> Tensor:
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    if softcap is None:
        causal = mask is None and query.shape[-2] > 1
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale, is_causal=causal)
    return _probabilities(query, key, mask, scale, softcap).to(value.dtype) @ value


def _probabilities(query: Tensor, key: Tensor, mask: Tensor | None, scale: float, softcap: float | None) -> Tensor:
    """(B, H, C, K) float32, for as many heads of keys as of queries."""
    scores = (query @ key.transpose(-1, -2)).mul_(scale)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if mask is not None:
        scores = scores.masked_fill_(~mask, float("-inf")) if mask.dtype == torch.bool else scores.add_(mask)
    return torch.softmax(scores.float(), dim=-1)


def _on_first(
    plan: Reading, query: Tensor, key: Tensor, mask: Tensor | None, scale: float, softcap: float | None, groups: int
) -> Tensor:
    """The attention (H, Q) on the stream's first tokens, of the queries that `plan.share` looks at.

    The last queries of a chunk that is read in blocks are those of its last block.
    """
    last = plan.share.last
    if last is not None:
        query, key = query[-1:, :, -last:], key[-1:]
        mask = None if mask is None else mask[..., -last:, :]
    if groups > 1:
        key = key.repeat_interleave(groups, dim=1)
    seen = _probabilities(query.float(), key.float(), mask, scale, softcap)
    return _sum_over_first(plan, seen).transpose(0, 1).flatten(1)


def note_attentions(plan: Reading, attentions: Sequence[Tensor]) -> None:
    """Hand `plan.share` what a model with an attention of its own returned: (1, H, C, K) for each layer."""
    for layer, seen in enumerate(attentions):
        last = plan.share.last or seen.shape[-2]
        plan.share.add(layer, _sum_over_first(plan, seen[0, :, -last:].float()))


def _sum_over_first(plan: Reading, seen: Tensor) -> Tensor:
    """(..., K) to (...): a query sees one copy of the sinks, the others count 0."""
    if plan.copies > 1:
        seen = seen[..., : plan.copies * plan.sinks].unflatten(-1, (plan.copies, plan.sinks)).sum(-2)
    return seen[..., : plan.share.tokens].sum(-1)


def _two_queries(
    to_sinks: Tensor, to_recent: Tensor, key: Tensor, value: Tensor, plan: Reading
) -> tuple[Tensor, Tensor, Tensor]:
    """Join the two queries into one of twice the size, which finds the sinks in one half and the rest in the other.

    A key has zeros in the half that is not its own, so one ordinary dot product scores each key with the query meant
    for it, and any attention kernel can do the work. Values are padded with zeros, which come out as zeros.
    """
    batch, _, count, dim = to_recent.shape
    block, sinks = plan.block or count, plan.sinks
    blocks, width = count // block, key.shape[-2] - sinks - count + block
    query = torch.cat([to_recent, to_sinks], dim=-1).unflatten(2, (blocks, block)).transpose(1, 2).flatten(0, 1)
    keys = key.new_empty(batch, blocks, key.shape[1], sinks + width, 2 * dim)
    values = value.new_empty(keys.shape)
    for padding in (keys[..., sinks:, dim:], keys[..., :sinks, :dim], values[..., dim:]):
        padding.zero_()
    keys[..., sinks:, :dim] = key[:, :, sinks:].unfold(2, width, block).permute(0, 2, 1, 4, 3)
    keys[..., :sinks, dim:] = key[:, None, :, :sinks]
    values[..., sinks:, :dim] = value[:, :, sinks:].unfold(2, width, block).permute(0, 2, 1, 4, 3)
    values[..., :sinks, :dim] = value[:, None, :, :sinks]
    return query, keys.flatten(0, 1), values.flatten(0, 1)


def _join_blocks(out: Tensor, shape: torch.Size) -> Tensor:
    """(B * blocks, H, block, D) back to (B, H, C, D)."""
    return out.unflatten(0, (shape[0], -1)).transpose(1, 2).flatten(2, 3)
