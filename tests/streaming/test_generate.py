"""Choosing the next token, and decoding."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import SettingsError
from streaming.generate import Sampling, decode, pick
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import tiny


def drawn(logits: list[float], count: int = 400, **settings: float) -> list[int]:
    generator = torch.Generator().manual_seed(0)
    return [pick(torch.tensor(logits), Sampling(**settings), generator) for _ in range(count)]


@given(st.lists(st.integers(-20, 20), min_size=2, max_size=8, unique=True))
def test_temperature_zero_takes_the_most_likely(logits: list[int]) -> None:
    assert set(drawn([float(x) for x in logits], 3)) == {max(range(len(logits)), key=logits.__getitem__)}


def test_temperature_one_draws_from_the_softmax() -> None:
    counts = torch.tensor(drawn([0.0, math.log(3.0)], 2000, temperature=1.0)).bincount(minlength=2)
    assert counts[1] / 2000 == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, {0}), (0.6, {0, 1}), (0.85, {0, 1, 2}), (1.0, {0, 1, 2, 3})])
def test_top_p_keeps_the_smallest_sufficient_set(top_p: float, kept: set[int]) -> None:
    logits = [math.log(p) for p in (0.5, 0.25, 0.15, 0.1)]
    assert set(drawn(logits, temperature=1.0, top_p=top_p)) == kept


def test_the_seed_decides_and_forks_agree() -> None:
    stream = open_stream(tiny.load("llama"), Policy(kind="sinks", sinks=2, recent=10))
    stream.read(tiny.ids(30))
    runs = [
        list(decode(stream.fork(), sampling=Sampling(temperature=1.5, top_p=0.9, seed=seed), max_tokens=20))
        for seed in (7, 7, 8)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_decoding_on_a_fork_leaves_the_stream_alone() -> None:
    stream = open_stream(tiny.load("llama"), Policy(kind="sinks", sinks=2, recent=10))
    stream.read(tiny.ids(30))
    before = stream.logits.clone()
    list(decode(stream.fork(), sampling=Sampling(), max_tokens=20))
    assert stream.tokens == 30
    assert torch.equal(stream.logits, before)


def test_the_stop_token_ends_it_unread() -> None:
    stream = open_stream(tiny.load("llama"), Policy(kind="dense"))
    stream.read(tiny.ids(12))
    free = list(decode(stream.fork(), sampling=Sampling(), max_tokens=10))
    stop = free[4]
    fork = stream.fork()
    assert list(decode(fork, sampling=Sampling(), max_tokens=10, stop={stop})) == free[: free.index(stop)]
    assert fork.tokens == 12 + free.index(stop)


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -1},
        {"temperature": math.nan},
        {"temperature": True},
        {"top_p": 0},
        {"top_p": 1.1},
        {"seed": -1},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        Sampling(**settings)
