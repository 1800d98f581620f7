"""Models as people have them: with adapters, with weights put away, damaged, in a wrapper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import cpu_offload, disk_offload
from accelerate.hooks import remove_hook_from_submodules
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import (
    IA3Config,
    LoraConfig,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from torch import Tensor, nn

from streaming import Policy, Sampling, SinkShare, SinkWindow, decode, open_stream, sink_cache, sink_generate
from streaming.errors import ModelUnsupported, SettingsError, StreamError
from tests.support import tiny

SINKS = Policy(kind="sinks", sinks=4, recent=12)
FAMILIES = ("llama", "llama-dynamic", "gemma3_text", "falcon", "falcon-alibi", "mpt")
QUERIES = {"falcon": "query_key_value", "falcon-alibi": "query_key_value", "mpt": "Wqkv"}


def read(model: nn.Module, count: int = 60) -> Tensor:
    return open_stream(tiny.Tiny(model), SINKS).read(tiny.ids(count))


def generate(model: nn.Module, ids: Tensor, **more) -> list:
    asked = {"do_sample": False, "eos_token_id": None, "pad_token_id": 1, "max_new_tokens": 8} | more
    asked = {"custom_generate": sink_generate, "attention_mask": torch.ones_like(ids)} | asked
    return model.generate(input_ids=ids, **asked).tolist()


def with_lora(name: str) -> nn.Module:
    """A tiny model with an adapter that matters."""
    torch.manual_seed(1)
    config = LoraConfig(task_type="CAUSAL_LM", target_modules=[QUERIES.get(name, "q_proj")], init_lora_weights=False)
    return get_peft_model(tiny.build(name), config).eval()


@pytest.mark.parametrize("name", FAMILIES)
def test_lora_is_read_as_the_model_that_it_is_merged_into(name: str) -> None:
    model, merged, ids = with_lora(name), with_lora(name).merge_and_unload(), tiny.ids(30)[None]
    assert torch.allclose(read(model)[1:], read(merged)[1:], atol=1e-4)
    assert not torch.allclose(read(model)[1:], read(tiny.build(name))[1:], atol=1e-2)
    cache = sink_cache(model, sinks=4, recent=12)
    assert generate(model, ids, cache=cache) == generate(merged, ids, sinks=4, recent=12)
    assert cache.tokens == 37


def test_an_adapter_that_is_switched_off_between_turns_is_another_model() -> None:
    model, ids = with_lora("llama"), tiny.ids(20)[None]
    cache = sink_cache(model, sinks=4, recent=12)
    said = torch.tensor(generate(model, ids, cache=cache))
    with model.disable_adapter(), pytest.raises(SettingsError, match="another adapter"):
        generate(model, said, cache=cache)
    generate(model, said, cache=cache)


@pytest.mark.parametrize("config", [
    PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=4, encoder_hidden_size=16),
    PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"], alora_invocation_tokens=[1, 2]),
])  # fmt: skip
def test_adapters_that_change_what_is_fed_to_the_model_are_refused(config) -> None:
    model = get_peft_model(tiny.build("llama"), config)
    for verb in (lambda: read(model), lambda: sink_cache(model), lambda: generate(model, tiny.ids(9)[None])):
        with pytest.raises(ModelUnsupported, match="adapter"):
            verb()


def test_other_adapters_of_layers_are_read() -> None:
    config = IA3Config(task_type="CAUSAL_LM", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"])
    assert torch.allclose(
        read(get_peft_model(tiny.build("llama"), config))[1:], read(tiny.build("llama"))[1:], atol=1e-4
    )


@settings(max_examples=12)
@given(name=st.sampled_from(FAMILIES), buffers=st.booleans(), disk=st.booleans())
def test_weights_that_are_put_away_are_read_all_the_same(
    tmp_path_factory, name: str, buffers: bool, disk: bool
) -> None:
    model, ids = tiny.build(name), tiny.ids(30)[None]
    truth, said = read(model), generate(model, ids, sinks=4, recent=12)
    if disk:
        disk_offload(model, str(tmp_path_factory.mktemp("weights")), offload_buffers=buffers)
    else:
        cpu_offload(model, offload_buffers=buffers)
    assert model.device.type == "meta"
    assert torch.equal(read(model)[1:], truth[1:])
    assert generate(model, ids, sinks=4, recent=12) == said
    assert generate(model, ids, custom_generate=None) == generate(tiny.build(name), ids, custom_generate=None)
    remove_hook_from_submodules(model)


def test_an_embedding_on_disk_is_read(tmp_path: Path) -> None:
    from accelerate import dispatch_model

    model = tiny.build("llama")
    truth = read(model)
    places = {"model.embed_tokens": "disk", "model.layers": "cpu", "model.norm": "cpu", "model.rotary_emb": "cpu",
              "lm_head": "disk"}  # fmt: skip
    placed = dispatch_model(model, places, main_device="cpu", offload_dir=str(tmp_path), force_hooks=True)
    assert torch.equal(read(placed)[1:], truth[1:])
    assert len(generate(placed, tiny.ids(9)[None])[0]) == 17


@pytest.mark.parametrize("name", ["llama", "falcon", "mpt"])
@pytest.mark.parametrize("kind", ["dense", "window", "recompute", "sinks"])
def test_nan_is_told(name: str, kind: str) -> None:
    model = tiny.build(name)
    with torch.no_grad():
        model.get_output_embeddings().weight[3] = torch.nan
    stream = open_stream(tiny.Tiny(model), Policy(kind=kind, sinks=4, recent=12))
    with pytest.raises(StreamError, match="NaN"):
        stream.read(tiny.ids(9))
    asking = open_stream(tiny.Tiny(model), Policy(kind=kind, sinks=4, recent=12))
    asking.read(tiny.ids(1))
    with pytest.raises(StreamError, match="float16"):
        list(decode(asking, sampling=Sampling(), max_tokens=3))
    with pytest.raises(StreamError, match="NaN"):
        generate(model, tiny.ids(9)[None])


@given(st.sampled_from([np.int64, np.int32, np.uint8, torch.tensor]))
@settings(max_examples=4)
def test_numbers_of_numpy_are_numbers(kind) -> None:
    four, twelve = kind(4), kind(12)
    window, policy = SinkWindow(sinks=four, recent=twelve), Policy(kind="sinks", sinks=four, recent=twelve)
    assert (window.sinks, policy.recent, policy.label) == (4, 12, "sinks:4+12")
    assert {type(x) for x in (window.sinks, window.recent, policy.sinks, policy.recent)} == {int}
    stream = open_stream(tiny.load("llama"), policy, chunk=twelve)
    stream.read(tiny.ids(20), share=SinkShare(four, last=twelve))
    assert Sampling(seed=four, temperature=np.float32(0.5), top_p=np.float64(1)) == Sampling(seed=4, temperature=0.5)
    assert sink_cache(tiny.build("llama"), sinks=four, recent=twelve).window == window


@pytest.mark.parametrize("value", [True, np.True_, 4.0, np.float32(4), "4", None, [4]])
def test_what_does_not_count_is_refused(value: object) -> None:
    with pytest.raises(SettingsError, match="sinks"):
        SinkWindow(sinks=value)


def test_tied_weights_and_configurations_of_a_subclass_are_read() -> None:
    tied = tiny.build("llama", tie_word_embeddings=True)
    assert tied.lm_head.weight is tied.model.embed_tokens.weight
    own = type(tied.config)
    tied.config.__class__ = type("OwnConfig", (own,), {})
    assert read(tied)[1:].isfinite().all()
