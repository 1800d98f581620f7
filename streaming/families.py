"""What differs between model families: where the rotary embeddings are, and how a chunk reaches the attention.

A family is one entry of `FAMILIES`; adding one touches this file only (CONTRIBUTING says how). What is not listed
is refused by name, with the reason: a model that is read wrongly does not fail, it is quietly worse.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from streaming.attention import alibi
from streaming.attention import merged as attention
from streaming.attention.alibi import LayerHook
from streaming.attention.readings import Reading, copies_reading, interface_reading
from streaming.attention.rotary import Rotary
from streaming.errors import ModelUnsupported
from streaming.share import SinkShare
from streaming.view import Change, buffer, device_of, unwrapped, view
from streaming.window import Span

__all__ = [
    "FAMILIES",
    "Family",
    "check",
    "context",
    "of",
    "plan",
    "prepare",
    "rotaries",
    "start_token",
]

Rotaries = list[Rotary | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """How models of one kind are read.

    Attributes:
        way: which of the three kinds of `streaming.attention.readings` the family takes.
        plan: how tokens are read, from where they stand and the layers' rotary embeddings.
        longest: most tokens per forward on a CPU (a copy of the sinks per query, or a bias per head, costs time).
        longest_on_a_gpu: the same on a GPU, which wants more at a time.
        rotaries: the rotary embedding of each attention layer of a model.
        refuses: a reason not to stream a configuration of this family, or None.
        context: training length in tokens.
        hook: changes what the attention layers are given; None where nothing has to be.
        variant: the entry that a configuration of this type belongs to instead, or None.
    """

    way: Literal["interface", "copies", "bias"]
    plan: Callable[[PreTrainedModel, Span, Sequence[Rotary | None]], Reading]
    longest: int = 1 << 20
    longest_on_a_gpu: int = 1 << 20
    rotaries: Callable[[PreTrainedModel], Rotaries]
    refuses: Callable[[PreTrainedConfig], str | None] = lambda config: None
    context: Callable[[PreTrainedConfig], int] = lambda config: int(config.max_position_embeddings)
    hook: LayerHook | None = None
    variant: Callable[[PreTrainedConfig], str | None] = lambda config: None


# ------------------------------------------------------------------------------------------------ rotary embeddings


def _shared_rotary(model: PreTrainedModel) -> Rotaries:
    """One embedding for all layers."""
    rotary = Rotary(buffer(model.base_model.rotary_emb, "inv_freq"), _head_dim(model.config))
    return [rotary] * model.config.num_hidden_layers


def _rotary_where_used(model: PreTrainedModel) -> Rotaries:
    """One embedding, which some layers leave out (SmolLM3)."""
    used = model.config.no_rope_layers
    return [rotary if use else None for rotary, use in zip(_shared_rotary(model), used, strict=True)]


def _rotary_by_layer_type(model: PreTrainedModel) -> Rotaries:
    """One embedding per type of layer (Gemma-3)."""
    embedding, types = model.base_model.rotary_emb, model.config.layer_types
    by_type = {t: Rotary(buffer(embedding, f"{t}_inv_freq"), _head_dim(model.config)) for t in set(types)}
    return [by_type[t] for t in types]


def _no_rotary(model: PreTrainedModel) -> Rotaries:
    return [None] * model.config.num_hidden_layers


def _head_dim(config: PreTrainedConfig) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


# ------------------------------------------------------------------------------------------------------------ plans


def _interface_plan(model: PreTrainedModel, span: Span, rotaries: Sequence[Rotary | None]) -> Reading:
    heads = model.config.num_attention_heads
    groups = heads // (getattr(model.config, "num_key_value_heads", None) or heads)
    return interface_reading(span, rotaries, groups=groups, dtype=model.dtype, device=device_of(model))


def _copies_plan(model: PreTrainedModel, span: Span, rotaries: Sequence[Rotary | None]) -> Reading:
    return copies_reading(span, dtype=model.dtype, device=device_of(model))


# ------------------------------------------------------------------------------------------------- what is refused


def _mpt_option(config: PreTrainedConfig) -> str | None:
    """Options of MPT that the port in transformers ignores: it would compute something else, silently."""
    options = config.attn_config
    if not options.alibi or options.alibi_bias_max != 8:
        return "its attn_config asks for something else than ALiBi with alibi_bias_max 8"
    if options.qk_ln or options.attn_type != "multihead_attention" or options.prefix_lm:
        return "its attn_config asks for qk_ln, prefix_lm, or another attention than multi-head"
    return None


def _gemma_option(config: PreTrainedConfig) -> str | None:
    return "its attention is bidirectional" if getattr(config, "use_bidirectional_attention", False) else None


_INTERFACE = partial(Family, way="interface", plan=_interface_plan, rotaries=_shared_rotary)

FAMILIES: dict[str, Family] = {
    "llama": _INTERFACE(),
    "mistral": _INTERFACE(),
    "qwen2": _INTERFACE(),
    "qwen3": _INTERFACE(),
    "phi": _INTERFACE(),
    "phi3": _INTERFACE(),
    "gpt_neox": _INTERFACE(),
    "stablelm": _INTERFACE(),
    "olmo2": _INTERFACE(),
    "gemma2": _INTERFACE(refuses=_gemma_option),
    "smollm3": _INTERFACE(rotaries=_rotary_where_used),
    "gemma3_text": _INTERFACE(rotaries=_rotary_by_layer_type, refuses=_gemma_option),
    "falcon": Family(
        way="copies",
        plan=_copies_plan,
        longest=64,
        longest_on_a_gpu=256,
        rotaries=_shared_rotary,
        variant=lambda config: "falcon_alibi" if config.alibi else None,
    ),
    "falcon_alibi": Family(
        way="bias",
        plan=alibi.falcon_plan,
        longest=256,
        longest_on_a_gpu=1024,
        rotaries=_no_rotary,
        hook=alibi.falcon_inputs,
    ),
    "mpt": Family(
        way="bias",
        plan=alibi.mpt_plan,
        longest=256,
        longest_on_a_gpu=1024,
        rotaries=_no_rotary,
        refuses=_mpt_option,
        hook=alibi.mpt_inputs,
        context=lambda config: int(config.max_seq_len),
    ),
}
"""Model type of transformers -> family. Falcon's ALiBi variant has the same model type and an entry of its own."""

