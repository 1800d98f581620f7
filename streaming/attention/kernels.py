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

__all__ = ["attend", "flash", "merged", "plain", "scores", "weighted", "windowed", "windows_on"]


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


def windowed(query: Tensor, key: Tensor, value: Tensor, reach: int | None, scale: float) -> tuple[Tensor, Tensor]:
    """Torch's flash kernel for CUDA: the last query sees the last key and the `reach` keys before it, and so on.

    No mask is made and no block is cut: the kernel skips what is out of reach. None reaches to the first key.
    """
    operator = torch.ops.aten._flash_attention_forward
    rows = (x.transpose(1, 2) for x in (query, key, value))  # (N, Q or K, H or G, D)
    left = -1 if reach is None else reach
    out, lse, *_ = operator(
        *rows, None, None, query.shape[2], key.shape[2], 0.0, False, False,
        scale=scale, window_size_left=left, window_size_right=0,
    )  # fmt: skip
    return out.transpose(1, 2), lse


def windows_on(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether `windowed` is there, and right."""
    return device.type == "cuda" and dtype in (torch.bfloat16, torch.float16) and _windows_are_right(device, dtype)


def plain(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, softcap: float | None = None
) -> tuple[Tensor, Tensor]:
    """The definition, with all the scores in memory."""
    found = scores(query, key, mask, scale, softcap)  # (N, H, Q, K)
    lse = found.logsumexp(-1)  # (N, H, Q)
    return weighted((found - lse[..., None]).exp_(), value), lse


def merged(first: Tensor, first_lse: Tensor, second: Tensor, second_lse: Tensor) -> Tensor:
    """Attention to two sets of keys as one: (..., D) twice, log-sum-exps (...) twice, to (..., D) like the first.

    The second is written over, where it is in float32.
    """
    share = torch.sigmoid(first_lse - second_lse)[..., None]  # (..., 1)
    return second.float().lerp_(first.float(), share).to(first.dtype)


def weighted(weights: Tensor, value: Tensor) -> Tensor:
    """Sums of (N, G, K, D) values by (N, H, Q, K) weights: (N, H, Q, D)."""
    groups = weights.shape[1] // value.shape[1]
    return _unfolded(_folded(weights.to(value.dtype), groups) @ value, groups)


def scores(query: Tensor, key: Tensor, mask: Tensor | None, scale: float, softcap: float | None = None) -> Tensor:
    """Scores before the softmax: (N, H, Q, K) float32."""
    groups = query.shape[1] // key.shape[1]
    found = _unfolded(_folded(query, groups) @ key.transpose(-1, -2), groups).float().mul_(scale)  # (N, H, Q, K)
    if softcap is not None:
        found = softcap * torch.tanh(found / softcap)
    return found if mask is None else found.add_(mask)


def _folded(x: Tensor, groups: int) -> Tensor:
    """(N, H, Q, …) to (N, G, groups * Q, …): queries that share their keys stand below one another."""
    return x if groups == 1 else torch.unflatten(x, 1, (-1, groups)).flatten(2, 3)


def _unfolded(x: Tensor, groups: int) -> Tensor:
    return x if groups == 1 else torch.unflatten(x, 2, (groups, -1)).flatten(1, 2)


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


@cache
def _windows_are_right(device: torch.device, dtype: torch.dtype) -> bool:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, h, n, 64, generator=generator).to(device, dtype)
                         for h, n in ((4, 5), (2, 9), (2, 9)))  # fmt: skip
    i, j = torch.arange(5, device=device)[:, None] + 4, torch.arange(9, device=device)
    for reach in (3, None):
        seen = (j <= i) & (j >= i - (9 if reach is None else reach))  # (5, 9)
        mask = torch.zeros(5, 9, device=device).masked_fill_(~seen, float("-inf"))[None, None]
        try:
            out, lse = windowed(query, key, value, reach, 0.1)
        except (AttributeError, NotImplementedError, RuntimeError, TypeError):
            return False
        expected, expected_lse = plain(query.float(), key.float(), value.float(), mask, 0.1)
        near = torch.allclose(out.float(), expected, atol=2e-2)
        if not near or not torch.allclose(lse, expected_lse, atol=2e-2):
            return False
    return True
