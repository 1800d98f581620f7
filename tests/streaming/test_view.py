"""A model is never touched by reading it: what it computes, and what can be done with it, stays the stock model's."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from streaming import families
from streaming.custom_generate import sink_generate
from streaming.errors import ModelUnsupported
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import tiny

SINKS = Policy(kind="sinks", sinks=4, recent=12)
ALIBI = ("falcon-alibi", "mpt")


def parts(model: nn.Module) -> list:
    """Everything that hangs on a model's modules, by identity: attributes, hooks, tensors, settings."""
    found = []
    for module in model.modules():
        for name, value in vars(module).items():
            inside = sorted((str(key), id(item)) for key, item in value.items()) if isinstance(value, dict) else []
            found.append((id(module), name, id(value), inside))
        if hasattr(module, "config"):
            found.append(sorted((key, repr(value)) for key, value in vars(module.config).items()))
    return found


def padded(ids: Tensor, left: bool) -> dict[str, Tensor]:
    mask = torch.ones_like(ids)
    mask[0, slice(0, 3) if left else slice(-3, None)] = 0
    return {"attention_mask": mask}


def says(model: nn.Module, ids: Tensor, way: str) -> list[Tensor]:
    """What a model answers to one of the ways in which people call it."""
    if way == "guidance":
        return [model.generate(ids[:1, :9], guidance_scale=1.5, max_new_tokens=5, do_sample=False, pad_token_id=1)]
    more = {"plain": {}, "left": padded(ids, True), "right": padded(ids, False)}.get(way)
    if more is None:
        more = {"output_attentions": True, "output_hidden_states": True}
    out = model(ids, **more)
    return [out.logits, *(out.attentions or ()), *(out.hidden_states or ())]


@settings(max_examples=40)
@given(
    name=st.sampled_from(tiny.NAMES),
    attention=st.sampled_from(["eager", None]),
    way=st.sampled_from(["plain", "left", "right", "everything", "guidance"]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    open_ones=st.integers(0, 2),
)
@torch.no_grad()
def test_a_model_that_is_read_computes_what_the_stock_model_does(name, attention, way, dtype, open_ones) -> None:
    model = tiny.build(name, attention="eager" if way == "everything" else attention, dtype=dtype)
    stock = tiny.build(name, attention="eager" if way == "everything" else attention, dtype=dtype)
    ids, before = tiny.ids(40).view(2, 20), parts(model)
    streams = [open_stream(tiny.Tiny(model), SINKS) for _ in range(open_ones + 1)]
    for stream in streams:
        stream.read(tiny.ids(70))
    assert parts(model) == before
    ours, theirs = says(model, ids, way), says(stock, ids, way)
    assert len(ours) == len(theirs)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    streams[0].step(3)


def in_threads(jobs: list[Callable[[], object]]) -> list:
    """What each job returns, all at the same time."""
    found: dict[int, object] = {}
    start = threading.Barrier(len(jobs))

    def run(index: int) -> None:
        start.wait()
        found[index] = jobs[index]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[i] for i in range(len(jobs))]


@settings(max_examples=12)
@given(name=st.sampled_from(["llama", "llama-dynamic", "phi3-longrope", "gemma2", "falcon", "falcon-alibi", "mpt"]),
       lengths=st.lists(st.integers(1, 80), min_size=2, max_size=3))  # fmt: skip
@torch.no_grad()
def test_threads_that_share_a_model_get_what_each_gets_alone(name: str, lengths: list[int]) -> None:
    model = tiny.build(name)
    wide = tiny.ids(30)[None]

    def generated(length: int) -> list[int]:
        more = {"do_sample": False, "eos_token_id": None, "pad_token_id": 1, "max_new_tokens": 20}
        ids = tiny.ids(length, seed=length)[None]
        more["attention_mask"] = torch.ones_like(ids)
        return model.generate(ids, custom_generate=sink_generate, sinks=4, recent=12, **more).tolist()

    def plain() -> Tensor:
        return torch.stack([model(wide).logits for _ in range(12)])

    jobs = [*(lambda length=length: generated(length) for length in lengths), plain]
    alone = [job() for job in jobs]
    together = in_threads(jobs)
    assert together[:-1] == alone[:-1]
    assert torch.equal(together[-1], alone[-1])


def read(model: nn.Module, count: int = 60) -> Tensor:
    return open_stream(tiny.Tiny(model), SINKS).read(tiny.ids(count))[1:]


@pytest.mark.parametrize("name", ["llama", "falcon", "mpt"])
def test_what_people_do_to_a_forward_is_seen_through_the_view(name: str) -> None:
    model, truth = tiny.build(name), read(tiny.build(name))
    calls = []
    original = model.base_model.forward

    def counted(*args, **kwargs):
        calls.append(1)
        return original(*args, **kwargs)

    model.base_model.forward = counted
    assert torch.equal(read(model), truth)
    assert calls
    model.base_model.forward = torch.compile(original, backend="eager")
    assert torch.equal(read(model), truth)
    model.compile(backend="eager")
    assert torch.equal(read(model), truth)
    assert torch.equal(read(torch.compile(tiny.build(name), backend="eager")), truth)


def test_a_forward_that_cannot_be_looked_into_is_refused() -> None:
    model = tiny.build("llama")
    HIDDEN["forward"] = model.base_model.forward
    model.base_model.forward = hidden
    with pytest.raises(ModelUnsupported, match="LlamaModel has been replaced"):
        read(model)


HIDDEN: dict[str, Callable] = {}


def hidden(*args, **kwargs):
    return HIDDEN["forward"](*args, **kwargs)


def test_weights_that_change_later_and_hooks_that_come_later_are_seen() -> None:
    model = tiny.build("llama")
    stream = open_stream(tiny.Tiny(model), SINKS)
    stream.read(tiny.ids(20))
    seen = []
    model.base_model.layers[1].register_forward_hook(lambda *_: seen.append(1))
    with torch.no_grad():
        model.lm_head.weight.zero_()
    assert stream.step(3).abs().max() == 0
    assert seen


def test_training_mode_is_refused_where_it_would_drop_attention() -> None:
    model = tiny.build("llama", attention_dropout=0.1).train()
    with pytest.raises(ModelUnsupported, match=r"model\.eval"):
        families.prepare(model)
    still = tiny.build("llama").train()
    still.gradient_checkpointing_enable()
    assert torch.equal(read(still), read(tiny.build("llama")))


def test_layers_that_are_not_those_of_the_configuration_are_refused() -> None:
    model = tiny.build("llama")
    model.model.layers = model.model.layers[1:]
    with pytest.raises(ModelUnsupported, match="num_hidden_layers"):
        families.prepare(model)


def test_a_model_without_a_head_is_refused() -> None:
    with pytest.raises(ModelUnsupported, match="AutoModelForCausalLM"):
        families.prepare(tiny.build("llama").base_model)


def test_settings_of_the_output_do_not_matter() -> None:
    model = tiny.build("llama", attention="eager", return_dict=False, output_attentions=True, output_hidden_states=True)
    assert torch.equal(read(model), read(tiny.build("llama")))
