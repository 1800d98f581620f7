from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, MistralConfig, Phi3Config, PreTrainedConfig, Qwen3Config
from transformers.models.llama.modeling_llama import LlamaForCausalLM
from transformers.models.mistral.modeling_mistral import MistralForCausalLM
from transformers.models.phi3.modeling_phi3 import Phi3ForCausalLM
from transformers.models.qwen3.modeling_qwen3 import Qwen3ForCausalLM

from comparisons.page.costs import COSTS

MODELS = {
    "llama": LlamaForCausalLM,
    "mistral": MistralForCausalLM,
    "phi3": Phi3ForCausalLM,
    "qwen3": Qwen3ForCausalLM,
}


def published(kind: type[PreTrainedConfig], width: int, layers: int, heads: int, kv_heads: int, context: int, **more):
    return kind(
        hidden_size=width, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, max_position_embeddings=context, **more,
    )  # fmt: skip


PUBLISHED: dict[str, PreTrainedConfig] = {
    "Llama-2-7B": published(LlamaConfig, 4096, 32, 32, 32, 4096),
    "Llama-2-13B": published(LlamaConfig, 5120, 40, 40, 40, 4096),
    "Llama-2-70B": published(LlamaConfig, 8192, 80, 64, 8, 4096),
    "Mistral-7B": published(MistralConfig, 4096, 32, 32, 8, 32_768, sliding_window=None),
    "Phi-4, 14B": published(Phi3Config, 5120, 40, 40, 10, 16_384, pad_token_id=0),
    "Qwen3-8B": published(Qwen3Config, 4096, 36, 32, 8, 40_960, head_dim=128),
    "Qwen3-32B": published(Qwen3Config, 5120, 64, 64, 8, 40_960, head_dim=128),
    "Llama-3.1-8B": published(LlamaConfig, 4096, 32, 32, 8, 131_072),
    "Llama-3.1-70B": published(LlamaConfig, 8192, 80, 64, 8, 131_072),
}
"""What their files on the Hub say."""


def held_bytes(config: PreTrainedConfig, tokens: int) -> int:
    """What a cache of the whole model holds, seen on one layer without its weights, in float16."""
    layers = config.num_hidden_layers
    config.num_hidden_layers, config.vocab_size = 1, 8
    with torch.device("meta"):
        model = MODELS[config.model_type](config).half()
        cache = model(torch.zeros(1, tokens, dtype=torch.long), use_cache=True).cache
    tensors = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
    return layers * sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.model)
def test_the_bytes_per_token_are_those_of_a_cache_of_that_configuration(cost):
    assert held_bytes(PUBLISHED[cost.model], tokens=3) == 3 * cost.bytes_per_token
    assert PUBLISHED[cost.model].max_position_embeddings == cost.context


def test_the_page_gets_every_model_once_with_its_bytes_per_token_and_where_that_stands():
    told = [cost.as_json() for cost in COSTS]
    assert [one["model"] for one in told] == list(PUBLISHED)
    assert (told[0]["model"], told[0]["bytes_per_token"]) == ("Llama-2-7B", 524_288)
    assert told[0]["config"] == "https://huggingface.co/meta-llama/Llama-2-7b-hf/blob/main/config.json"
