"""Tiny random models of every supported family, with weights large enough for attention to matter."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import AutoConfig

from streaming import families

VOCAB = 96
_COMMON = {"vocab_size": VOCAB, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
           "intermediate_size": 96, "max_position_embeddings": 64, "initializer_range": 0.2,
           "tie_word_embeddings": False, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}  # fmt: skip
_YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 64}
_LLAMA3 = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
           "original_max_position_embeddings": 32}  # fmt: skip
_LONG = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 8, "long_factor": [3.0] * 8,
         "original_max_position_embeddings": 64}  # fmt: skip
_KV2, _SLIDE = {"num_key_value_heads": 2}, {"sliding_window": 8}
_FALCON = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "parallel_attn": True, "bias": False}
_GEMMA = {**_KV2, "head_dim": 16, "query_pre_attn_scalar": 16}

CONFIGS: dict[str, tuple[str, dict]] = {
    "llama": ("llama", {"num_key_value_heads": 4}),
    "llama-grouped": ("llama", _KV2),
    "llama-llama3": ("llama", {**_KV2, "rope_parameters": _LLAMA3, "max_position_embeddings": 256}),
    "llama-yarn": ("llama", {**_KV2, "rope_parameters": _YARN, "max_position_embeddings": 256}),
    "llama-linear": ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}),
    "llama-dynamic": ("llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}),
    "mistral": ("mistral", {**_KV2, **_SLIDE}),
    "qwen2": ("qwen2", {**_KV2, **_SLIDE, "use_sliding_window": True, "max_window_layers": 1}),
    "qwen3": ("qwen3", {**_KV2, "head_dim": 24}),
    "phi": ("phi", {"num_key_value_heads": 4}),
    "phi3": ("phi3", {**_KV2, **_SLIDE}),
    "phi3-longrope": ("phi3", {**_KV2, "rope_parameters": _LONG, "max_position_embeddings": 256,
                               "original_max_position_embeddings": 64}),
    "gpt_neox": ("gpt_neox", {"rotary_pct": 0.5, "use_parallel_residual": True}),
    "gpt_neox-sequential": ("gpt_neox", {"rotary_pct": 0.25, "use_parallel_residual": False}),
    "stablelm": ("stablelm", {**_KV2, "qk_layernorm": True}),
    "olmo2": ("olmo2", _KV2),
    "smollm3": ("smollm3", {**_KV2, "num_hidden_layers": 3, "no_rope_layers": [1, 0, 1]}),
    "gemma2": ("gemma2", {**_GEMMA, **_SLIDE, "attn_logit_softcapping": 5.0, "final_logit_softcapping": None}),
    "gemma3_text": ("gemma3_text", {**_GEMMA, **_SLIDE, "layer_types": ["sliding_attention", "full_attention"]}),
    "falcon": ("falcon", {**_FALCON, "multi_query": True, "new_decoder_architecture": False, "alibi": False}),
    "falcon-grouped": ("falcon", {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2, "alibi": False}),
    "falcon-alibi": ("falcon", {**_FALCON, "multi_query": False, "new_decoder_architecture": False, "alibi": True}),
    "mpt": ("mpt", {}),
}  # fmt: skip
"""Name -> model type and what its configuration adds to the common one."""

NAMES = tuple(CONFIGS)


def config(name: str, **changes: object) -> PreTrainedConfig:
    """The configuration of a tiny model."""
    model_type, more = CONFIGS[name]
    if model_type == "mpt":
        return AutoConfig.for_model(
            "mpt", d_model=64, n_heads=4, n_layers=2, expansion_ratio=2, max_seq_len=64,
            **{"vocab_size": VOCAB, "initializer_range": 0.2, **changes},
        )  # fmt: skip
    return AutoConfig.for_model(model_type, **{**copy.deepcopy({**_COMMON, **more}), **changes})


def build(
    name: str, *, attention: str | None = None, dtype: torch.dtype = torch.float32, **changes: object
) -> PreTrainedModel:
    """A random model, the same weights for the same name; with the attention that transformers chooses by default."""
    torch.manual_seed(0)
    settings = config(name, **changes)
    model = AutoModelForCausalLM.from_config(settings, attn_implementation=attention, dtype=torch.float32).eval()
    if dtype == torch.float32:
        return model
    # drawn in float32 and rounded: what is drawn in half precision differs from one torch to another
    rounded = AutoModelForCausalLM.from_config(settings, attn_implementation=attention, dtype=dtype).eval()
    rounded.load_state_dict(model.state_dict())
    return rounded


@dataclass(frozen=True)
class Tiny:
    """What `open_stream` needs of a loaded model."""

    model: PreTrainedModel
    context: int = 64
    start_token: int | None = None


def load(name: str, *, dtype: torch.dtype = torch.float32, **changes: object) -> Tiny:
    """A tiny model, as `open_stream` takes it."""
    model = build(name, dtype=dtype, **changes)
    return Tiny(model, families.context(model.config))


def ids(count: int, seed: int = 0) -> torch.Tensor:
    """Random token ids (count,)."""
    return torch.randint(0, VOCAB, (count,), generator=torch.Generator().manual_seed(seed))
