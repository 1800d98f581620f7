"""GGUF files of tiny models, written as llama.cpp's converter does: its names, its order of weights, its fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from torch import Tensor
from transformers import PreTrainedModel
from transformers.convert_slow_tokenizer import bytes_to_unicode

from streaming.loading.gguf_models import KINDS

VOCAB = 264

ARCHITECTURES = {"mistral": "llama"} | {kind.model_type: name for name, kind in KINDS.items()}
"""Model type of transformers -> what llama.cpp calls it."""

TOKENS = [*bytes_to_unicode().values(), "<s>", "</s>", "Ġt", *(f"[unused{i}]" for i in range(VOCAB - 259))]
START, END = 256, 257


def write(
    path: Path, model: PreTrainedModel, *, kind: Type = Type.F32, more: dict[str, Tensor] | None = None, **fields: Any
) -> Path:
    """Write a model with a tokenizer of single bytes.

    Args:
        path: where.
        model: with a vocabulary of `VOCAB` tokens.
        kind: of the matrices, where they can be; vectors stay in float32.
        more: tensors beside those of the model, by their names in the file.
        fields: of the architecture, "." written as "__"; None leaves one out that would be there.
    """
    config, architecture = model.config, ARCHITECTURES[model.config.model_type]
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in (described(model) | {key.replace("__", "."): value for key, value in fields.items()}).items():
        _add(writer, f"{architecture}.{key}", value)
    _add_tokenizer(writer)
    number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(number, config.num_hidden_layers)
    for name, values in model.named_parameters():
        own = names.get_name(name, try_suffixes=(".weight", ".bias"))
        _add_tensor(writer, own, _as_converted(config, own, values.detach().float()), kind)
    for name, values in (more or {}).items():
        _add_tensor(writer, name, values, Type.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def described(model: PreTrainedModel) -> dict[str, Any]:
    """The fields of a model's architecture."""
    config = model.config
    if config.model_type == "mpt":
        return {
            "context_length": config.max_seq_len, "block_count": config.n_layers, "embedding_length": config.d_model,
            "feed_forward_length": config.expansion_ratio * config.d_model, "attention.head_count": config.n_heads,
            "attention.layer_norm_epsilon": 1e-5, "attention.max_alibi_bias": 8.0,
        }  # fmt: skip
    shared = config.num_attention_heads
    if config.model_type == "falcon":
        shared = config.num_kv_heads if config.new_decoder_architecture else 1
    rope = getattr(config, "rope_parameters", None) or {}
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    far = rope.get("full_attention", rope)
    fields = {
        "context_length": config.max_position_embeddings,
        "block_count": config.num_hidden_layers,
        "embedding_length": config.hidden_size,
        "feed_forward_length": getattr(config, "ffn_hidden_size", None) or config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": getattr(config, "num_key_value_heads", None) or shared,
        "attention.key_length": head_dim,
        "attention.value_length": head_dim,
        "rope.freq_base": float(far["rope_theta"]),
        "rope.dimension_count": int(head_dim * far.get("partial_rotary_factor", 1.0)),
        "attention.sliding_window": getattr(config, "sliding_window", None),
        "attn_logit_softcapping": getattr(config, "attn_logit_softcapping", None),
        "final_logit_softcapping": getattr(config, "final_logit_softcapping", None),
        "use_parallel_residual": getattr(config, "use_parallel_residual", None),
        **_scaled(far),
    }
    for own, name in {"rms_norm_eps": "rms", "layer_norm_eps": "", "layer_norm_epsilon": ""}.items():
        if hasattr(config, own):
            fields[f"attention.layer_norm_{name}{'_' if name else ''}epsilon"] = float(getattr(config, own))
    return fields


def _scaled(rope: dict[str, Any]) -> dict[str, Any]:
    kind = rope.get("rope_type", "default")
    if kind == "longrope":
        return {"rope.scaling.original_context_length": rope["original_max_position_embeddings"]}
    if kind in ("linear", "yarn"):
        names = {"rope.scaling.type": kind, "rope.scaling.factor": rope["factor"]}
        names["rope.scaling.original_context_length"] = rope.get("original_max_position_embeddings")
        return names
    return {}


def _add(writer: gguf.GGUFWriter, key: str, value: object) -> None:
    if value is None:
        return
    add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
    add.get(type(value), writer.add_array)(key, value)


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([1] * 256 + [3, 3] + [1] * (VOCAB - 258))
    writer.add_token_merges(["Ġ t"])
    writer.add_bos_token_id(START)
    writer.add_eos_token_id(END)
    writer.add_chat_template("{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}")


def _add_tensor(writer: gguf.GGUFWriter, name: str, values: Tensor, kind: Type) -> None:
    array = values.contiguous().numpy().astype(np.float32)
    if kind == Type.F32 or array.ndim < 2 or array.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0]:
        writer.add_tensor(name, array)
    else:
        writer.add_tensor(name, gguf.quantize(array, kind), raw_dtype=kind)


def _as_converted(config: Any, name: str, values: Tensor) -> Tensor:
    """What the converter does to a tensor."""
    model_type = config.model_type
    if model_type in ("llama", "mistral", "smollm3") and (".attn_q." in name or ".attn_k." in name):
        heads = config.num_attention_heads if ".attn_q." in name else config.num_key_value_heads
        halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
        return halves.swapaxes(1, 2).reshape(values.shape)
    if model_type.startswith("gemma") and name.endswith("norm.weight"):
        return values + 1
    if model_type == "gpt_neox" and ".attn_qkv." in name:
        by_head = values.reshape(config.num_attention_heads, 3, -1, *values.shape[1:])
        return torch.cat([by_head[:, part].flatten(0, 1) for part in range(3)])
    if model_type == "falcon" and ".attn_qkv." in name and config.new_decoder_architecture:
        head_dim, groups = config.hidden_size // config.num_attention_heads, config.num_kv_heads
        grouped = values.reshape(groups, -1, head_dim, *values.shape[1:])
        return torch.cat([part.flatten(0, 2) for part in (grouped[:, :-2], grouped[:, -2:-1], grouped[:, -1:])])
    return values
