"""The attention function that models call while a stream is read.

The sinks stand at the wrong distance for all queries of a chunk but the first, so they are attended to apart, by a
query that is rotated back to its position inside the cache; then the two attentions are merged by their log-sum-exps.
A chunk that is longer than a block is cut into blocks of queries, each over just the keys that it can see: views of one
buffer, which overlap and are never copied. Where nothing is evicted, a chunk's own tokens are attended to apart: they
alone need a mask.

Query heads that share keys (grouped heads) stand below one another as rows of one head, so that they meet them once.

Shapes: B batch, H query heads, G key/value heads, g = H / G, C new tokens, K keys that they attend to, k some of these,
S sinks, N blocks of Q queries, D head dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from streaming.attention import kernels
from streaming.attention.readings import Reading, current_reading
from streaming.attention.rotary import Rotation, rotate
from streaming.errors import ModelUnsupported

__all__ = ["IMPLEMENTATION", "note_attentions", "register", "streaming_attention"]

IMPLEMENTATION = "sink_window"
"""The name under which `streaming_attention` is registered: pass it as `attn_implementation`."""

_MEANINGLESS = frozenset(
    {"position_ids", "use_cache", "sliding_window", "is_causal", "output_attentions", "cache_position"}
)


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """What one layer attends with.

    Attributes:
        plan: how the chunk is read.
        layer: its index.
        query: (B, H, C, D).
        key: (B, G, K, D), `[sinks | recent | new]`.
        value: (B, G, K, D).
        scale: factor on the scores.
        softcap: see `streaming_attention`.
    """

    plan: Reading
    layer: int
    query: Tensor
    key: Tensor
    value: Tensor
    scale: float
    softcap: float | None

    @property
    def groups(self) -> int:
        """Query heads for each head of keys: g."""
        return self.query.shape[1] // self.key.shape[1]

    @property
    def grouped(self) -> Tensor:
        """The queries by the head of their keys: (B, G, g, C, D)."""
        return torch.unflatten(self.query, 1, (-1, self.groups))

    @property
    def mask(self) -> Tensor | None:
        """The plan's, where the queries are."""
        return None if self.plan.mask is None else self.plan.mask.to(self.query.device, self.query.dtype)

    @property
    def windows(self) -> bool:
        """Whether a kernel of the device masks by itself."""
        return self.softcap is None and kernels.windows_on(self.query.device, self.query.dtype)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Rows of queries (N, G, R, D) over some keys (N, G, k, D): (N, G, R, D), and log-sum-exps (N, G, R)."""
        return kernels.attend(query, key, value, mask, self.scale, self.softcap)

    def scores(self, query: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
        """Of (B, H, n, D) queries with some keys (B, G, k, D), before the softmax: (B, H, n, k) float32."""
        return kernels.scores(query, key, mask, self.scale, self.softcap)


def register() -> None:
    """Make `IMPLEMENTATION` known to transformers (again is harmless)."""
    AttentionInterface.register(IMPLEMENTATION, streaming_attention)
    AttentionMaskInterface.register(IMPLEMENTATION, sdpa_mask)


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

    It is called inside a `reading` only: a model's own attention is never replaced, but that of a view of it.

    Args:
        module: the attention layer; its `layer_idx` selects the rotation.
        query: (B, H, C, D), embedded.
        key: (B, G, K, D), embedded, `[sinks | recent | new]`.
        value: (B, G, K, D).
        attention_mask: ignored; the reading's mask takes its place.
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
    plan = current_reading()
    assert plan is not None
    layer = module.layer_idx
    assert isinstance(layer, int)
    query, key = query.to(value.dtype), key.to(value.dtype)  # under autocast the rotary embedding is in float32
    call = _Call(plan, layer, query, key, value, scaling, softcap)
    turn = plan.turns[layer]
    if plan.share is not None:
        weights = _weights(call, turn, plan.share.last or query.shape[2])[0]  # (H, n, K)
        plan.share.add(layer, weights[..., : plan.share.tokens].sum(-1))
        if plan.share.row:
            plan.share.add_row(layer, weights[:, -1, _unseen(call, 1)[0] == 0].mean(0))
    if plan.block is None and turn is None:
        return _together(call), None
    if query.shape[2] == 1 and turn is not None:
        return _one_query(call, turn), None
    return _sinks_apart(call, turn), None


def _together(call: _Call) -> Tensor:
    """No key is at a wrong distance: (B, C, H, D)."""
    plan, key, value, count = call.plan, call.key, call.value, call.query.shape[2]
    if count == 1 and plan.mask is None and call.softcap is None:
        return _one_step(call)
    if plan.reach is None and call.windows:  # dense: the kernel needs no mask
        return kernels.windowed(call.query, key, value, None, call.scale)[0].transpose(1, 2)  # (B, C, H, D)
    rows = call.grouped.flatten(2, 3)  # (B, G, g * C, D)
    if plan.causal:
        out = _old_and_new(call, rows)
    elif call.softcap is not None:
        out, _ = call.attend(rows, key, value, call.mask)
    else:
        out = F.scaled_dot_product_attention(rows, key, value, attn_mask=call.mask, scale=call.scale)
    return _in_order(torch.unflatten(out, 2, (-1, count))[:, None])


def _one_step(call: _Call) -> Tensor:
    """One query, which sees all keys: (B, 1, H, D)."""
    batch, heads, _, dim = call.query.shape
    rows = call.query.reshape(batch, call.key.shape[1], -1, dim)  # (B, G, g, D)
    out = F.scaled_dot_product_attention(rows, call.key, call.value, scale=call.scale)  # (B, G, g, D)
    return out.reshape(batch, 1, heads, dim)


def _old_and_new(call: _Call, rows: Tensor) -> Tensor:
    """All keys before the chunk, which every query sees, and the chunk's own by a mask: (B, G, g * C, D)."""
    before = call.key.shape[2] - call.query.shape[2]
    new, lse = call.attend(rows, call.key[:, :, before:], call.value[:, :, before:], call.mask)
    if not before:
        return new
    old, old_lse = call.attend(rows, call.key[:, :, :before], call.value[:, :, :before], None)
    return kernels.merged(new, lse, old, old_lse)


