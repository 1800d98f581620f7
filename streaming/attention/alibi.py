"""Families without a rotary embedding, whose attention is biased by the distance (ALiBi, Press et al., 2022).

Their layers are handed a bias of our own, by a hook: positions inside the cache, and each query its own window.

Shapes: H query heads, C new tokens, K keys that they attend to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.falcon.modeling_falcon import build_alibi_tensor
from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor

from streaming.attention.readings import Reading, bias_reading, current_reading
from streaming.view import device_of
from streaming.window import Span

__all__ = ["LayerHook", "falcon_inputs", "falcon_plan", "mpt_inputs", "mpt_plan"]

_Inputs = tuple[tuple[Any, ...], dict[str, Any]] | None

LayerHook = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], _Inputs]
"""Changes what an attention layer is given: module, arguments, keyword arguments to new ones."""


def mpt_plan(model: PreTrainedModel, span: Span, rotaries: object = ()) -> Reading:
    """MPT: a bias in the layers, and a mask that is true where a key is out of sight."""
    unused = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=device_of(model))
    bias = partial(_mpt_bias, model.config.num_attention_heads)
    inputs = {"attention_mask": unused}
    return bias_reading(span, dtype=model.dtype, device=device_of(model), bias=bias, inputs=inputs)


def falcon_plan(model: PreTrainedModel, span: Span, rotaries: object = ()) -> Reading:
    """Falcon's ALiBi variant: bias and mask in one."""
    bias = partial(_falcon_bias, model.config.num_attention_heads, model.config.head_dim)
    return bias_reading(span, dtype=model.dtype, device=device_of(model), bias=bias, inputs={})


def _mpt_bias(heads: int, keys: Tensor, queries: Tensor) -> Tensor:
    table: Tensor = build_mpt_alibi_tensor(heads, 2, device=keys.device)  # type: ignore[no-untyped-call]  # (H, 1, 2)
    return -table[:, :, :1] * (keys - queries)  # (H, C, K)


def _falcon_bias(heads: int, head_dim: int, keys: Tensor, queries: Tensor) -> Tensor:
    """In bfloat16 and from the keys' own positions, as the model was trained; rows differ by constants only."""
    two = torch.ones(1, 2, dtype=torch.long, device=keys.device)
    slopes = build_alibi_tensor(two, heads, dtype=torch.bfloat16)[:, :, 1:]
    return (slopes * keys).float() / math.sqrt(head_dim)


def mpt_inputs(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Inputs:
    """What MPT's attention is given while a stream is read; None leaves it as it is."""
    plan = current_reading()
    if plan is None or plan.bias is None or plan.mask is None:
        return None
    device = kwargs["attention_mask"].device
    return args, kwargs | {"position_bias": plan.bias[0].to(device), "attention_mask": plan.mask.to(device)}


def falcon_inputs(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Inputs:
    """What Falcon's attention is given while a stream is read; None leaves it as it is."""
    plan = current_reading()
    if plan is None or plan.bias is None:
        return None
    bias = plan.bias.to(args[0].device)
    nothing_more = bias.new_zeros(bias.shape[1], 1, bias.shape[3])  # None would select the rotary path
    return args, kwargs | {"attention_mask": bias, "alibi": nothing_more}
