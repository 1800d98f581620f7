from __future__ import annotations

import pytest
import torch
from transformers import FalconConfig, GPTNeoXConfig, LlamaConfig, MptConfig, PreTrainedConfig
from transformers.models.falcon.modeling_falcon import FalconForCausalLM
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXForCausalLM
from transformers.models.llama.modeling_llama import LlamaForCausalLM
from transformers.models.mpt.modeling_mpt import MptForCausalLM

from comparisons.page.costs import COSTS

MODELS = {
    "llama": LlamaForCausalLM,
    "mpt": MptForCausalLM,
    "falcon": FalconForCausalLM,
    "gpt_neox": GPTNeoXForCausalLM,
}
FALCON = {"alibi": False, "bias": False, "parallel_attn": True}
PUBLISHED: dict[str, PreTrainedConfig] = {
    "Llama-2-7B": LlamaConfig(
        hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32
    ),
    "Llama-2-13B": LlamaConfig(
        hidden_size=5120, intermediate_size=13824, num_hidden_layers=40, num_attention_heads=40, num_key_value_heads=40
    ),
    "Llama-2-70B": LlamaConfig(
        hidden_size=8192, intermediate_size=28672, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8
    ),
    "MPT-7B": MptConfig(d_model=4096, n_heads=32, n_layers=32),
    "MPT-30B": MptConfig(d_model=7168, n_heads=64, n_layers=48),
    "Falcon-7B": FalconConfig(
        hidden_size=4544, num_attention_heads=71, num_hidden_layers=32, multi_query=True,
        new_decoder_architecture=False, **FALCON
    ),
    "Falcon-40B": FalconConfig(
        hidden_size=8192, num_attention_heads=128, num_kv_heads=8, num_hidden_layers=60,
        new_decoder_architecture=True, **FALCON
    ),
    "Pythia-12B": GPTNeoXConfig(
        hidden_size=5120, intermediate_size=20480, num_attention_heads=40, num_hidden_layers=36
    ),
}  # fmt: skip
"""What their files on the Hub say."""

COPIES = {"Falcon-40B": 128 // 8}
"""How often transformers keeps the same key: for each head of queries, where Falcon lets them share one."""


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
    assert held_bytes(PUBLISHED[cost.model], tokens=3) == 3 * cost.bytes_per_token * COPIES.get(cost.model, 1)


def test_the_page_gets_every_model_once_with_its_bytes_per_token():
    told = [cost.as_json() for cost in COSTS]
    assert [one["model"] for one in told] == list(PUBLISHED)
    assert told[0] == {"model": "Llama-2-7B", "bytes_per_token": 524_288}
