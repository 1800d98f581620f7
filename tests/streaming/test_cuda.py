"""On a CUDA device: every family as exact as on the CPU, captured steps, generation, lanes."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from streaming import families
from streaming.attention import kernels
from streaming.custom_generate import sink_generate
from streaming.forward import new_cache, read_into
from streaming.policy import Policy
from streaming.stream import open_stream
from streaming.window import SinkWindow
from tests.support import oracle, speaking, tiny

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

TOLERANCE = 1e-3  # nats per token, float32, whose products a GPU sums in another order
INTERFACE = [name for name in tiny.NAMES if families.of(tiny.config(name)).way == "interface"]


def on_cuda(name: str, dtype: torch.dtype = torch.float32) -> tiny.Tiny:
    loaded = tiny.load(name, dtype=dtype)
    return tiny.Tiny(copy.deepcopy(loaded.model).to("cuda"), loaded.context)


@pytest.mark.parametrize("name", tiny.NAMES)
@pytest.mark.parametrize("chunk", [1, 16, 60])
def test_every_family_agrees_with_the_oracle(name: str, chunk: int) -> None:
    ids = tiny.ids(60)
    truth = oracle.nll(name, tiny.load(name).model, ids, sinks=4, recent=12)
    ours = open_stream(on_cuda(name), Policy(kind="sinks", sinks=4, recent=12), chunk=chunk).read(ids)
    assert float((ours.double() - truth)[1:].abs().max()) < TOLERANCE


@pytest.mark.parametrize("name", INTERFACE)
def test_captured_steps_are_captured_and_agree_with_chunks(name: str) -> None:
    loaded, ids, policy = on_cuda(name), tiny.ids(900), Policy(kind="sinks", sinks=4, recent=60)
    stepper, reader = open_stream(loaded, policy), open_stream(loaded, policy)
    stepper.read(ids[:100])
    reader.read(ids[:100])
    for token in ids[100:]:
        logits = stepper.step(int(token))
    assert stepper._cache.ring is not None and stepper._cache.ring._graph is not None
    reader.read(ids[100:])
    assert torch.allclose(logits.log_softmax(-1), reader.logits.log_softmax(-1), atol=5e-3)
    assert stepper.held() == reader.held()


@pytest.mark.parametrize("name", ["llama-grouped", "gpt_neox", "falcon", "mpt", "gemma2"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_within_one_percent_of_perplexity(name: str, dtype: torch.dtype) -> None:
    ids, policy = tiny.ids(300), Policy(kind="sinks", sinks=4, recent=60)
    exact = open_stream(tiny.load(name, initializer_range=0.05), policy).read(ids)[1:].mean().exp()
    half = tiny.load(name, initializer_range=0.05, dtype=dtype)
    ours = open_stream(tiny.Tiny(half.model.to("cuda"), half.context), policy, chunk=128).read(ids)[1:].mean().exp()
    assert abs(float(ours / exact) - 1) < 0.01


def test_which_kernels_are_right_here_is_known() -> None:
    """Not asserted of old cards: printed, so that whoever measures knows what was measured."""
    print({str(t): kernels.windows_on(torch.device("cuda"), t) for t in (torch.bfloat16, torch.float16)})


@torch.inference_mode()
@pytest.mark.parametrize("name", ["llama-grouped", "gpt_neox", "falcon", "falcon-alibi", "mpt", "gemma2"])
def test_generate_gives_the_tokens_of_the_cpu(name: str) -> None:
    prompt = tiny.ids(30)[None]
    settings = {"custom_generate": sink_generate, "sinks": 4, "recent": 12, "max_new_tokens": 60, "do_sample": False}
    expected = tiny.load(name).model.generate(prompt, **settings)
    ours = on_cuda(name).model.generate(prompt.to("cuda"), **settings).cpu()
    agree = int((ours == expected).long().cumprod(-1).sum())
    assert agree >= 30 + 20  # two logits may be equal to the last bit but one


@torch.inference_mode()
def test_a_batch_is_read_and_stepped_together() -> None:
    view, window = families.prepare(on_cuda("llama-grouped").model), SinkWindow(sinks=4, recent=60)
    rows = torch.stack([tiny.ids(300, seed) for seed in (1, 2)]).to("cuda")
    for chunk in (1, 128):
        together = read_into(view, new_cache(view, window), rows, chunk=chunk)
        for row, logits in zip(rows, together, strict=True):
            alone = read_into(view, new_cache(view, window), row[None], chunk=64)
            assert torch.allclose(alone[0], logits, atol=1e-2)


def test_lanes_share_a_model() -> None:
    loaded = speaking.loaded()
    loaded = replace(loaded, model=copy.deepcopy(loaded.model).to("cuda"))
    lanes = (Policy(kind="dense"), Policy(kind="sinks", sinks=4, recent=28))
    settings = RunSettings(lanes=lanes, max_tokens=400, answers=False, max_seconds=60)
    with Run(loaded, settings) as run:
        *_, last = run.frames()
    assert [(lane["tokens"], lane["reason"]) for lane in last["lanes"]] == [(400, "tokens")] * 2
