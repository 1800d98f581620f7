"""Steps at constant shapes: the arithmetic of the captured step, un-captured on the CPU, and captured where CUDA is."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from streaming import families
from streaming.cache import StreamCache
from streaming.forward import forward, new_cache, read_into
from streaming.ring import RingStep
from streaming.window import SinkWindow
from tests.support import oracle, tiny

TOLERANCE = 1e-4
INTERFACE = [name for name in tiny.NAMES if families.of(tiny.config(name)).way == "interface"]


def ringed(name: str, ids: torch.Tensor, sinks: int, recent: int) -> tuple[torch.nn.Module, StreamCache]:
    """A view and its cache after (B, n) ids, which takes its steps in a ring from then on."""
    view = families.prepare(tiny.load(name).model)
    cache = new_cache(view, SinkWindow(sinks=sinks, recent=recent))
    read_into(view, cache, ids)
    cache.ring = RingStep(view, cache, len(ids), capture=False)
    return view, cache


@torch.inference_mode()
@pytest.mark.parametrize("name", INTERFACE)
@pytest.mark.parametrize(("sinks", "recent"), [(4, 12), (1, 7), (0, 12)])
def test_steps_in_a_ring_agree_with_the_oracle(name: str, sinks: int, recent: int) -> None:
    ids = tiny.ids(60)
    view, cache = ringed(name, ids[None, :20], sinks, recent)
    logits = torch.cat([forward(view, cache, token[None, None]).logits[0] for token in ids[20:]])
    ours = F.cross_entropy(logits[:-1], ids[21:], reduction="none")
    truth = oracle.nll(name, tiny.load(name).model, ids, sinks=sinks, recent=recent)[21:]
    assert float((ours.double() - truth).abs().max()) < TOLERANCE


@torch.inference_mode()
@pytest.mark.parametrize("name", ["llama-grouped", "gemma3_text", "smollm3"])
def test_chunks_and_steps_may_take_turns_past_renumberings(name: str) -> None:
    ids = tiny.ids(900)
    view, cache = ringed(name, ids[None, :30], 4, 20)
    plain = new_cache(view, cache.window)
    read_into(view, plain, ids[None, :30])
    start = 30
    for count in (1, 1, 25, *[1] * 300, 7, *[1] * 21, 40, *[1] * 300, 2):  # steps fill the ring, once and many times
        piece = ids[None, start : start + count]
        start += count
        ours, truth = forward(view, cache, piece).logits[:, -1], read_into(view, plain, piece)
        assert float((ours - truth).log_softmax(-1).sub(torch.zeros_like(ours).log_softmax(-1)).abs().max()) < 1e-2
        assert (cache.tokens, cache.held(), cache.nbytes) == (plain.tokens, plain.held(), plain.nbytes)
    assert start > 20 + 2 * 256


@torch.inference_mode()
def test_forks_and_states_see_the_tokens_in_the_order_of_the_stream() -> None:
    ids = tiny.ids(80)
    view, cache = ringed("llama-grouped", ids[None, :30], 4, 12)
    plain = new_cache(view, cache.window)
    read_into(view, plain, ids[None, :47])
    for token in ids[30:47]:
        forward(view, cache, token[None, None])
    twin, restored = cache.fork(), new_cache(view, cache.window)
    restored.restore(cache.state())
    expected = read_into(view, plain, ids[None, 47:])
    for other in (twin, restored, cache):
        assert torch.allclose(read_into(view, other, ids[None, 47:]), expected, atol=1e-4)


@torch.inference_mode()
def test_a_batch_steps_together() -> None:
    rows = torch.stack([tiny.ids(50, seed) for seed in (1, 2)])
    view, cache = ringed("llama", rows[:, :20], 4, 12)
    together = [forward(view, cache, rows[:, t : t + 1]).logits[:, -1] for t in range(20, 50)]
    for row, ids in enumerate(rows):
        alone = new_cache(view, cache.window)
        read_into(view, alone, ids[None, :49])
        assert torch.allclose(read_into(view, alone, ids[None, 49:])[0], together[-1][row], atol=1e-3)


@torch.inference_mode()
def test_sinks_that_are_set_aside_leave_the_ring() -> None:
    ids = tiny.ids(80)
    view, cache = ringed("llama", ids[None, :30], 4, 12)
    plain = new_cache(view, cache.window)
    read_into(view, plain, ids[None, :33])
    for token in ids[30:33]:
        forward(view, cache, token[None, None])
    for each in (cache, plain):
        each.set_aside_sinks()
    assert torch.allclose(
        forward(view, cache, ids[None, 33:34]).logits, forward(view, plain, ids[None, 33:34]).logits, atol=1e-4
    )
    for each in (cache, plain):
        each.restore_sinks()
    assert torch.allclose(read_into(view, cache, ids[None, 34:]), read_into(view, plain, ids[None, 34:]), atol=1e-4)


def test_no_step_is_captured_on_the_cpu() -> None:
    view, cache = ringed("llama", tiny.ids(30)[None], 4, 12)
    cache.ring = None
    forward(view, cache, torch.tensor([[1]]))
    assert cache.ring is None
