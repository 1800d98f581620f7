"""What happens in a live run is said when it happens: a caption, aloud, a ring on the curve; the run may halt there."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from comparisons.runs.pacing import story_pace

WATCH, STATUS = ".sl-watch", ".sl [role='status']"


def test_the_story_takes_its_time_around_the_training_length():
    seconds = sum(1 / story_pace(tokens, 256) for tokens in range(256, 450))
    assert 15 <= seconds <= 25
    assert sum(1 / story_pace(tokens, 256) for tokens in range(256)) < 8
    assert sum(1 / story_pace(tokens, 8192) for tokens in range(7000, 9000)) < 45, "whatever the training length"


def test_a_moment_is_captioned_spoken_and_marked_on_its_curve(page, address):
    page.goto(f"{address}?pace=30")
    page.click("[data-do='main']")
    evicts = re.compile(r"Token 129: the cache is full\. .* never the 4 sinks\.")
    expect(page.locator(WATCH)).to_have_text(evicts)
    expect(page.locator(STATUS)).to_have_text(evicts)
    expect(page.locator("[data-chart='perplexity'] .sl-flash")).to_have_count(1)
    longer = re.compile("Token 256: “Dense cache” is now longer than any text the model was trained on")
    expect(page.locator(WATCH)).to_have_text(longer)
    expect(page.locator(WATCH)).to_have_text(re.compile("“Dense cache” has broken down: perplexity [0-9,.]+, it is"))
    expect(page.locator(".sl-flash")).to_have_count(0)
    page.click("[data-do='stop']")


def test_who_wishes_has_the_run_halt_at_every_moment(page):
    page.click("[data-tool='more']")
    page.click("[data-tool='halts']")
    page.click("[data-do='main']")
    for number in ("Token 129", "Token 256"):
        expect(page.locator(".sl-badge")).to_have_text("Paused")
        expect(page.locator(WATCH)).to_contain_text(number)
        page.click("[data-do='main']")
        expect(page.locator(".sl-badge")).to_have_text("Live")
    page.click("[data-do='stop']")


DENSE = {"kind": "dense", "label": "dense", "events": [{"kind": "training-length", "at": 256, "seconds": 2}]}
OURS = {"kind": "sinks", "label": "sinks:4+124", "sinks": 4}
OURS |= {"events": [{"kind": "first-eviction", "at": 129, "seconds": 1}, *DENSE["events"]]}
NUMBERS = {"tokens": 300, "reason": None, "perplexity": 2, "curve": []}


def test_each_moment_is_told_once_and_a_bounded_lane_passes_the_training_length_in_silence(scripts):
    told = scripts.evaluate(
        "history => [happeningsOf(history), happeningsOf(history)].map(all => all.map(({at, kind}) => [at, kind]))",
        {"lanes": [DENSE | NUMBERS, OURS | NUMBERS]},
    )
    assert told == [[[129, "first-eviction"], [256, "training-length"]], []]
