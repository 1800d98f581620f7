"""Verdicts agree with what was measured of SmolLM2, lanes at the same token, and say what has no meaning."""

from __future__ import annotations

import itertools
import json

import pytest
from playwright.sync_api import Page

from comparisons.paths import RECORDINGS
from comparisons.recordings import files
from tests.browser.conftest import evaluated
from tests.browser.test_scripts import lane

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
CHAT = {"dense": (8.7, 8.8, 8.0), "sinks:4+1020": (10.3, 11.5, 10.4)}
CHAT_TOKENS, CHAT_DENSE_MS, CHAT_SINKS_MS = (4_096, 8_500, 9_500), (69, 47, 92), (31, 10, 10)


def measured(label: str, perplexities: tuple[float, ...], tokens=TOKENS, ms=None, context=8_192, **changes) -> dict:
    """A lane that was measured at these tokens."""
    kind, _, window = label.partition(":")
    sinks, _, recent = window.rpartition("+")
    sinks, recent = int(sinks or 0), int(recent or 0)
    cache, end = sinks + recent, tokens[len(perplexities) - 1] if perplexities else 0
    points = [
        [token, perplexity, min(token, cache or token) * 46_080, time, 0.0]
        for token, perplexity, time in zip(tokens, perplexities, ms or [1.0] * len(perplexities))  # noqa: B905
    ]
    turn = ("training-length", context) if kind == "dense" else ("first-eviction", cache + 1)
    events = [{"kind": turn[0], "at": turn[1], "seconds": 1.0}] if end >= turn[1] else []
    now = perplexities[-1] if perplexities else None
    return lane(
        label=label, kind=kind, sinks=sinks, recent=recent, tokens=end, perplexity=now, events=events,
        curve={"from": 0, "points": points}, **changes,
    )  # fmt: skip


TOLD = """(lanes, vocabulary) => {
    const made = lanes.map(told => { const one = newLane(); mergeLane(one, told); return one; });
    const run = {header: {settings: {vocabulary}}, lanes: made};
    return run.lanes.map(one => { const {beside, ...found} = outcome(one, run); const {text, broke} = verdict(one, run);
        return {...found, text, broke}; }); }"""


def told(scripts: Page, *lanes: dict, vocabulary: int | None = SMOLLM2) -> list[dict]:
    return evaluated(scripts, TOLD, list(lanes), vocabulary)


def outcomes(scripts: Page, *lanes: dict, vocabulary: int = SMOLLM2) -> list[str]:
    return [one["outcome"] for one in told(scripts, *lanes, vocabulary=vocabulary)]


@pytest.mark.parametrize("sinks", ["sinks:4+1020", "sinks:4+252"])
def test_the_book_dense_is_as_good_then_breaks(scripts, sinks):
    counts = range(1, len(BOOK[sinks]) + 1)
    seen = [told(scripts, measured("dense", BOOK["dense"][:n]), measured(sinks, BOOK[sinks][:n]))[0] for n in counts]
    assert [one["outcome"] for one in seen[:5]] == [*["as_good"] * 4, "worse"]  # to 1.4 times the training length
    assert {one["outcome"] for one in seen[5:]} == {"collapse"}
    assert [one["broke"] for one in seen] == [*[False] * 5, *[True] * (len(seen) - 5)]
    assert seen[1]["text"].startswith("As good as StreamingLLM, at ")
    assert seen[3]["text"].startswith("Past the longest text it was trained on, and still fine. As good as")
    assert seen[4]["text"].startswith("Reads on, less surely than StreamingLLM: perplexity 60.3 against 3")
    assert seen[5]["text"] == "Broke down after token 8,192, the length of the texts it was trained on."


@pytest.mark.parametrize(("window", "sinks"), [("window:1024", "sinks:4+1020"), ("window:256", "sinks:4+252")])
def test_a_window_without_sinks_is_worse(scripts, window, sinks):
    for count in (1, 2):
        lanes = [measured(label, BOOK[label][:count]) for label in ("dense", sinks, window)]
        _, ours, without = told(scripts, *lanes)
        assert (without["outcome"], ours["outcome"]) == ("worse", "as_good")
        assert without["text"].startswith("Reads on, less surely than StreamingLLM")
        assert ours["text"] == f"Still fine after {TOKENS[count - 1]:,} tokens, at constant memory."


def test_no_collapse_costs_memory_and_time(scripts):
    dense = measured("dense", CHAT["dense"], CHAT_TOKENS, CHAT_DENSE_MS)
    sinks = measured("sinks:4+1020", CHAT["sinks:4+1020"], CHAT_TOKENS, CHAT_SINKS_MS)
    about_dense, about_sinks = told(scripts, dense, sinks)
    assert (about_dense["outcome"], about_dense["tokens"]) == ("better", 9_500)
    assert about_dense["memory"] == pytest.approx(9_500 / 1_024)
    assert about_dense["time"] == pytest.approx(208 / 51)
    assert about_dense["text"] == (
        "Past the longest text it was trained on, and still fine. Surer than StreamingLLM (8.0 against 10.4), at 9.3 "
        "times its memory and 4.1 times its time."
    )
    assert about_sinks["text"] == "Reads on, less surely than Dense cache: perplexity 10.4 against 8.0."


