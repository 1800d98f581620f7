"""What a step costs: bytes are exact, times are medians of repeated steps."""

from __future__ import annotations

import pytest

from comparisons.experiments.results import StepCost
from comparisons.experiments.step_costs import DENSE_CACHES, against_cache_size, tokens_needed
from comparisons.experiments.subjects import no_bar
from tests.experiments.test_tables import subject
from tests.support.speaking import BYTES_PER_TOKEN

CACHES = (16, 64)


@pytest.fixture(scope="module")
def costs() -> dict[tuple[str, int], StepCost]:
    rows = list(against_cache_size(subject(tokens_needed(CACHES), caches=CACHES), no_bar))
    return {(row.kind, row.cache): row for row in rows}


def test_every_policy_is_timed_at_every_cache_size(costs: dict[tuple[str, int], StepCost]) -> None:
    assert set(costs) == {(kind, cache) for kind in ("sinks", "recompute", "dense") for cache in CACHES}
    assert all(cost.ms_per_token > 0 for cost in costs.values())
    assert {cost.steps for cost in costs.values()} == {5, 25}


@pytest.mark.parametrize("cache", CACHES)
def test_memory_is_that_of_the_tokens_held(costs: dict[tuple[str, int], StepCost], cache: int) -> None:
    held = {"sinks": cache, "recompute": cache + 1, "dense": DENSE_CACHES * cache}
    assert {kind: costs[kind, cache].kv_bytes for kind in held} == {
        kind: count * BYTES_PER_TOKEN for kind, count in held.items()
    }