def _sinks_apart(call: _Call, turn: Rotation | None) -> Tensor:
    """The sinks by a query of their own, the other keys in blocks: (B, C, H, D)."""
    count, sinks = call.query.shape[2], call.plan.sinks
    if call.windows:
        key, value = call.key[:, :, sinks:], call.value[:, :, sinks:]
        out, lse = kernels.windowed(call.query, key, value, call.plan.reach, call.scale)
        out, lse = (torch.unflatten(x, 1, (-1, call.groups)) for x in (out, lse))  # (B, G, g, C, D), (B, G, g, C)
        return _in_order(_with_sinks(call, turn, call.grouped, out, lse, slice(None))[:, None])
    block = min(call.plan.block or count, count)
    whole = count - count % block
    pieces = [(0, whole, block)] + ([(whole, count, count - whole)] if whole < count else [])
    rows = [[_piece(call, turn, row, *piece) for piece in pieces] for row in range(len(call.query))]
    return _joined([_joined(parts, 1) for parts in rows], 0)


def _piece(call: _Call, turn: Rotation | None, row: int, begin: int, end: int, block: int) -> Tensor:
    """The queries from `begin` to `end` of one sequence, all its blocks as a batch: (1, end - begin, H, D)."""
    sinks, before = call.plan.sinks, call.key.shape[2] - call.query.shape[2]  # keys before the first query's own
    width = before - sinks + block
    queries = torch.unflatten(call.grouped[row, :, :, begin:end], 2, (-1, block))  # (G, g, N, Q, D)
    queries = queries.permute(2, 0, 1, 3, 4)  # (N, G, g, Q, D)
    queries = queries if call.groups == 1 else queries.contiguous()  # once, for all that follows
    keys, values = (
        x[row, :, sinks + begin : before + end].unfold(1, width, block).permute(1, 0, 3, 2)  # (N, G, k, D)
        for x in (call.key, call.value)
    )
    out, lse = call.attend(queries.flatten(2, 3), keys, values, _edge(call, block, width))  # (N, G, g * Q, D)
    out, lse = (torch.unflatten(x, 2, (-1, block)) for x in (out, lse))  # (N, G, g, Q, D), (N, G, g, Q)
    if sinks:
        turn = None if turn is None else turn.blocks(begin, end, block)
        out = _with_sinks(call, turn, queries, out, lse, slice(row, row + 1))
    return _in_order(out[None])