def test_lanes_are_compared_at_the_same_token(scripts):
    """Dense ended at 694, in an easy passage; the other is long in a hard one, and no worse for that."""
    dense = measured("dense", (10.2, 10.2), (320, 694), reason="kv-budget")
    sinks = measured("sinks:4+124", (10.4, 10.3, 28.8), (320, 694, 9_000))
    about_dense, about_sinks = told(scripts, dense, sinks)
    assert [(one["outcome"], one["tokens"]) for one in (about_dense, about_sinks)] == [("as_good", 694)] * 2
    assert about_dense["text"].endswith("Out of memory at token 694.") and not about_sinks["broke"]


def test_a_slow_lane_holds_no_other_back(scripts):
    lanes = [measured(label, BOOK[label]) for label in ("dense", "sinks:4+252")]
    seen = told(scripts, *lanes, measured("recompute:256", (33.0,)))
    assert [one["tokens"] for one in seen] == [16_384, 16_384, 2_048]


def test_thinned_curves_are_compared_where_their_points_are_near(scripts):
    dense = measured("dense", (8.0, 9.0), (4_000, 6_040))
    near = told(scripts, dense, measured("sinks:4+252", (8.0, 9.0, 30.0), (4_000, 6_000, 7_000)))
    far = told(scripts, dense, measured("sinks:4+252", (8.0, 9.0, 30.0), (4_000, 5_900, 7_000)))
    assert (near[0]["tokens"], far[0]["tokens"]) == (6_040, 4_000)


@pytest.mark.parametrize(
    ("dense", "sinks", "meaning"),
    [(664, 1_992, False), (3_331, 630, False), (395, 121, True), (4_061, 1.7, True)],
)
def test_a_text_that_the_tiny_model_does_not_know_means_nothing(scripts, dense, sinks, meaning):
    lanes = [measured("dense", (dense,)), measured("sinks:4+124", (sinks,))]
    seen = told(scripts, *lanes, vocabulary=TINY)
    assert ("unknown" not in {one["outcome"] for one in seen}) is meaning
    assert any("its figures mean nothing" in one["text"] for one in seen) is not meaning


def test_where_all_lanes_broke_none_is_said_to_be_fine(scripts):
    lanes = [
        measured("dense", (2.0, 3_000.0), context=256),
        measured("sinks:4+124", (2.0, 3_900.0)),
        measured("window:128", (2.0, 90.0)),
    ]
    dense, sinks, window = told(scripts, *lanes, vocabulary=TINY)
    assert (dense["broke"], sinks["broke"], window["broke"]) == (True, True, False)
    assert sinks["text"] == "Broke down once it had to forget, from token 129 on."
    assert told(scripts, lanes[1], lanes[2], vocabulary=TINY)[0]["broke"]


def test_a_passage_that_is_hard_for_every_lane_is_no_break_down(scripts):
    lanes = [measured("dense", (4.0, 60.0)), measured("sinks:4+124", (4.0, 62.0))]
    assert outcomes(scripts, *lanes) == ["as_good", "as_good"]


def test_before_anything_was_evicted_there_is_nothing_to_compare(scripts):
    lanes = [measured(label, (9.0,), (96,)) for label in ("dense", "sinks:4+124")]
    assert [(one["outcome"], one["text"]) for one in told(scripts, *lanes)] == [("same", "Fine so far.")] * 2
    lanes = [measured(label, ()) for label in ("dense", "sinks:4+124")]
    assert [one["text"] for one in told(scripts, *lanes)] == ["Has not read anything yet."] * 2


def test_a_lane_that_is_alone_is_told_by_its_own_figure(scripts):
    (alone,) = told(scripts, measured("sinks:4+124", (9.0, 9.1)), vocabulary=None)
    assert alone["text"] == "Perplexity 9.1 after 4,096 tokens; there is no lane to compare it with."


def test_an_error_is_told_in_its_own_words(scripts):
    failed = measured("dense", (9.0,), status="failed", reason="error", message="There was no memory left.")
    assert told(scripts, failed)[0]["text"] == "There was no memory left."


NUMBERS = (1.0, 1.7, 8.0, 9.9, 10.0, 12.4, 12.6, 29.9, 30.1, 300.0, 1_900.0, 1_930.0, 40_000.0)


def test_whatever_was_measured_has_one_outcome_each_and_both_agree(scripts):
    opposite = {"worse": {"better"}, "better": {"worse", "collapse"}, "as_good": {"as_good"}}
    for mine, theirs in itertools.product(NUMBERS, NUMBERS):
        lanes = [measured("dense", (2.0, mine), (2_000, 3_000)), measured("sinks:4+124", (2.0, theirs), (2_000, 3_000))]
        dense, sinks = outcomes(scripts, *lanes)
        if max(mine, theirs) < SMOLLM2**0.7:
            assert sinks in opposite.get(dense, {"better"}), (mine, theirs)
        assert (dense == "collapse") is (mine >= 3 * theirs or mine > SMOLLM2**0.7), (mine, theirs)


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.json")), ids=lambda path: path.stem)
def test_no_recorded_run_that_is_shipped_says_that_streaming_broke_down(scripts, path):
    record = json.loads(files.dumps(files.load(path)))
    lanes = evaluated(
        scripts,
        """recording => { const run = historyOf(readRecording(recording, 'run'));
            return run.lanes.map(one => [one.kind, outcome(one, run).outcome, verdict(one, run)]); }""",
        record,
    )
    for kind, found, said in lanes:
        assert found not in ("waiting", "unknown") and "{" not in said["text"]
        assert kind != "sinks" or not said["broke"], said
