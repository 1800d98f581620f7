"""Models in GGUF files: what llama.cpp calls them and their settings, and what it did to their weights.

A kind of model is one entry of `KINDS`. Whatever the file says about how to compute and nobody here would heed is
refused by name: such a model would not fail, it would be quietly worse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, PreTrainedConfig

from streaming.errors import ModelUnsupported
from streaming.loading.gguf_header import GgufHeader
from streaming.loading.load_errors import damaged, shown

__all__ = ["FACTORS", "KINDS", "config_of", "restored"]

FACTORS = ("rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight")
"""Tensors that are settings of the rotary embedding and no weights."""

_UNTOLD_THETA = 10_000.0


class _Fields:
    """The fields of a file, by the names that they have within its architecture, and which of them were heeded."""

    def __init__(self, name: str, header: GgufHeader) -> None:
        self._name, self._prefix = name, f"{header.architecture}."
        self._fields = {key.removeprefix(self._prefix): value for key, value in header.fields.items()
                        if key.startswith(self._prefix)}  # fmt: skip
        self._heeded = {"vocab_size", "tensor_data_layout", "rope.scaling.finetuned"}
        self.tensors = header.tensors
        self.tokens = {key: header.fields.get(f"tokenizer.ggml.{key}_token_id") for key in ("bos", "eos", "padding")}

    def get(self, key: str, default: Any = None) -> Any:
        """A field's value, which counts as heeded."""
        self._heeded.add(key)
        return self._fields.get(key, default)

    def count(self, key: str, default: int | None = None) -> int:
        """A field that must be one positive whole number."""
        value = self.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.unsupported(f"its field {key} is {shown(value)}")
        return value

    def unsupported(self, why: str) -> ModelUnsupported:
        """The refusal of this file."""
        return ModelUnsupported(f"'{self._name}' cannot be read exactly: {why}. Choose another file, or safetensors.")

    def check_all_heeded(self) -> None:
        """Refuse what says how to compute and would be passed over."""
        left = sorted(key for key, value in self._fields.items() if key not in self._heeded and value not in (0, None))
        if left:
            raise self.unsupported(f"it sets {left[0]} to {shown(self._fields[left[0]])}, which is not known here")


Undo = Callable[[PreTrainedConfig, str, Tensor], Tensor]