def _edge(call: _Call, block: int, width: int) -> Tensor | None:
    """The mask of a block, which may be shorter than the plan's, without the sinks: (1, 1, g * Q, k)."""
    mask, sinks = call.mask, call.plan.sinks
    if mask is None:
        return None
    by_head = torch.unflatten(mask, 2, (call.groups, -1))  # (1, 1, g, plan's Q, S + k)
    return by_head[:, :, :, :block, sinks : sinks + width].flatten(2, 3)


def _with_sinks(call: _Call, turn: Rotation | None, queries: Tensor, out: Tensor, lse: Tensor, rows: slice) -> Tensor:
    """Attention (N, G, g, Q, D) to the other keys, of log-sum-exps (N, G, g, Q), merged with that to the sinks.

    In float32: a few keys take a good part of all attention.
    """
    blocks, sinks = len(queries), call.plan.sinks
    first = (x[rows, :, :sinks].float() for x in (call.key, call.value))  # (1 or N, G, S, D)
    keys, values = (x.expand(blocks, -1, -1, -1) for x in first)  # (N, G, S, D)
    turned = queries.float() if turn is None else rotate(queries, turn, torch.float32)  # (N, G, g, Q, D)
    apart, apart_lse = call.attend(turned.flatten(2, 3), keys, values, None)  # (N, G, g * Q, D), (N, G, g * Q)
    return kernels.merged(out, lse, apart.reshape(out.shape), apart_lse.reshape(lse.shape))


def _in_order(out: Tensor) -> Tensor:
    """Blocks (B, N, G, g, Q, D) as the model has them: (B, N * Q, H, D)."""
    batch, blocks, keys, groups, count, dim = out.shape
    return out.permute(0, 1, 4, 2, 3, 5).reshape(batch, blocks * count, keys * groups, dim)


def _joined(parts: list[Tensor], dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=dim)


def _one_query(call: _Call, turn: Rotation) -> Tensor:
    """One softmax over sinks and all others, few kernels and no wait for the CPU: (B, 1, H, D)."""
    sinks = call.plan.sinks
    first = call.scores(rotate(call.query, turn), call.key[:, :, :sinks])  # (B, H, 1, S)
    rest = call.scores(call.query, call.key[:, :, sinks:])  # (B, H, 1, K - S)
    weights = torch.softmax(torch.cat([first, rest], dim=-1), dim=-1)  # (B, H, 1, K)
    return kernels.weighted(weights, call.value).transpose(1, 2)  # (B, 1, H, D)


def _weights(call: _Call, turn: Rotation | None, last: int) -> Tensor:
    """The whole attention of the last queries, sinks first: (1, H, n, K) float32."""
    sinks = call.plan.sinks
    query, key = call.query[:, :, -last:].float(), call.key.float()  # (1, H, n, D), (1, G, K, D)
    scores = call.scores(query, key, _unseen(call, query.shape[2]))  # (1, H, n, K)
    if turn is not None and sinks:
        turned = rotate(query, turn.at(slice(-last, None)))  # (1, H, n, D)
        scores[..., :sinks] = call.scores(turned, key[:, :, :sinks])
    return scores.softmax(-1)


def _unseen(call: _Call, last: int) -> Tensor:
    """What the last queries do not see, as a mask: (n, K)."""
    keys = torch.arange(call.key.shape[2], device=call.key.device)  # (K,)
    own = keys[-last:, None]  # (n, 1)
    seen = keys <= own  # (n, K)
    if call.plan.reach is not None:
        seen &= (keys < call.plan.sinks) | (keys >= own - call.plan.reach)
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, float("-inf"))


def note_attentions(plan: Reading, attentions: Sequence[Tensor]) -> None:
    """Hand `plan.share` what a model with an attention of its own returned: (1, H, C, K) for each layer.

    A query sees one copy of the sinks; the others count 0.
    """
    assert plan.share is not None
    for layer, weights in enumerate(attentions):
        seen = weights[0, :, -(plan.share.last or weights.shape[-2]) :].float()  # (H, Q, K)
        if plan.copies > 1:
            first = seen[..., : plan.copies * plan.sinks]
            seen = torch.unflatten(first, -1, (plan.copies, plan.sinks)).sum(-2)  # (H, Q, S)
        plan.share.add(layer, seen[..., : plan.share.tokens].sum(-1))
