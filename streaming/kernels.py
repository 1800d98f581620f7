"""Attention kernels that also return the log-sum-exp of the scores, so that parts can be merged exactly.

Softmax over two sets of keys is a mean of the softmaxes over each, weighted by the exponentials of their log-sum-exps.
torch's own flash kernels return both, but only through private operators: each is tried once, on a small example,
against plain arithmetic, and where it is missing or disagrees, plain arithmetic does the work.

Shapes: N batch, H query heads, G key/value heads, Q queries, K keys, D head dimension.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["attend", "flash", "plain", "scores"]


class Kernel(Protocol):
    """Attention with its log-sum-exp."""

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float
    ) -> tuple[Tensor, Tensor]:
        """From (N, H, Q, D), (N, G, K, D) twice and an additive (1, 1, Q, K): (N, H, Q, D), and (N, H, Q) float32."""


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, softcap: float | None = None
) -> tuple[Tensor, Tensor]:
    """By the fastest kernel that is right here; arguments and results as `Kernel`'s."""
    if softcap is None and query.device.type == "cpu" and _is_right(flash, query.dtype):
        return flash(query, key, value, mask, scale)
    return plain(query, key, value, mask, scale, softcap)


def flash(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """Torch's flash kernel for the CPU."""
    operator = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    out, lse = operator(query, key, value, 0.0, False, attn_mask=mask, scale=scale)
    return out, lse


def plain(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, softcap: float | None = None
) -> tuple[Tensor, Tensor]:
    """The definition, with all the scores in memory."""
    groups = query.shape[1] // key.shape[1]
    found = scores(query, key, mask, scale, softcap)  # (N, H, Q, K)
    lse = found.logsumexp(-1)  # (N, H, Q)
    weights = (found - lse[..., None]).exp_().to(value.dtype)  # (N, H, Q, K)
    out = _folded(weights, groups) @ value  # (N, G, groups * Q, D)
    return _unfolded(out, groups), lse


def scores(query: Tensor, key: Tensor, mask: Tensor | None, scale: float, softcap: float | None = None) -> Tensor:
    """Scores before the softmax: (N, H, Q, K) float32."""
    groups = query.shape[1] // key.shape[1]
    found = _unfolded(_folded(query, groups) @ key.transpose(-1, -2), groups).float().mul_(scale)  # (N, H, Q, K)
    if softcap is not None:
        found = softcap * torch.tanh(found / softcap)
    return found if mask is None else found.add_(mask)


def _folded(x: Tensor, groups: int) -> Tensor:
    """(N, H, Q, …) to (N, G, groups * Q, …): queries that share their keys stand below one another."""
    return x if groups == 1 else x.unflatten(1, (-1, groups)).flatten(2, 3)


def _unfolded(x: Tensor, groups: int) -> Tensor:
    return x if groups == 1 else x.unflatten(2, (groups, -1)).flatten(1, 2)


@cache
def _is_right(kernel: Kernel, dtype: torch.dtype) -> bool:
    """Whether a kernel gives what plain arithmetic gives: grouped heads, a mask, overlapping windows."""
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 3, 4, 8, generator=generator).transpose(1, 2).to(dtype)  # (2, 4, 3, 8)
    keys = torch.randn(1, 2, 8, 8, generator=generator).to(dtype).as_strided((2, 2, 5, 8), (24, 64, 8, 1))
    mask = torch.zeros(3, 5).masked_fill_(torch.ones(3, 5).triu(3).bool(), float("-inf"))[None, None].to(dtype)
    try:
        out, lse = kernel(query, keys, keys, mask, 0.5)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False
    expected, expected_lse = plain(query.double(), keys.double(), keys.double(), mask.double(), 0.5)
    tolerance = 8 * torch.finfo(dtype).eps
    near = torch.allclose(out.double(), expected, atol=8 * tolerance)
    return near and torch.allclose(lse.double(), expected_lse.double(), atol=8 * tolerance)
