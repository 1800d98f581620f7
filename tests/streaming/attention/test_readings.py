"""Planning changes nothing: where the tokens stand says it all."""

from __future__ import annotations

import sys

import pytest
import torch

from streaming import families
from streaming.forward import new_cache
from streaming.policy import Policy
from streaming.stream import open_stream
from streaming.window import SinkWindow, Span
from tests.support import tiny


@pytest.mark.parametrize("name", tiny.NAMES)
def test_a_plan_is_the_same_however_often_it_is_made_and_leaves_the_cache_alone(name: str) -> None:
    loaded, ids, policy = tiny.load(name), tiny.ids(60), Policy(kind="sinks", sinks=4, recent=12)
    stream, other = (open_stream(loaded, policy) for _ in range(2))
    stream.read(ids[:30])
    other.read(ids[:30])
    view = families.prepare(loaded.model)
    span = Span(window=policy.window, first=30, count=7)
    rotaries = families.rotaries(view)
    plans = [families.plan(view, span, rotaries) for _ in range(3)]
    for plan in plans[1:]:
        for field in ("mask", "bias"):
            one, again = getattr(plans[0], field), getattr(plan, field)
            assert (one is None) == (again is None)
            assert one is None or torch.equal(one, again)
    assert torch.equal(stream.read(ids[30:]), other.read(ids[30:]))


def test_the_cache_says_where_the_next_tokens_stand() -> None:
    cache = new_cache(families.prepare(tiny.load("llama").model), SinkWindow(sinks=2, recent=5))
    assert cache.begin(2) == Span(window=cache.window, first=0, count=2)
    span = cache.begin(9)
    assert (span.first, list(span.positions), span.sinks, span.recent) == (2, list(range(2, 11)), 2, 0)
    assert span.shifts == [0, 0, 0, 0, 0, 0, 1, 2, 3]
    assert cache.begin(1).recent == 5


def test_the_mask_of_a_dense_chunk_is_of_its_own_tokens_alone() -> None:
    """One as long as the cache would take more memory than a layer of it."""
    view = families.prepare(tiny.load("llama-grouped").model)
    plan = families.plan(view, Span(window=Policy(kind="dense").window, first=16_000, count=256), ())
    assert plan.mask is not None and plan.mask.shape == (1, 1, 2 * 256, 256)
    assert plan.causal


@pytest.mark.parametrize("name", tiny.NAMES)
def test_planning_costs_so_much_for_each_token_however_long_the_chunk(name: str) -> None:
    """Counted in calls of Python's functions, which no other work on the machine changes."""
    loaded = tiny.load(name)
    view = families.prepare(loaded.model)
    rotaries, window = families.rotaries(view), SinkWindow(sinks=4, recent=12)

    def calls(count: int) -> int:
        seen = 0

        def count_call(_frame: object, event: str, _argument: object) -> None:
            nonlocal seen
            seen += event == "call"

        span = Span(window=window, first=30, count=count)
        sys.setprofile(count_call)
        try:
            families.plan(view, span, rotaries)
        finally:
            sys.setprofile(None)
        return seen

    calls(16)  # what is made once
    assert calls(256) < 20 * calls(16)
