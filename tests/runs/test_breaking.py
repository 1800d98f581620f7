from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from comparisons.runs.dialogue.breaking import REPEATED, TIMES, TURNS, broke

SHARE = st.one_of(st.none(), st.floats(0, 1))


def record(turn, perplexity=2.0, repetition=0.1, latest=0.1):
    return {"turn": turn, "perplexity": perplexity, "repetition": repetition, "repetition_latest": latest}


def fine(count=12):
    return [record(turn) for turn in range(count)]


@given(st.lists(st.lists(st.tuples(st.floats(1, 1e6), SHARE, SHARE), max_size=12), min_size=1, max_size=3))
def test_a_lane_broke_where_it_first_babbled_three_turns_in_a_row(given_lanes):
    lanes = {str(i): [record(turn, *row) for turn, row in enumerate(rows)] for i, rows in enumerate(given_lanes)}
    found = broke(lanes)
    for name, records in lanes.items():
        count = 0
        expected = None
        for one in records:
            others = [x["perplexity"] for lane in lanes.values() for x in lane if x["turn"] == one["turn"]]
            odd = one["perplexity"] / min(others) >= TIMES
            odd = odd or (one["repetition"] or 0) >= REPEATED or (one["repetition_latest"] or 0) >= REPEATED
            count = count + 1 if odd else 0
            if count == TURNS and expected is None:
                expected = one["turn"] - TURNS + 1
        assert found[name] == expected


def test_a_prompt_that_surprises_every_lane_breaks_none():
    hard = [record(turn, perplexity=5000.0) for turn in range(12)]
    assert broke({"dense": hard, "sinks": hard}) == {"dense": None, "sinks": None}


def test_two_odd_turns_are_no_breakdown_and_unknown_figures_say_nothing():
    odd = [record(turn, perplexity=90.0 if turn in (3, 4, 6, 7) else 2.0) for turn in range(12)]
    unknown = [record(turn, perplexity=None, repetition=None, latest=None) for turn in range(12)]
    assert broke({"dense": odd, "window": unknown, "sinks": fine()}) == {"dense": None, "window": None, "sinks": None}
