"""All fast paths against the oracle, on tiny random models of every family."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from streaming import families
from streaming.forward import new_cache, read_into
from streaming.policy import Policy
from streaming.stream import open_stream
from streaming.window import SinkWindow
from tests.support import oracle, tiny

TOLERANCE = 1e-4  # nats per token, fp32
ALIBI = ("falcon-alibi", "mpt")


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference of two (n,) tensors of nats per token, over all that was predicted."""
    assert ours[0].isnan()
    assert not ours[1:].isnan().any()
    return float((ours.double() - theirs.double())[1:].abs().max())


@pytest.mark.parametrize("name", tiny.NAMES)
@pytest.mark.parametrize(("sinks", "recent"), [(0, 12), (1, 12), (4, 12), (8, 5)])
def test_sinks_agree_with_the_oracle(name: str, sinks: int, recent: int) -> None:
    loaded, ids = tiny.load(name), tiny.ids(60)
    truth = oracle.nll(name, loaded.model, ids, sinks=sinks, recent=recent)
    for chunk in (1, 7, 16, 60):  # smaller and larger than the cache; it overflows inside chunks
        stream = open_stream(loaded, Policy(kind="sinks", sinks=sinks, recent=recent), chunk=chunk)
        assert difference(stream.read(ids), truth) < TOLERANCE, f"chunk {chunk}"


@pytest.mark.parametrize("name", tiny.NAMES)
def test_dense_agrees_with_the_oracle_past_the_training_length(name: str) -> None:
    loaded, ids = tiny.load(name), tiny.ids(90)
    truth = oracle.nll(name, loaded.model, ids, sinks=0, recent=None)
    for chunk in (1, 32):
        assert difference(open_stream(loaded, Policy(kind="dense"), chunk=chunk).read(ids), truth) < TOLERANCE


@pytest.mark.parametrize("name", [n for n in tiny.NAMES if n not in ALIBI])
def test_text_positions_agree_with_the_oracle(name: str) -> None:
    loaded, ids = tiny.load(name), tiny.ids(60)
    truth = oracle.nll(name, loaded.model, ids, sinks=4, recent=12, text=True)
    policy = Policy(kind="sinks", sinks=4, recent=12, positions="text")
    for chunk in (1, 16):
        assert difference(open_stream(loaded, policy, chunk=chunk).read(ids), truth) < TOLERANCE


@torch.no_grad()
def test_text_positions_under_alibi_are_one_masked_forward() -> None:
    loaded, ids = tiny.load("mpt"), tiny.ids(60)
    steps = torch.arange(60)
    seen = (steps <= steps[:, None]) & ((steps < 4) | (steps >= steps[:, None] - 12))
    logits = tiny.build("mpt")(ids[None], attention_mask=~seen[None, None]).logits[0]
    truth = torch.cat([torch.full((1,), torch.nan), F.cross_entropy(logits[:-1], ids[1:], reduction="none")])
    policy = Policy(kind="sinks", sinks=4, recent=12, positions="text")
    assert difference(open_stream(loaded, policy, chunk=16).read(ids), truth) < TOLERANCE


@pytest.mark.parametrize("name", tiny.NAMES)
def test_the_oracle_would_notice(name: str) -> None:
    """The comparison has power: one recent token less is far outside the tolerance."""
    loaded, ids = tiny.load(name), tiny.ids(60)
    truth = oracle.nll(name, loaded.model, ids, sinks=4, recent=12)
    ours = open_stream(loaded, Policy(kind="sinks", sinks=4, recent=11)).read(ids)
    assert difference(ours, truth) > 100 * TOLERANCE


@pytest.mark.parametrize("name", tiny.NAMES)
def test_recompute_encodes_the_latest_tokens_from_nothing(name: str) -> None:
    loaded, ids = tiny.load(name), tiny.ids(40)
    stream = open_stream(loaded, Policy(kind="recompute", sinks=4, recent=8))
    ours = stream.read(ids)
    for t in (5, 13, 25, 39):
        latest = ids[max(0, t - 13) : t + 1]  # 13 tokens are encoded, the last is predicted
        truth = oracle.nll(name, loaded.model, latest, sinks=0, recent=None)
        assert abs(float(ours[t]) - float(truth[-1])) < TOLERANCE


def test_recompute_keeps_the_start_token() -> None:
    loaded, ids = tiny.Tiny(tiny.load("llama").model, start_token=0), tiny.ids(40)
    ids[0] = 0
    ours = open_stream(loaded, Policy(kind="recompute", sinks=4, recent=8)).read(ids)
    latest = torch.cat([ids[:1], ids[39 - 12 : 40]])
    truth = oracle.nll("llama", loaded.model, latest, sinks=0, recent=None)
    assert abs(float(ours[39]) - float(truth[-1])) < TOLERANCE


