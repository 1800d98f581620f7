"""Verdicts agree with what was measured of SmolLM2, lanes at the same token, and say what has no meaning."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparisons.runs.verdicts import BLIND, COLLAPSE, WORSE, LaneCurve, is_unknown, verdicts

SMOLLM2, TINY = 49_152, 4_096
TOKENS = (2_048, 4_096, 8_192, 11_264, 12_288, 13_312, 16_384, 20_480)
BOOK = {
    "dense": (32.3, 34.3, 36.3, 35.2, 60.3, 136, 518, 1492),
    "sinks:4+1020": (32.4, 36.0, 37.8, 31.4, 31.3, 36.0, 24.8, 43.7),
    "window:1024": (52.7, 62.9),
    "sinks:4+252": (35.6, 39.1, 41.3, 33.4, 34.5, 39.0, 27.2),
    "window:256": (68.6, 80.2),
}
"""Little Women, bfloat16: perplexity after so many tokens."""
CHAT = {
    "dense": (8.7, 8.8, 8.0),
    "sinks:4+1020": (10.3, 11.5, 10.4),
    "window:1024": (15.9, 21.9, 15.9),
}
CHAT_TOKENS, CHAT_DENSE_MS, CHAT_SINKS_MS = (4_096, 8_500, 9_500), (69, 47, 92), (31, 10, 10)


def curve(label, perplexities, tokens=TOKENS, ms=None, token_bytes=46_080):
    kind, _, window = label.partition(":")
    cache = sum(map(int, window.split("+"))) if window else None
    times = ms or [1.0] * len(perplexities)
    points = [
        (token, perplexity, min(token, cache or token) * token_bytes, time, 0.0)
        for token, perplexity, time in zip(tokens, perplexities, times)  # noqa: B905 – as far as it was read
    ]
    return LaneCurve(label=label, kind=kind, cache=cache, points=points)


def outcomes(lanes, count=None, vocabulary=SMOLLM2):
    cut = [LaneCurve(label=lane.label, kind=lane.kind, cache=lane.cache, points=lane.points[:count]) for lane in lanes]
    return {verdict.label: verdict.outcome for verdict in verdicts(cut, vocabulary)}


@pytest.mark.parametrize("sinks", ["sinks:4+1020", "sinks:4+252"])
def test_the_book_dense_is_as_good_then_breaks(sinks):
    lanes = [curve("dense", BOOK["dense"]), curve(sinks, BOOK[sinks])]
    dense = [outcomes(lanes, count)["dense"] for count in range(1, len(BOOK[sinks]) + 1)]
    assert dense[:4] == ["as_good"] * 4  # to 11,264: 1.4 times the training length
    assert dense[4] == "worse"
    assert set(dense[5:]) == {"collapse"}


@pytest.mark.parametrize(("window", "sinks"), [("window:1024", "sinks:4+1020"), ("window:256", "sinks:4+252")])
def test_a_window_without_sinks_is_worse(window, sinks):
    lanes = [curve(label, BOOK[label]) for label in ("dense", sinks, window)]
    for count in (1, 2):
        assert outcomes(lanes, count)[window] == "worse"
        assert outcomes(lanes, count)[sinks] == "as_good"


def test_no_collapse_costs_memory_and_time():
    dense = curve("dense", CHAT["dense"], CHAT_TOKENS, CHAT_DENSE_MS)
    sinks = curve("sinks:4+1020", CHAT["sinks:4+1020"], CHAT_TOKENS, CHAT_SINKS_MS)
    about_dense, about_sinks = verdicts([dense, sinks], SMOLLM2)
    assert about_dense.outcome in ("as_good", "better")
    assert about_dense.tokens == 9_500
    assert about_dense.times["memory"] == pytest.approx(9_500 / 1_024)
    assert about_dense.times["time"] == pytest.approx(9.2)
    assert about_sinks.times["perplexity"] == pytest.approx(1.3)
    assert about_sinks.outcome == "worse"


def test_lanes_are_compared_at_the_same_token():
    """Dense ended at 694, in an easy passage; the other is long in a hard one, and no worse for that."""
    dense = curve("dense", (10.2, 10.2), (320, 694))
    sinks = curve("sinks:4+124", (10.4, 10.3, 28.8), (320, 694, 9_000))
    found = verdicts([dense, sinks], SMOLLM2)
    assert [(verdict.outcome, verdict.tokens) for verdict in found] == [("as_good", 694), ("as_good", 694)]


def test_a_slow_lane_holds_no_other_back():
    slow = curve("recompute:4+252", (33.0,))
    lanes = [curve("dense", BOOK["dense"]), curve("sinks:4+252", BOOK["sinks:4+252"]), slow]
    at = {verdict.label: verdict.tokens for verdict in verdicts(lanes, SMOLLM2)}
    assert at == {"dense": 16_384, "sinks:4+252": 16_384, "recompute:4+252": 2_048}


@pytest.mark.parametrize(
    ("dense", "sinks", "meaning"),
    [(664, 1_992, False), (3_331, 630, False), (395, 121, True), (4_061, 1.7, True)],
)
def test_a_text_that_the_tiny_model_does_not_know_means_nothing(dense, sinks, meaning):
    lanes = [curve("dense", (dense,)), curve("sinks:4+124", (sinks,))]
    assert ("unknown" not in outcomes(lanes, vocabulary=TINY).values()) is meaning


def test_a_text_that_was_understood_is_known_when_all_lanes_have_broken():
    lanes = [curve("dense", (2.0, 3_000.0)), curve("sinks:4+124", (2.0, 3_900.0))]
    assert outcomes(lanes, 1, TINY) == {"dense": "as_good", "sinks:4+124": "as_good"}
    assert outcomes(lanes, 2, TINY) == {"dense": "better", "sinks:4+124": "worse"}


def test_before_anything_was_evicted_there_is_nothing_to_compare():
    lanes = [curve("dense", (9.0,), (96,)), curve("sinks:4+124", (9.0,), (96,))]
    assert set(outcomes(lanes).values()) == {"same"}
    assert set(outcomes(lanes, 0).values()) == {"waiting"}
    assert outcomes([lanes[0]]) == {}


NUMBERS = st.floats(1.0, 1e6)


@given(dense=NUMBERS, sinks=NUMBERS, token=st.integers(129, 10**6), vocabulary=st.integers(2, 300_000))
def test_whatever_was_measured_has_one_outcome_each_and_both_agree(dense, sinks, token, vocabulary):
    lanes = [curve("dense", (dense,), (token,)), curve("sinks:4+124", (sinks,), (token,))]
    about_dense, about_sinks = verdicts(lanes, vocabulary)
    opposite = {"collapse": {"better"}, "worse": {"better"}, "better": {"worse", "collapse"}, "as_good": {"as_good"}}
    assert about_sinks.outcome in opposite.get(about_dense.outcome, {about_dense.outcome}) | {"as_good"}
    assert (about_dense.outcome == "unknown") is is_unknown(min(dense, sinks), vocabulary)
    if about_dense.outcome == "collapse":
        assert dense >= COLLAPSE * sinks * (1 - 1e-9)
    if about_dense.outcome == "as_good":
        assert 1 / WORSE * (1 - 1e-9) <= dense / sinks <= WORSE * (1 + 1e-9)


def test_blind_guessing_is_unknown_and_certainty_is_not():
    assert is_unknown(TINY, TINY) and is_unknown(SMOLLM2, SMOLLM2)
    assert not is_unknown(1.0, TINY)
    assert not is_unknown(math.exp(BLIND * math.log(TINY)) * 0.99, TINY)
