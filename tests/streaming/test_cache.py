"""What the KV cache holds, how much memory that is, and that copies are copies."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from streaming.attention.rotary import Rotary
from streaming.cache import StreamCache
from streaming.policy import Policy
from streaming.stream import open_stream
from streaming.window import SinkWindow
from tests.support import tiny

HEADS, DIM = 2, 6


def stamped(indices: range) -> torch.Tensor:
    """(1, H, n, D) values that say which token of the stream they are."""
    return torch.tensor(list(indices), dtype=torch.float32)[None, None, :, None].expand(1, HEADS, -1, DIM).clone()


def take(cache: StreamCache, count: int) -> torch.Tensor:
    """Read `count` tokens into the only layer; return the stream indices of the values that attention gets."""
    first = cache.tokens
    cache.begin(count)
    tokens = stamped(range(first, first + count))
    return cache.update(tokens, tokens, 0)[1][0, 0, :, 0].long()


@given(st.integers(0, 5), st.integers(1, 20), st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_the_kept_tokens_are_the_ones_that_the_window_names(sinks: int, recent: int, counts: list[int]) -> None:
    window = SinkWindow(sinks=sinks, recent=recent)
    cache = StreamCache(window, [None])
    for count in counts:
        count = min(count, sinks - cache.tokens) if cache.tokens < sinks else count
        before = cache.tokens
        assert take(cache, count).tolist() == [*window.held(before), *range(before, before + count)]
        assert cache.get_seq_length() == len(window.held(cache.tokens)) == len(cache.held())


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_an_unbounded_cache_keeps_everything_in_order(counts: list[int]) -> None:
    cache = StreamCache(SinkWindow(sinks=0, recent=None), [None])
    for count in counts:
        assert take(cache, count).tolist() == list(range(cache.tokens))


def test_renumbering_moves_no_key_relative_to_another() -> None:
    rotary = Rotary(torch.tensor([1.0, 0.1, 0.01]), DIM)
    cache = StreamCache(SinkWindow(sinks=1, recent=5), [rotary])
    keys = torch.randn(1, HEADS, 2000, DIM)
    for t in range(2000):
        (place,) = cache.begin(1).positions
        turned = torch.view_as_complex(torch.stack([keys[:, :, t, :3], keys[:, :, t, 3:]], dim=-1).double())
        turned = turned * torch.polar(torch.ones(3).double(), place * torch.tensor([1.0, 0.1, 0.01]).double())
        embedded = torch.cat([turned.real, turned.imag], dim=-1).float()[:, :, None]
        held, _ = cache.update(embedded, embedded, 0)
        assert place < 1 + 5 + 600
    scores = held[0, 0, -1] @ held[0, 0].T
    alone = StreamCache(SinkWindow(sinks=1, recent=5), [rotary])
    for place, t in enumerate([0, *range(1994, 2000)]):
        alone.begin(1)
        turned = torch.view_as_complex(torch.stack([keys[:, :, t, :3], keys[:, :, t, 3:]], dim=-1).double())
        turned = turned * torch.polar(torch.ones(3).double(), place * torch.tensor([1.0, 0.1, 0.01]).double())
        embedded = torch.cat([turned.real, turned.imag], dim=-1).float()[:, :, None]
        fresh, _ = alone.update(embedded, embedded, 0)
    assert torch.allclose(scores, fresh[0, 0, -1] @ fresh[0, 0].T, atol=1e-4)


def tensors_of(cache: StreamCache) -> int:
    """Bytes of every tensor that hangs on the layers."""
    objects = [part for layer in cache.layers for part in (layer, layer.recent)]
    held = [x for part in objects for name, x in vars(part).items() if isinstance(x, torch.Tensor) and name != "placed"]
    return sum(x.untyped_storage().nbytes() for x in held)


@pytest.mark.parametrize("name", ["llama-grouped", "falcon-grouped", "mpt"])
@pytest.mark.parametrize("kind", ["dense", "window", "sinks"])
def test_nbytes_is_exact(name: str, kind: str) -> None:
    stream = open_stream(tiny.load(name), Policy(kind=kind, sinks=4, recent=12))
    config, heads = stream.loaded.model.config, {"llama-grouped": 2, "falcon-grouped": 4, "mpt": 4}[name]
    per_token = 2 * config.num_hidden_layers * heads * 16 * 4
    assert (stream.nbytes, stream.bytes_per_token) == (0, 0)
    for count in (1, 6, 40, 3):
        stream.read(tiny.ids(count))
        assert stream.bytes_per_token == per_token
        assert stream.nbytes == len(stream.held()) * per_token
        assert stream.allocated_nbytes == tensors_of(stream._cache) >= stream.nbytes


@pytest.mark.parametrize("kind", ["window", "sinks"])
def test_memory_does_not_change_once_the_cache_is_full(kind: str) -> None:
    stream = open_stream(tiny.load("llama"), Policy(kind=kind, sinks=4, recent=60), chunk=32)
    stream.read(tiny.ids(100))
    full = stream.nbytes, stream.allocated_nbytes
    for step in range(300):
        stream.read(tiny.ids(1 + step % 32))
        assert (stream.nbytes, stream.allocated_nbytes) == full


@pytest.mark.parametrize("name", ["llama-grouped", "falcon", "mpt"])
@pytest.mark.parametrize("kind", ["dense", "sinks", "recompute"])
def test_forks_leave_no_trace_and_do_not_see_each_other(name: str, kind: str) -> None:
    loaded, policy, ids = tiny.load(name), Policy(kind=kind, sinks=2, recent=10), tiny.ids(60)
    alone = open_stream(loaded, policy)
    expected = alone.read(ids)
    for at in (1, 7, 30):
        stream = open_stream(loaded, policy)
        stream.read(ids[:at])
        one, other = stream.fork(), stream.fork()
        one.read(tiny.ids(25, seed=1))
        other.read(tiny.ids(25, seed=2))
        one.close()
        again = open_stream(loaded, policy)
        again.read(torch.cat([ids[:at], tiny.ids(25, seed=2)]))
        assert torch.allclose(other.logits, again.logits, atol=1e-4)
        assert torch.allclose(stream.read(ids[at:]), expected[at:], atol=1e-4)