@pytest.mark.parametrize(("sinks", "recent"), [(0, 100), (1, 100), (4, 252), (4, 600)])
def test_long_chunks_are_read_in_blocks_exactly(sinks: int, recent: int) -> None:
    """Chunks long enough to be cut into blocks, over several renumberings of the window."""
    loaded, ids = tiny.load("llama-grouped", initializer_range=0.15), tiny.ids(900)
    policy = Policy(kind="sinks", sinks=sinks, recent=recent)
    token_by_token = open_stream(loaded, policy, chunk=1).read(ids)
    for chunk in (7, 64, 100, 256, 512):  # whole blocks, and blocks with a rest
        assert difference(open_stream(loaded, policy, chunk=chunk).read(ids), token_by_token) < TOLERANCE


@torch.inference_mode()
def test_a_batch_is_read_in_blocks_as_each_of_its_rows() -> None:
    model, window = families.prepare(tiny.load("llama-grouped").model), SinkWindow(sinks=4, recent=60)
    rows = torch.stack([tiny.ids(300, seed) for seed in (1, 2, 3)])
    together = read_into(model, new_cache(model, window), rows, chunk=128)
    for row, logits in zip(rows, together, strict=True):
        alone = read_into(model, new_cache(model, window), row[None], chunk=1)
        assert torch.allclose(alone[0], logits, atol=1e-3)


def test_softcapped_scores_are_read_in_blocks_exactly() -> None:
    loaded, ids = tiny.load("gemma2"), tiny.ids(400)
    policy = Policy(kind="sinks", sinks=4, recent=60)
    ours = open_stream(loaded, policy, chunk=128).read(ids)
    assert difference(ours, open_stream(loaded, policy, chunk=1).read(ids)) < TOLERANCE


def test_it_would_matter_not_to_move_the_sinks() -> None:
    loaded, ids = tiny.load("llama"), tiny.ids(300)
    moved = open_stream(loaded, Policy(kind="sinks", sinks=4, recent=12)).read(ids)
    left = open_stream(loaded, Policy(kind="sinks", sinks=4, recent=12, positions="text")).read(ids)
    assert difference(moved, left) > 0.1


@torch.no_grad()
def test_window_is_one_forward_of_a_sliding_mistral() -> None:
    """A cross-check that owes nothing to this project: transformers' own sliding window."""
    loaded, ids = tiny.load("llama-grouped"), tiny.ids(60)
    sliding = tiny.build("mistral", attention="eager", sliding_window=13)
    sliding.load_state_dict(loaded.model.state_dict())
    logits = sliding(ids[None]).logits[0]
    truth = torch.cat([torch.full((1,), torch.nan), F.cross_entropy(logits[:-1], ids[1:], reduction="none")])
    assert difference(open_stream(loaded, Policy(kind="window", sinks=4, recent=8)).read(ids), truth) < TOLERANCE


@pytest.mark.parametrize("name", ["llama", "falcon"])
def test_one_layer_of_sinks_is_a_fresh_forward_over_the_kept_tokens(name: str) -> None:
    loaded, ids = tiny.load(name, num_hidden_layers=1), tiny.ids(50)
    policy = Policy(kind="sinks", sinks=4, recent=12)
    stream, fresh = open_stream(loaded, policy), open_stream(loaded, Policy(kind="dense"))
    stream.read(ids)
    fresh.read(ids[policy.window.attended(49)])
    assert torch.allclose(stream.logits, fresh.logits, atol=1e-4)


@pytest.mark.parametrize("name", tiny.NAMES)
def test_before_the_first_overflow_sinks_are_dense(name: str) -> None:
    loaded, ids = tiny.load(name), tiny.ids(17)
    sinks = open_stream(loaded, Policy(kind="sinks", sinks=4, recent=12), chunk=1).read(ids)
    dense = open_stream(loaded, Policy(kind="dense"), chunk=1).read(ids)
    assert difference(sinks, dense) < 1e-5


@pytest.mark.parametrize("far", [1_000_000, 4_000_000])
def test_a_million_tokens_on_the_results_are_the_same(far: int) -> None:
    """The same content at another place of the stream: the state is moved there instead of reading that far."""
    loaded, ids = tiny.load("llama"), tiny.ids(700)
    near, later = (open_stream(loaded, Policy(kind="sinks", sinks=4, recent=60)) for _ in range(2))
    near.read(ids[:300])
    later.read(ids[:300])
    later._cache.tokens += far  # what reading `far` tokens would leave: only the count, once keys are renumbered
    later._cache.base += far
    assert float((near.read(ids[300:]) - later.read(ids[300:])).abs().max()) < 5e-4


@pytest.mark.parametrize("name", ["llama-grouped", "gpt_neox", "falcon", "mpt", "gemma2"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_within_one_percent_of_perplexity(name: str, dtype: torch.dtype) -> None:
    ids, policy = tiny.ids(300), Policy(kind="sinks", sinks=4, recent=60)
    exact = open_stream(tiny.load(name, initializer_range=0.05), policy).read(ids)[1:].mean().exp()
    ours = open_stream(tiny.load(name, initializer_range=0.05, dtype=dtype), policy).read(ids)[1:].mean().exp()
    assert abs(float(ours / exact) - 1) < 0.01
