"""What is supported, what is refused and why, and what preparation pins."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoConfig, PreTrainedTokenizerFast

from streaming import families
from streaming.attention import merged as attention
from streaming.errors import ModelUnsupported
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import tiny


@pytest.mark.parametrize("name", tiny.NAMES)
def test_supported_configurations_pass(name: str) -> None:
    families.check(tiny.config(name))


@pytest.mark.parametrize(
    ("model_type", "words"),
    [
        ("gpt2", "learned"),
        ("opt", "learned"),
        ("gpt_oss", "sinks of its own"),
        ("mamba", "recurrent"),
        ("t5", "encoder"),
        ("bloom", "not been checked"),
    ],
)
def test_what_cannot_be_streamed_is_refused_by_name_with_the_reason(model_type: str, words: str) -> None:
    with pytest.raises(ModelUnsupported, match=f"{model_type}.*{words}"):
        families.check(AutoConfig.for_model(model_type))


def test_options_that_the_port_of_mpt_ignores_are_refused() -> None:
    for option in ({"alibi": False}, {"qk_ln": True}, {"alibi_bias_max": 16}, {"prefix_lm": True}):
        with pytest.raises(ModelUnsupported, match="attn_config"):
            families.check(AutoConfig.for_model("mpt", attn_config=option))


def test_an_unknown_rope_is_refused() -> None:
    config = tiny.config("llama")
    config.rope_parameters = {"rope_type": "spiral", "rope_theta": 1e4}
    with pytest.raises(ModelUnsupported, match="spiral"):
        families.check(config)


@pytest.mark.parametrize("name", ["llama-dynamic", "phi3-longrope"])
def test_a_length_dependent_rope_is_pinned_to_its_plain_form_in_the_view_alone(name: str) -> None:
    model, ids = tiny.build(name), tiny.ids(100)[None]
    before = model(ids).logits
    stream = open_stream(tiny.Tiny(model), Policy(kind="dense"))
    stream.read(ids[0])
    assert not torch.allclose(stream.logits, before[0, -1], atol=1e-2)  # past the training length the two differ
    assert torch.equal(model(ids).logits, before)


def test_every_family_that_says_so_calls_our_attention() -> None:
    for name in tiny.NAMES:
        view = families.prepare(tiny.build(name))
        if families.of(view.config).way == "interface":
            assert {layer.config._attn_implementation for layer in attention_layers(view)} == {attention.IMPLEMENTATION}


def attention_layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    return [module for module in model.modules() if hasattr(module, "layer_idx") and hasattr(module, "config")]


def test_an_argument_that_sink_attention_does_not_know_is_refused() -> None:
    q = torch.randn(1, 2, 1, 4)
    with pytest.raises(ModelUnsupported, match="s_aux"):
        attention.streaming_attention(torch.nn.Identity(), q, q, q, None, scaling=1.0, s_aux=torch.zeros(2))


def tokenizer(*, adds_start: bool) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordLevel({"<s>": 0, "a": 1, "<unk>": 2}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    if adds_start:
        inner.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", unk_token="<unk>")


def test_the_start_token_is_the_one_that_the_tokenizer_puts_there() -> None:
    config = tiny.config("llama")
    assert families.start_token(config, tokenizer(adds_start=True)) == 0
    assert families.start_token(config, tokenizer(adds_start=False)) is None


@pytest.mark.parametrize(("name", "length"), [("llama", 64), ("mpt", 64), ("phi3-longrope", 64), ("llama-yarn", 256)])
def test_the_training_length(name: str, length: int) -> None:
    assert families.context(tiny.config(name)) == length
