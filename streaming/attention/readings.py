"""How a chunk of tokens is read in one forward, exact to the token.

Reading token by token, each token attends to the sinks and to *its own* recent tokens. A chunk of C tokens can be
read in one forward all the same, because cached keys and values never change: a mask gives every query its own
window, and only the distance to the sinks needs care, since it stops growing once the cache is full. A `Reading`
says how that is done for the chunk at hand; there are three ways, one per kind of model:

- `interface_reading`: the model calls an attention function that transformers lets us register (`attention.py`). The
  sinks are attended to by a second copy of the query, rotated back to its position inside the cache.
- `copies_reading`: the model keeps its own attention, and gets one copy of the sinks per query, each copy where that
  query must see it.
- `bias_reading`: the model has no rotary embedding but a bias that is linear in the distance (ALiBi, Press et al.,
  2022), and is handed a bias of our own.

All three are functions of where the tokens stand (`Span`) and of nothing that changes. The current `Reading` travels
to the attention layers in a context variable, so that lanes in different threads can share one model.

Shapes: H query heads, C new tokens, K keys that they attend to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from streaming.attention.rotary import Rotary, Rotation
from streaming.share import SinkShare
from streaming.window import Span

__all__ = ["BLOCK", "Reading", "bias_reading", "copies_reading", "current_reading", "interface_reading", "reading"]

BLOCK = 64
"""Most queries that share one slice of a full window: fewer have less to mask, more fill the kernel."""

_WIDE = 8 * BLOCK
"""Recent tokens from which a whole block pays; below, half a block is no slower (measured on a CPU)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Reading:
    """How one chunk is read.

    Attributes:
        inputs: keyword arguments for the model's forward, beside the ids and the cache.
        sinks: columns of the keys that hold sinks.
        turns: per attention layer, the rotation (C rows) of the queries that score the sinks; None where the sinks
            already stand right for all of them.
        mask: (1, 1, g * Q, K) additive, for the g query heads of each key head below one another, Q queries of the
            chunk or of a block, K the keys that they see; None where all is visible.
        causal: whether nothing is evicted: all of the chunk see all keys before it, and the mask is of its own alone.
        block: queries per block of a chunk whose window is full throughout; None reads the chunk as one.
        reach: recent tokens that each query sees beside itself; None where that is all of them.
        bias: (1, H, C, K) additive, masked where a key is out of sight; only for ALiBi.
        copies: how many copies of the sinks stand in front of the other keys.
        share: takes in the attention on the stream's first tokens; None where nobody asks for it.
    """

    inputs: dict[str, Any] = field(default_factory=dict)
    sinks: int = 0
    turns: tuple[Rotation | None, ...] = ()
    mask: Tensor | None = None
    causal: bool = False
    block: int | None = None
    reach: int | None = None
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


def interface_reading(
    span: Span, rotaries: Sequence[Rotary | None], *, groups: int, dtype: torch.dtype, device: torch.device
) -> Reading:
    """For models whose attention goes through transformers' `AttentionInterface`.

    Args:
        span: where the tokens stand.
        rotaries: of each layer.
        groups: query heads for each key head.
        dtype: of the mask.
        device: of the model's inputs.
    """
    full = span.recent == span.window.recent
    at_most = BLOCK if (span.window.recent or 0) >= _WIDE else BLOCK // 2
    block = at_most if full and span.count > at_most else None
    causal = span.count > 1 and span.evicts_none and device.type == "cpu"  # elsewhere, one product of all is faster
    mask = None
    if span.count > 1:
        own = torch.ones(span.count, span.count, dtype=torch.bool).tril_() if causal else None  # (C, C)
        seen = _visible(span, block or span.count) if own is None else own  # (Q, K)
        mask = _additive(seen.repeat(groups, 1), dtype, device)[None, None]  # (1, 1, g * Q, K)
    unused = torch.zeros(1, 1, 1, 1, dtype=dtype, device=device)  # with none, transformers would make one
    return Reading(
        inputs={"position_ids": _row(span.positions, device), "attention_mask": unused},
        sinks=span.sinks,
        turns=_turns(span, rotaries, device),
        mask=mask,
        causal=causal,
        block=block,
        reach=span.window.recent,
    )


def copies_reading(span: Span, *, dtype: torch.dtype, device: torch.device) -> Reading:
    """For rotary models with an attention of their own: one copy of the sinks per query where they differ."""
    seen, copies = _visible(span, span.count), 1  # (C, K)
    if span.sinks and len(set(span.shifts)) > 1:
        copies = span.count
        own = torch.eye(copies, dtype=torch.bool).repeat_interleave(span.sinks, dim=1)  # (C, copies * S)
        seen = torch.cat([own, seen[:, span.sinks :]], dim=1)  # (C, copies * S + K - S)
    mask = _additive(seen, dtype, device)[None, None]
    inputs = {"position_ids": _row(span.positions, device), "attention_mask": mask}
    return Reading(inputs=inputs, sinks=span.sinks, copies=copies)


def bias_reading(
    span: Span,
    *,
    dtype: torch.dtype,
    device: torch.device,
    bias: Callable[[Tensor, Tensor], Tensor],
    inputs: dict[str, Any],
) -> Reading:
    """For ALiBi models: `bias` maps key positions (C, K) and query positions (C, 1) to a bias (H, C, K)."""
    seen = _visible(span, span.count).to(device)  # (C, K)
    queries, shifts = torch.tensor(list(span.tokens))[:, None], torch.tensor(span.shifts)[:, None]  # (C, 1)
    columns = _columns(span, span.count)  # (K,)
    is_sink = torch.arange(len(columns)) < span.sinks
    keys = torch.where(is_sink, columns, columns - shifts)  # (C, K)
    biased = bias(keys.to(device), (queries - shifts).to(device)).to(dtype)  # (H, C, K)
    masked = biased.masked_fill(~seen, torch.finfo(dtype).min)
    return Reading(inputs=inputs, mask=~seen[None, None], bias=masked[None])


def _columns(span: Span, queries: int) -> Tensor:
    """Stream indices of the keys that the first so many queries see, in the order of the cache: (K,)."""
    return torch.cat([torch.arange(span.sinks), torch.arange(span.first - span.recent, span.first + queries)])


def _visible(span: Span, count: int) -> Tensor:
    """Which keys each of the first `count` queries attends to: (count, K) bool."""
    keys, queries = _columns(span, count), torch.arange(span.first, span.first + count)[:, None]
    seen = keys <= queries
    if span.window.recent is None:
        return seen
    return seen & ((keys < span.window.sinks) | (keys >= queries - span.window.recent))


def _additive(seen: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, float("-inf")).to(device)


def _row(positions: range, device: torch.device) -> Tensor:
    return torch.arange(positions.start, positions.stop, device=device)[None]  # (1, C)


def _turns(span: Span, rotaries: Sequence[Rotary | None], device: torch.device) -> tuple[Rotation | None, ...]:
    shifts = torch.tensor(span.shifts)  # (C,)
    places = shifts[0] - shifts  # (C,)
    if not span.window.sinks or not places.any():
        return (None,) * len(rotaries)
    turns = {rotary: rotary.by(places, device) for rotary in set(rotaries) if rotary is not None}
    return tuple(None if rotary is None else turns[rotary] for rotary in rotaries)