def _as_it_is(config: PreTrainedConfig, name: str, values: Tensor) -> Tensor:
    return values


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How one architecture of llama.cpp becomes a model of transformers.

    Attributes:
        model_type: what transformers calls it.
        settings: its configuration, from the fields.
        undo: turns a tensor of the file, by its name there, into the model's own.
    """

    model_type: str
    settings: Callable[[_Fields], dict[str, Any]]
    undo: Undo = _as_it_is


# ------------------------------------------------------------------------------------------------ configurations


def _sizes(fields: _Fields) -> dict[str, Any]:
    """What every architecture says of its size."""
    embedding = fields.tensors.get("token_embd.weight")
    return {
        "max_position_embeddings": fields.count("context_length"),
        "num_hidden_layers": fields.count("block_count"),
        "hidden_size": fields.count("embedding_length"),
        "num_attention_heads": fields.count("attention.head_count"),
        "vocab_size": embedding.shape[0] if embedding and len(embedding.shape) == 2 else 0,
        "tie_word_embeddings": "output.weight" not in fields.tensors,
        "bos_token_id": fields.tokens["bos"],
        "eos_token_id": fields.tokens["eos"],
        "pad_token_id": fields.tokens["padding"],
    }


def _decoder(fields: _Fields) -> dict[str, Any]:
    """A decoder with rotary embeddings."""
    sizes = _sizes(fields)
    heads = sizes["num_attention_heads"]
    head_dim = fields.count("attention.key_length", sizes["hidden_size"] // heads)
    if fields.get("attention.value_length", head_dim) != head_dim:
        raise fields.unsupported("its keys and values differ in length")
    return sizes | {
        "intermediate_size": fields.count("feed_forward_length"),
        "num_key_value_heads": fields.count("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "rope_parameters": _rope(fields, head_dim, sizes["max_position_embeddings"]),
    }


def _rope(fields: _Fields, head_dim: int, context: int) -> dict[str, Any]:
    """The rotary embedding: its base, how much of a head it turns, how it was stretched."""
    rope: dict[str, Any] = {"rope_theta": float(fields.get("rope.freq_base", _UNTOLD_THETA)), "rope_type": "default"}
    turned = fields.count("rope.dimension_count", head_dim)
    if turned != head_dim:
        rope["partial_rotary_factor"] = turned / head_dim
    kind = fields.get("rope.scaling.type", "none")
    factor, original = fields.get("rope.scaling.factor", 0), fields.get("rope.scaling.original_context_length", 0)
    magnitude = fields.get("rope.scaling.attn_factor", 0)
    if "rope_factors_long.weight" in fields.tensors:
        unit, original = [1.0] * (turned // 2), original or context  # the factors themselves stand with the weights
        return rope | {"rope_type": "longrope", "short_factor": unit, "long_factor": unit, "factor": context / original,
                       "original_max_position_embeddings": original,
                       **({"attention_factor": magnitude} if magnitude else {})}  # fmt: skip
    if kind == "none" or (kind == "linear" and factor in (0, 1)):
        return rope
    if kind == "linear":
        return rope | {"rope_type": "linear", "factor": float(factor)}
    if kind == "yarn" and factor and not magnitude:
        return rope | {"rope_type": "yarn", "factor": float(factor),
                       "original_max_position_embeddings": original or round(context / factor)}  # fmt: skip
    raise fields.unsupported(f"its rotary embedding is scaled by {shown(kind)}")


def _rms(fields: _Fields) -> dict[str, Any]:
    fields.get("attention.sliding_window")  # the policy's window takes its place in every layer
    settings = _decoder(fields)
    original = settings["rope_parameters"].get("original_max_position_embeddings")
    eps = fields.get("attention.layer_norm_rms_epsilon", 1e-6)
    return settings | {"rms_norm_eps": eps, **({"original_max_position_embeddings": original} if original else {})}


def _layer_norm(fields: _Fields) -> dict[str, Any]:
    return _decoder(fields) | {"layer_norm_eps": fields.get("attention.layer_norm_epsilon", 1e-5)}


def _stablelm(fields: _Fields) -> dict[str, Any]:
    return _layer_norm(fields) | {
        "use_qkv_bias": "blk.0.attn_q.bias" in fields.tensors,
        "use_parallel_residual": bool(fields.get("use_parallel_residual", True))
        and "blk.0.ffn_norm.weight" not in fields.tensors,
    }


def _gpt_neox(fields: _Fields) -> dict[str, Any]:
    return _layer_norm(fields) | {"use_parallel_residual": bool(fields.get("use_parallel_residual", True))}


def _smollm3(fields: _Fields) -> dict[str, Any]:
    """Every fourth layer has no rotary embedding: the file does not say so, llama.cpp knows."""
    settings = _rms(fields)
    layers = settings["num_hidden_layers"]
    return settings | {"no_rope_layers": [int((layer + 1) % 4 != 0) for layer in range(layers)]}


def _gemma(fields: _Fields, largest: int) -> dict[str, Any]:
    """`largest` is how many layers the model has whose attention is scaled otherwise; llama.cpp tells it by them."""
    settings, window = _rms(fields), fields.get("attention.sliding_window")
    heads, layers = settings["num_attention_heads"], settings["num_hidden_layers"]
    scale = settings["hidden_size"] // heads if layers == largest else settings["head_dim"]
    return settings | {
        "query_pre_attn_scalar": scale,
        "attn_logit_softcapping": fields.get("attn_logit_softcapping"),
        "final_logit_softcapping": fields.get("final_logit_softcapping"),
        **({"sliding_window": window} if window else {}),
    }


def _gemma2(fields: _Fields) -> dict[str, Any]:
    """Files of the first days do not say how the logits are capped."""
    settings = _gemma(fields, 46)
    usual = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
    return settings | {key: settings[key] or value for key, value in usual.items()}


def _gemma3(fields: _Fields) -> dict[str, Any]:
    """Two rotary embeddings: one for the layers that see all, one for the others."""
    settings = _gemma(fields, 62)
    near = {"rope_type": "default", "rope_theta": float(fields.get("rope.freq_base_swa", _UNTOLD_THETA))}
    ropes = {"full_attention": settings["rope_parameters"], "sliding_attention": near}
    return settings | {"rope_parameters": ropes}


def _falcon(fields: _Fields) -> dict[str, Any]:
    settings = _decoder(fields)
    heads, shared = settings["num_attention_heads"], settings.pop("num_key_value_heads")
    del settings["head_dim"]  # a property of its configuration
    two_norms = "blk.0.attn_norm_2.weight" in fields.tensors
    return settings | {
        "ffn_hidden_size": settings.pop("intermediate_size"),
        "layer_norm_epsilon": fields.get("attention.layer_norm_epsilon", 1e-5),
        "new_decoder_architecture": shared > 1,
        "num_kv_heads": shared if shared > 1 else heads,
        "multi_query": shared == 1,
        "num_ln_in_parallel_attn": 2 if two_norms else 1,
        "parallel_attn": True,
        "bias": "blk.0.attn_qkv.bias" in fields.tensors,
        "alibi": False,
    }


def _mpt(fields: _Fields) -> dict[str, Any]:
    sizes = _sizes(fields)
    width, clip = sizes["hidden_size"], fields.get("attention.clamp_kqv")
    if fields.get("attention.head_count_kv", sizes["num_attention_heads"]) != sizes["num_attention_heads"]:
        raise fields.unsupported("its heads share keys")
    return {
        "d_model": width,
        "n_heads": sizes["num_attention_heads"],
        "n_layers": sizes["num_hidden_layers"],
        "expansion_ratio": fields.count("feed_forward_length") // width,
        "max_seq_len": sizes["max_position_embeddings"],
        "layer_norm_epsilon": fields.get("attention.layer_norm_epsilon", 1e-5),
        "attn_config": {"alibi_bias_max": int(fields.get("attention.max_alibi_bias", 8)), "clip_qkv": clip},
        **{key: sizes[key] for key in ("vocab_size", "bos_token_id", "eos_token_id", "tie_word_embeddings")},
    }


# ---------------------------------------------------------------------------------------------- weights as they were


def _heads_unturned(config: PreTrainedConfig, name: str, values: Tensor) -> Tensor:
    """The pairs that a rotary embedding turns stand side by side in llama.cpp, half a head apart in transformers."""
    if ".attn_q." not in name and ".attn_k." not in name:
        return values
    heads = config.num_attention_heads if ".attn_q." in name else config.num_key_value_heads
    pairs = values.reshape(heads, values.shape[0] // heads // 2, 2, *values.shape[1:])
    return pairs.transpose(1, 2).reshape(values.shape)


def _norms_less_one(config: PreTrainedConfig, name: str, values: Tensor) -> Tensor:
    return values - 1 if name.endswith("norm.weight") else values


def _by_heads(config: PreTrainedConfig, name: str, values: Tensor) -> Tensor:
    """Queries, keys and values one after the other, as GPT-NeoX has them: head by head."""
    if ".attn_qkv." not in name:
        return values
    heads, rest = config.num_attention_heads, values.shape[1:]
    parts = values.reshape(3, heads, values.shape[0] // heads // 3, *rest)  # (3, H, D, ...)
    return parts.transpose(0, 1).reshape(values.shape)


def _by_groups(config: PreTrainedConfig, name: str, values: Tensor) -> Tensor:
    """The same of Falcon's newer models: the queries of a group, its key, its value, then the next group."""
    if ".attn_qkv." not in name or not config.new_decoder_architecture:
        return values
    groups, heads, rest = config.num_kv_heads, config.num_attention_heads, values.shape[1:]
    head_dim = config.hidden_size // heads
    queries, keys, own = torch.split(values, [heads * head_dim, groups * head_dim, groups * head_dim])
    parts = [part.reshape(groups, -1, head_dim, *rest) for part in (queries, keys, own)]
    return torch.cat(parts, dim=1).reshape(values.shape)