_REASONS = {
    "its positions are learned vectors added to the input, so cached keys cannot be moved": (
        "gpt2", "gpt_neo", "opt", "gpt_bigcode", "openai-gpt", "biogpt", "xglm", "ctrl", "codegen",
    ),
    "it was trained with attention sinks of its own": ("gpt_oss",),
    "it keeps a recurrent state instead of keys and values": (
        "mamba", "mamba2", "falcon_mamba", "rwkv", "recurrent_gemma", "jamba", "falcon_h1", "zamba", "zamba2",
        "bamba", "nemotron_h", "lfm2", "qwen3_next", "xlstm", "granitemoehybrid",
    ),
    "it reads text and images; load its text model by itself": ("gemma3", "llava", "mllama", "qwen2_vl", "qwen3_vl"),
}  # fmt: skip
_WHY_NOT = {model_type: reason for reason, types in _REASONS.items() for model_type in types}

_STATIC_ROPES = frozenset({"default", "linear", "llama3", "yarn", "proportional"})
_LENGTH_DEPENDENT_ROPES = frozenset({"dynamic", "longrope"})


def of(config: PreTrainedConfig) -> Family:
    """The family of a configuration.

    Raises:
        ModelUnsupported: there is none, or an option of the configuration cannot be streamed exactly.
    """
    model_type = config.model_type
    if model_type not in FAMILIES:
        why = "it has an encoder" if getattr(config, "is_encoder_decoder", False) else _WHY_NOT.get(model_type)
        raise ModelUnsupported(
            f"Models of type {model_type!r} cannot be streamed: {why or 'it has not been checked to be exact'}. "
            f"Supported types: {', '.join(sorted(t for t in FAMILIES if t != 'falcon_alibi'))}."
        )
    family = FAMILIES[model_type]
    return FAMILIES[family.variant(config) or model_type]


def check(config: PreTrainedConfig) -> None:
    """Raise ModelUnsupported where a configuration cannot be streamed exactly."""
    family = of(config)
    why = family.refuses(config)
    unknown = [] if family.way == "bias" else _rope_types(config) - _STATIC_ROPES - _LENGTH_DEPENDENT_ROPES
    if len(_rope_types(config)) > 1 and _rope_types(config) & _LENGTH_DEPENDENT_ROPES:
        why = "the rotary embedding of some of its layers depends on the length"
    if unknown:
        why = f"its rope type {', '.join(sorted(map(str, unknown)))} is not known"
    if why:
        raise ModelUnsupported(f"This {config.model_type} model cannot be streamed: {why}. Choose another checkpoint.")


def context(config: PreTrainedConfig) -> int:
    """Training length in tokens: past it, dense reading is extrapolation.

    Where the rotary embedding depends on the length, it is the length below which it is the plain one.
    """
    if _rope_types(config) & _LENGTH_DEPENDENT_ROPES:
        return _plain_length(config)
    return of(config).context(config)


