"""Models of real shapes with random weights: what a step costs does not depend on what a model has learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from streaming import families

__all__ = ["SHAPES", "Shaped", "shaped"]

SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama-2-7b": ("llama", {"max_position_embeddings": 4096}),
    "llama-2-13b": (
        "llama",
        {
            "hidden_size": 5120,
            "intermediate_size": 13824,
            "num_hidden_layers": 40,
            "num_attention_heads": 40,
            "num_key_value_heads": 40,
            "max_position_embeddings": 4096,
        },
    ),
    "pythia-6.9b": (
        "gpt_neox",
        {
            "hidden_size": 4096,
            "intermediate_size": 16384,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "vocab_size": 50432,
        },
    ),
    "falcon-7b": (
        "falcon",
        {"num_attention_heads": 71, "hidden_size": 4544, "num_hidden_layers": 32, "alibi": False, "bias": False},
    ),
    "mpt-7b": ("mpt", {"d_model": 4096, "n_heads": 32, "n_layers": 32, "vocab_size": 50432}),
}
"""Name -> model type of transformers, and how its configuration differs from that type's default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shaped:
    """What a stream needs of a model that says nothing."""

    name: str
    model: PreTrainedModel
    context: int
    start_token: int | None = None


def shaped(name: str, *, device: torch.device, dtype: torch.dtype, **changes: object) -> Shaped:
    """A model with random weights; `changes` go into its configuration."""
    model_type, settings = SHAPES[name]
    config = AutoConfig.for_model(model_type, **{**settings, **changes})
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]  # transformers
    return Shaped(name=name, model=model.eval().requires_grad_(False), context=families.context(config))