KINDS: Mapping[str, Kind] = {
    "llama": Kind(model_type="llama", settings=_rms, undo=_heads_unturned),
    "qwen2": Kind(model_type="qwen2", settings=_rms),
    "qwen3": Kind(model_type="qwen3", settings=_rms),
    "phi2": Kind(model_type="phi", settings=_layer_norm),
    "phi3": Kind(model_type="phi3", settings=_rms),
    "gptneox": Kind(model_type="gpt_neox", settings=_gpt_neox, undo=_by_heads),
    "stablelm": Kind(model_type="stablelm", settings=_stablelm),
    "olmo2": Kind(model_type="olmo2", settings=_rms),
    "gemma2": Kind(model_type="gemma2", settings=_gemma2, undo=_norms_less_one),
    "gemma3": Kind(model_type="gemma3_text", settings=_gemma3, undo=_norms_less_one),
    "smollm3": Kind(model_type="smollm3", settings=_smollm3, undo=_heads_unturned),
    "falcon": Kind(model_type="falcon", settings=_falcon, undo=_by_groups),
    "mpt": Kind(model_type="mpt", settings=_mpt),
}
"""Architecture of llama.cpp -> kind. Mistral's models are "llama" there."""


def config_of(name: str, header: GgufHeader) -> PreTrainedConfig:
    """The configuration that a file describes.

    Raises:
        ModelUnsupported: the architecture, or something that it says, is not known here.
        ModelDamaged: it makes no sense.
    """
    kind = KINDS.get(header.architecture)
    if kind is None:
        raise ModelUnsupported(
            f"'{name}' is a GGUF file of the architecture {shown(header.architecture)}, which is not read here: choose "
            f"one of {', '.join(sorted(KINDS))}, or the model in safetensors."
        )
    fields = _Fields(name, header)
    settings = kind.settings(fields)
    fields.check_all_heeded()
    try:
        return AutoConfig.for_model(kind.model_type, **settings)
    except Exception as error:  # what numbers that make no sense can raise has no end
        raise damaged(name) from error


def restored(config: PreTrainedConfig, architecture: str, name: str, values: Tensor) -> Tensor:
    """A tensor of the file, called `name` there, as the model of transformers has it."""
    return KINDS[architecture].undo(config, name, values)
