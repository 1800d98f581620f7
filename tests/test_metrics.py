from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons import metrics
from streaming.errors import SettingsError

NATS = st.floats(0, 30) | st.just(math.nan)
HEIGHTS = st.none() | st.floats(allow_nan=False, allow_infinity=False)


def brute_perplexity(nats) -> float:
    known = np.array([nat for nat in nats if not math.isnan(nat)])
    return float(np.exp(known.mean())) if len(known) else math.nan


@given(st.lists(NATS, max_size=60))
@settings(deadline=None)
def test_perplexity_is_exp_of_the_mean_without_what_is_not_there(nats):
    assert metrics.perplexity(nats) == pytest.approx(brute_perplexity(nats), nan_ok=True)


def test_perplexity_of_a_uniform_guess_is_the_number_of_choices():
    assert metrics.perplexity([math.nan, *[math.log(50)] * 9]) == pytest.approx(50)


def test_perplexity_too_large_for_a_float_is_infinite():
    assert metrics.perplexity([1000.0]) == math.inf
    assert metrics.finite_or_none(metrics.perplexity([1000.0])) is None


@given(st.lists(st.lists(NATS, max_size=40), max_size=12), st.integers(1, 50))
@settings(deadline=None)
def test_sliding_perplexity_is_that_of_the_last_tokens(reads, window):
    sliding = metrics.SlidingPerplexity(window)
    nats: list[float] = []
    for read in reads:
        sliding.extend(read)
        nats += read
        assert sliding.recent == pytest.approx(brute_perplexity(nats[-window:]), nan_ok=True)
        assert sliding.total == pytest.approx(brute_perplexity(nats), nan_ok=True)


def test_sliding_perplexity_does_not_drift():
    sliding = metrics.SlidingPerplexity(16)
    random = np.random.default_rng(0)
    for _ in range(300):
        sliding.extend(random.uniform(0, 1e6, 1000))
    last = random.uniform(0, 2, 16)
    sliding.extend(last)
    assert sliding.recent == pytest.approx(brute_perplexity(last), rel=1e-12)


def test_sliding_perplexity_recovers_from_an_infinite_value():
    sliding = metrics.SlidingPerplexity(3)
    sliding.extend([math.inf, 1.0, 1.0])
    assert sliding.recent == math.inf
    sliding.extend([1.0])
    assert sliding.recent == pytest.approx(math.e)
    assert sliding.total == math.inf


def test_a_window_of_no_tokens_is_refused():
    with pytest.raises(SettingsError, match="at least 1"):
        metrics.SlidingPerplexity(0)


def test_the_rate_of_a_steady_lane_is_its_pace():
    rate = metrics.RecentRate()
    rate.start(0.0)
    for tick in range(1, 300):
        rate.add(tick / 10, 5, 0.02)
        assert rate.tokens_per_second(tick / 10) == pytest.approx(50)
    assert rate.ms_per_token == pytest.approx(4.0)


def test_the_rate_sinks_when_nothing_is_read_and_follows_a_change_within_a_second_or_so():
    rate = metrics.RecentRate()
    rate.start(0.0)
    for tick in range(1, 101):
        rate.add(tick / 100, 1, 0.001)
    assert rate.tokens_per_second(1.5) == pytest.approx(50, rel=0.05)
    for tick in range(1, 26):
        rate.add(1 + tick / 10, 100, 0.001)
    assert rate.tokens_per_second(3.5) == pytest.approx(1000, rel=0.1)
    assert rate.tokens_per_second(1003.5) < 1


def test_the_rate_of_a_very_slow_lane_does_not_flicker():
    rate = metrics.RecentRate()
    rate.start(0.0)
    for tick in range(1, 10):
        rate.add(2 * tick, 1, 0.001)
        assert rate.tokens_per_second(2 * tick) == pytest.approx(0.5)
        assert 0.25 < rate.tokens_per_second(2 * tick + 1.9) < 0.5


def test_nothing_read_is_no_rate_and_no_latency():
    rate = metrics.RecentRate()
    assert rate.tokens_per_second(5.0) == 0.0
    assert math.isnan(rate.ms_per_token)
    assert metrics.tokens_per_second(5, 0.0) == 0.0
    assert math.isnan(metrics.mean_ms_per_token(0.0, 0))


def test_this_process_has_a_size():
    assert 10 * 2**20 < metrics.process_rss_bytes() < 2**40


@given(st.floats(1e-6, 1e9), st.integers(1, 12))
@settings(deadline=None)
def test_rounding_keeps_significant_digits(value, digits):
    assert metrics.rounded(value, digits) == pytest.approx(value, rel=10.0 ** (1 - digits))
    assert metrics.rounded(None, digits) is None


@given(st.lists(HEIGHTS, max_size=300), st.integers(4, 60))
@settings(deadline=None)
def test_thinning_keeps_the_ends_and_the_extremes(values, most):
    kept = metrics.thin(values, most)
    assert len(kept) <= max(most, 0)
    assert kept == sorted(set(kept))
    known = [value for value in values if value is not None]
    shown = [values[i] for i in kept if values[i] is not None]
    if values:
        assert {0, len(values) - 1} <= set(kept)
    if known:
        assert (min(shown), max(shown)) == (min(known), max(known))


def test_thinning_spreads_what_it_keeps():
    values = [math.sin(i / 50) for i in range(10_000)]
    kept = metrics.thin(values, 100)
    assert len(kept) > 90
    assert max(after - before for before, after in pairwise(kept)) < 2 * 10_000 / 49


def test_too_few_points_are_refused():
    with pytest.raises(SettingsError, match="at least 4"):
        metrics.thin([1.0] * 10, 3)