def start_token(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token that the tokenizer itself puts before every text, or None."""
    ids = tokenizer("a").input_ids
    starts = {config.bos_token_id, tokenizer.bos_token_id} - {None}
    return ids[0] if len(ids) > 1 and ids[0] in starts else None


# ----------------------------------------------------------------------------------------------------- preparation


def prepare(model: nn.Module) -> PreTrainedModel:
    """A view of a model that is ready to read: with our attention, what depends on the length pinned, biases hooked.

    The model itself stays as it is, to the last bit and for every other thread; so does what it computes.

    Args:
        model: a causal language model of transformers, alone or wrapped (PEFT, torch.compile, accelerate).

    Raises:
        ModelUnsupported: it cannot be streamed exactly; the message says why.
    """
    plain = unwrapped(model)
    check(plain.config)
    family = of(plain.config)
    _require_readable(plain, family)
    change = _leave if family.hook is None else partial(_add_hook, family.hook)
    changes: dict[Any, Change] = dict.fromkeys(_attention_layers(plain), change)
    if family.way != "bias" and _rope_types(plain.config) & _LENGTH_DEPENDENT_ROPES:
        changes[plain.base_model.rotary_emb] = partial(_pin_rope, plain.config, device_of(plain))
    if family.way != "interface":
        return view(plain, changes)
    attention.register()
    return view(plain, changes, attention.IMPLEMENTATION)


def _attention_layers(model: PreTrainedModel) -> list[nn.Module]:
    """The modules that call the cache, in the order of its layers.

    Raises:
        ModelUnsupported: they are not the layers that the configuration tells of.
    """
    layers = {vars(module)["layer_idx"]: module for module in model.modules() if "layer_idx" in vars(module)}
    if sorted(layers) != list(range(model.config.num_hidden_layers)):
        raise ModelUnsupported(
            f"This model has {len(layers)} attention layers, and its configuration says "
            f"{model.config.num_hidden_layers}: set num_hidden_layers, and number each layer_idx anew."
        )
    return [layers[index] for index in sorted(layers)]


def _require_readable(model: PreTrainedModel, family: Family) -> None:
    config = model.config
    if family.way != "interface" and "flash" in str(config._attn_implementation):
        raise ModelUnsupported(
            f"This {config.model_type} model attends by {config._attn_implementation}, which takes no mask: "
            "load it with attn_implementation='sdpa'."
        )
    if model.training and family.way == "interface" and getattr(config, "attention_dropout", None):
        raise ModelUnsupported("This model is in training mode and would drop attention at random: call model.eval().")


def _rope_types(config: PreTrainedConfig) -> set[str]:
    parameters = getattr(config, "rope_parameters", None) or {}
    nested = [p for p in parameters.values() if isinstance(p, dict)] or [parameters]
    return {p.get("rope_type", "default") for p in nested}


def _plain_length(config: PreTrainedConfig) -> int:
    length: int = config.rope_parameters.get("original_max_position_embeddings") or config.max_position_embeddings
    return length


def _leave(twin: nn.Module) -> None:
    """Nothing to change but the configuration that all copies get."""


def _pin_rope(config: PreTrainedConfig, device: torch.device, twin: Any) -> None:
    """Freeze frequencies that would change with the largest position seen: cached keys could not follow."""
    frequencies, scaling = ROPE_INIT_FUNCTIONS[twin.rope_type](config, device, seq_len=_plain_length(config))
    pinned = {"inv_freq": frequencies, "original_inv_freq": frequencies}
    twin.__dict__["_buffers"] = {**twin._buffers, **pinned}
    twin.attention_scaling, twin.rope_type = scaling, "default"
    for name in ("forward", "_old_forward", "_hf_hook"):  # accelerate would put the model's own frequencies back
        twin.__dict__.pop(name, None)


def _add_hook(hook: LayerHook, twin: nn.Module) -> None:
    twin.__dict__["_forward_pre_hooks"] = OrderedDict(twin._forward_pre_hooks)
    twin.__dict__["_forward_pre_hooks_with_kwargs"] = OrderedDict(twin._forward_pre_hooks_with_kwargs)
    twin.register_forward_pre_hook(hook, with_kwargs=True)


# ------------------------------------------------------------------------------------------------------- readings


def rotaries(model: PreTrainedModel) -> Rotaries:
    """The rotary embedding of each attention layer of a prepared model, None where it has none."""
    return of(model.config).rotaries(model)


def plan(
    model: PreTrainedModel, span: Span, rotaries: Sequence[Rotary | None], share: SinkShare | None = None
) -> Reading:
    """How the tokens of a span are read; it changes nothing.

    The `rotaries` are those of the model's layers, as a cache holds them. A `share` takes part where the first tokens
    that it asks for are in sight of all of these tokens.
    """
    family = of(model.config)
    reading = family.plan(model, span, rotaries)
    if share is None or not share.sees(span.window, span.tokens[-1]):
        return reading
    own = family.way != "interface"  # a model with an attention of its own has to be asked for it
    return replace(reading, share=share, inputs=reading.inputs | ({"output_attentions": True} if own else {}))
