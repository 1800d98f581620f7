"""The attention function that models call while a stream is read.

The sinks stand at the wrong distance for all queries of a chunk but the first, so they are scored apart, by a query
that is rotated back to its position inside the cache; then they are merged with the other keys, which count as one
more column whose score is their log-sum-exp. A chunk that is longer than a block is cut into blocks of queries, each
over just the keys that it can see: views of one buffer, which overlap and are never copied.

Shapes: B batch, H query heads, G key/value heads, C new tokens, K keys that they attend to, S sinks, D head dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    turn, mask = plan.turns[layer], None if plan.mask is None else plan.mask.to(query.device, query.dtype)
    if plan.block is None and turn is None:
        if plan.share is not None:
            plan.share.add(layer, _on_first(plan, query, key, mask, scaling, softcap))
        return _together(plan, query, key, value, mask, scaling, softcap).transpose(1, 2), None
    return _sinks_apart(plan, layer, turn, query, key, value, mask, scaling, softcap).transpose(1, 2), None


def _together(
    plan: Reading,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float,
    softcap: float | None,
) -> Tensor:
    """All keys in one product: (B, H, C, D)."""
    if softcap is not None:
        return kernels.attend(query, key, value, mask, scale, softcap)[0]
    batch, heads, count, dim = query.shape
    if count == 1 and mask is None:  # the queries of one key head, below one another, meet it once
        folded = query.view(batch, key.shape[1], -1, dim)  # (B, G, H / G, D)
        return F.scaled_dot_product_attention(folded, key, value, scale=scale).view(batch, heads, 1, dim)
    if plan.reach is None and kernels.windows_on(query.device, query.dtype):  # dense: the kernel needs no mask
        return kernels.windowed(query, key, value, None, scale)[0]
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scale, enable_gqa=heads > key.shape[1]
    )


def _sinks_apart(
    plan: Reading,
    layer: int,
    turn: Rotation | None,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float,
    softcap: float | None,
) -> Tensor:
    """The sinks by a query of their own, the other keys in blocks: (B, H, C, D)."""
    sinks = plan.sinks
    if query.shape[2] == 1 and turn is not None:
        return _one_query(rotate(query, turn), query, key, value, sinks, scale, softcap)
    mask = None if mask is None else mask[..., sinks:]
    out, lse = _in_blocks(plan, query, key[:, :, sinks:], value[:, :, sinks:], mask, scale, softcap)
    if not sinks:
        return out
    scores = _sink_scores(query, turn, key[:, :, :sinks], scale, softcap)  # (B, H, C, S)
    weights = torch.softmax(torch.cat([scores, lse[..., None]], dim=-1), dim=-1)  # (B, H, C, S + 1)
    if plan.share is not None:
        plan.share.add(layer, weights[0, :, -(plan.share.last or query.shape[2]) :, : plan.share.tokens].sum(-1))
    values = value[:, :, :sinks].repeat_interleave(query.shape[1] // key.shape[1], dim=1)  # (B, H, S, D)
    weights = weights.to(out.dtype)
    return out.mul_(weights[..., sinks:]).add_(weights[..., :sinks] @ values)


def _sink_scores(query: Tensor, turn: Rotation | None, sinks: Tensor, scale: float, softcap: float | None) -> Tensor:
    """Scores of a few keys, all in float32: (B, H, C, S)."""
    wide = query.float() if turn is None else rotate(query, turn, torch.float32)  # (B, H, C, D)
    keys = sinks.float().repeat_interleave(query.shape[1] // sinks.shape[1], dim=1)  # (B, H, S, D)
    return kernels.scores(wide, keys, None, scale, softcap)


def _one_query(
    to_sinks: Tensor, query: Tensor, key: Tensor, value: Tensor, sinks: int, scale: float, softcap: float | None
) -> Tensor:
    """One softmax over sinks and all others, few kernels and no wait for the CPU: (B, H, 1, D)."""
    first = kernels.scores(to_sinks, key[:, :, :sinks], None, scale, softcap)  # (B, H, 1, S)
    rest = kernels.scores(query, key[:, :, sinks:], None, scale, softcap)  # (B, H, 1, K - S)
    return kernels.weighted(torch.softmax(torch.cat([first, rest], dim=-1), dim=-1), value)


def _in_blocks(
    plan: Reading, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, softcap: float | None
) -> tuple[Tensor, Tensor]:
    """Each block of queries over its own slice of the keys: (B, H, C, D), and the log-sum-exps (B, H, C)."""
    if softcap is None and kernels.windows_on(query.device, query.dtype):
        return kernels.windowed(query, key, value, plan.reach, scale)
    count = query.shape[2]
    block = plan.block or count
    before, rest = key.shape[2] - count, count % block  # keys before the first query's own
    whole = count - rest
    parts = []
    if whole:
        keys, values = key[:, :, : before + whole], value[:, :, : before + whole]
        parts.append(_strided(query[:, :, :whole], keys, values, mask, scale, softcap, block))
    if rest:
        edge = None if mask is None else mask[..., :rest, : before + rest]
        parts.append(kernels.attend(query[:, :, whole:], key[:, :, whole:], value[:, :, whole:], edge, scale, softcap))
    if len(parts) == 1:
        return parts[0]
    return torch.cat([out for out, _ in parts], dim=2), torch.cat([lse for _, lse in parts], dim=2)


def _strided(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float,
    softcap: float | None,
    block: int,
) -> tuple[Tensor, Tensor]:
    """All whole blocks at once, as a batch of overlapping views: (B, H, C, D) and (B, H, C)."""
    width = key.shape[2] - query.shape[2] + block
    parts = []
    for row in range(len(query)):
        queries = torch.unflatten(query[row], 1, (-1, block)).transpose(0, 1)  # (blocks, H, block, D)
        keys, values = (x[row].unfold(1, width, block).permute(1, 0, 3, 2) for x in (key, value))  # (blocks, G, K, D)
        out, lse = kernels.attend(queries, keys, values, mask, scale, softcap)
        parts.append((out.transpose(0, 1).flatten(1, 2), lse.transpose(0, 1).flatten(1, 2)))  # (H, C, D), (H, C)
    return _batch([out for out, _ in parts]), _batch([lse for _, lse in parts])


def _batch(rows: list[Tensor]) -> Tensor:
    return rows[0][None] if len(rows) == 1 else torch.stack(rows)


def _on_first(
    plan: Reading, query: Tensor, key: Tensor, mask: Tensor | None, scale: float, softcap: float | None
) -> Tensor:
    """The attention (H, Q) on the stream's first tokens, of the queries that `plan.share` looks at."""
    assert plan.share is not None
    last = plan.share.last or query.shape[2]
    mask = None if mask is None else mask[..., -last:, :]
    seen = kernels.scores(query[:, :, -last:].float(), key.float(), mask, scale, softcap).softmax(-1)  # (1, H, Q, K)
    return seen[0, ..., : plan.share.tokens].sum(-1)


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
