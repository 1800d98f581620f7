"""The share of attention on the first tokens, against the probabilities that transformers itself computes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from streaming.errors import SettingsError
from streaming.policy import Policy
from streaming.share import SinkShare
from streaming.stream import Stream, open_stream
from tests.support import oracle, tiny

TOLERANCE = 1e-5
RECENT = 12


def by_token(stream: Stream, ids: Tensor, first: int) -> Tensor:
    """What each token gives to the first ones, (n, L, H); NaN where there is no answer."""
    out = []
    for token in ids:
        share = SinkShare(first)
        stream.read(token[None], share=share)
        layers, heads = stream.loaded.model.config.num_hidden_layers, stream.loaded.model.config.num_attention_heads
        out.append(torch.full((layers, heads), torch.nan) if share.by_head is None else share.by_head)
    return torch.stack([each.double() for each in out])


def sinks(count: int) -> Policy:
    return Policy(kind="sinks", sinks=count, recent=RECENT)


@pytest.mark.parametrize(
    ("name", "count"), [*((name, 4) for name in tiny.NAMES), *((name, 1) for name in ("llama", "falcon", "mpt"))]
)
def test_every_token_gives_the_sinks_what_eager_attention_gives_them(name: str, count: int) -> None:
    loaded, ids = tiny.load(name), tiny.ids(26)  # the first overflow is at token 14 or 17
    truth = oracle.shares(name, loaded.model, ids, sinks=count, recent=RECENT, first=count)
    assert truth[count:].std() > 0.01
    assert torch.allclose(by_token(open_stream(loaded, sinks(count)), ids, count), truth, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["llama-grouped", "gemma2", "falcon", "falcon-alibi", "mpt"])
@pytest.mark.parametrize("chunk", [7, 64])
def test_a_chunk_gives_the_mean_of_its_tokens(name: str, chunk: int) -> None:
    loaded, ids = tiny.load(name), tiny.ids(4 + 70)
    single = by_token(open_stream(loaded, sinks(4), chunk=1), ids, 4)
    for last in (None, 5):
        share, stream = SinkShare(4, last=last), open_stream(loaded, sinks(4), chunk=chunk)
        stream.read(ids[:4])
        stream.read(ids[4:], share=share)
        pieces = [each if last is None else each[-last:] for each in single[4:].split(chunk)]
        looked = torch.cat(pieces)
        assert share.queries == len(looked)
        assert torch.allclose(share.by_head, looked.mean(0), atol=TOLERANCE)


def test_long_chunks_in_blocks_give_the_same() -> None:
    loaded, ids = tiny.load("llama-grouped"), tiny.ids(300)
    single = by_token(open_stream(loaded, sinks(4), chunk=1), ids, 4)
    for last, looked in ((None, single[44:]), (9, torch.cat([single[163:172], single[-9:]]))):
        share, stream = SinkShare(4, last=last), open_stream(loaded, sinks(4), chunk=128)
        stream.read(ids[:44])
        stream.read(ids[44:], share=share)
        assert share.queries == len(looked)
        assert torch.allclose(share.by_head, looked.mean(0), atol=TOLERANCE)


@pytest.mark.parametrize("name", ["llama-grouped", "gemma2"])
@pytest.mark.parametrize("sizes", [(1,) * 30, (7, 7, 1, 9, 6), (2, 60, 3), (15, 1, 70)])
@pytest.mark.parametrize("recent", [RECENT, None])
def test_the_last_token_of_a_read_divides_its_attention_as_eager_attention_does(name, sizes, recent) -> None:
    loaded, ids = tiny.load(name), tiny.ids(sum(sizes))
    truth = oracle.rows(name, loaded.model, ids, sinks=4, recent=recent)
    stream, read = open_stream(loaded, sinks(4) if recent else Policy(kind="dense")), 0
    for size in sizes:
        share = SinkShare(4, row=True)
        stream.read(ids[read : read + size], share=share)
        read += size
        assert torch.allclose(share.last_row.double(), truth[read - 1], atol=TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 4])
def test_before_the_first_eviction_it_is_one_plain_forward(count: int) -> None:
    loaded, ids = tiny.load("llama"), tiny.ids(RECENT + count + 1)
    seen = tiny.build("llama", attention="eager")(ids[None], output_attentions=True).attentions
    truth = torch.stack([layer[0, :, :, :count].sum(-1) for layer in seen]).permute(2, 0, 1).double()
    for policy in (sinks(count), Policy(kind="dense"), Policy(kind="window", sinks=count, recent=RECENT)):
        assert torch.allclose(by_token(open_stream(loaded, policy), ids, count), truth, atol=TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 4])
def test_after_it_one_layer_is_a_forward_over_the_kept_tokens_at_their_positions_in_the_cache(count: int) -> None:
    loaded, ids = tiny.load("llama", num_hidden_layers=1), tiny.ids(60)
    eager = tiny.build("llama", attention="eager", num_hidden_layers=1)
    ours = by_token(open_stream(loaded, sinks(count)), ids, count)
    for t in (count + RECENT + 1, 40, 59):
        kept = torch.cat([ids[:count], ids[t - RECENT : t + 1]])[None]
        places = torch.arange(count + RECENT + 1)[None]
        seen = eager(kept, position_ids=places, output_attentions=True).attentions
        assert torch.allclose(ours[t, 0], seen[0][0, :, -1, :count].sum(-1).double(), atol=TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 4])
def test_with_positions_of_the_text_all_layers_are_one_forward_under_a_mask(count: int) -> None:
    loaded, ids, steps = tiny.load("llama"), tiny.ids(60), torch.arange(60)
    seen = (steps <= steps[:, None]) & ((steps < count) | (steps >= steps[:, None] - RECENT))
    mask = torch.zeros(60, 60).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]
    eager = tiny.build("llama", attention="eager")
    found = eager(ids[None], attention_mask=mask, position_ids=steps[None], output_attentions=True).attentions
    truth = torch.stack([layer[0, :, :, :count].sum(-1) for layer in found]).permute(2, 0, 1).double()
    policy = Policy(kind="sinks", sinks=count, recent=RECENT, positions="text")
    assert torch.allclose(by_token(open_stream(loaded, policy), ids, count), truth, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["llama", "falcon", "mpt"])
def test_a_window_has_no_answer_from_its_first_eviction_on(name: str) -> None:
    loaded, ids = tiny.load(name), tiny.ids(40)
    ours = by_token(open_stream(loaded, Policy(kind="window", sinks=0, recent=RECENT)), ids, 1)
    truth = oracle.shares(name, loaded.model, ids, sinks=0, recent=RECENT, first=1)
    assert ours.isnan().any(-1).any(-1).nonzero().flatten().tolist() == list(range(RECENT + 1, 40))
    assert torch.allclose(ours, truth, atol=TOLERANCE, equal_nan=True)


def test_recomputation_keeps_no_first_tokens() -> None:
    share = SinkShare(4)
    open_stream(tiny.load("llama"), Policy(kind="recompute", sinks=4, recent=8)).read(tiny.ids(20), share=share)
    assert share.by_head is None and share.queries == 0


@pytest.mark.parametrize("name", ["llama", "falcon", "falcon-alibi", "mpt"])
def test_looking_changes_nothing_in_what_is_read(name: str) -> None:
    loaded, ids = tiny.load(name), tiny.ids(90)
    looked, plain = (open_stream(loaded, sinks(4), chunk=16) for _ in range(2))
    difference = (looked.read(ids, share=SinkShare(4, last=3)) - plain.read(ids))[1:].abs().max()
    assert difference == 0 if name == "llama" else difference < 1e-5
    assert looked.held() == plain.held()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_has_shares_too(dtype: torch.dtype) -> None:
    ids = tiny.ids(60)
    exact, half = SinkShare(4), SinkShare(4)
    open_stream(tiny.load("llama", initializer_range=0.05), sinks(4)).read(ids, share=exact)
    open_stream(tiny.load("llama", initializer_range=0.05, dtype=dtype), sinks(4)).read(ids, share=half)
    assert torch.allclose(exact.by_head, half.by_head, atol=0.01)


def test_a_share_of_nothing_is_refused() -> None:
    for wrong in ({"tokens": 0}, {"tokens": 4, "last": 0}):
        with pytest.raises(SettingsError, match="between 1"):
            SinkShare(**wrong)
