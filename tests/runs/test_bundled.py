"""What a visitor sees of the bundled model at the page's own settings: a hundred tokens stand for a second."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from comparisons.page.forms import Form
from comparisons.runs.lane.lane import Lane, lane_journal
from comparisons.runs.settings import LiveSettings
from comparisons.text.feeds import PromptFeed
from streaming import models
from streaming.models import LoadedModel
from streaming.policy import Policy

SECOND = 100
"""Tokens, at the page's own pace."""


@cache
def sink() -> LoadedModel:
    return models.load("sink")


def lane_of(policy: Policy, live: LiveSettings | None = None) -> Lane:
    settings, loaded = Form().settings(), sink()
    feed = PromptFeed(loaded.tokenizer, loaded.start_token, seed=0)
    journal = lane_journal(loaded, policy, settings)
    return Lane.open(loaded, policy, feed, settings, journal, live=live, reach=settings.smallest_cache)


def read(lane: Lane, until: int) -> float:
    """Read so far; the perplexity there."""
    while lane.journal.tokens < until and not lane.ended:
        lane.advance(min(10, until - lane.journal.tokens))
    return lane.journal.snapshot(0)["perplexity"]


def test_at_the_pages_pace_each_lane_keeps_up():
    assert Form().settings().tokens_per_second == SECOND


@pytest.mark.parametrize("since", [600, 1500])
def test_taking_the_sinks_away_is_seen_within_three_seconds_and_giving_them_back_mends_it(since):
    live = LiveSettings(replace(Form().settings(), answers=False))
    lane = lane_of(Form().settings().lanes[1], live)
    assert read(lane, since) < 3
    live.sinks = False
    assert read(lane, since + 3 * SECOND) > 100
    live.sinks = True
    assert read(lane, since + 3 * SECOND + 5 * SECOND) < 3
    lane.close()


def test_many_pairs_of_answers_are_judged_in_the_first_45_seconds_and_most_can_be_known():
    found = []
    for policy in Form().settings().lanes:
        lane, judged = lane_of(policy), {}
        while lane.journal.tokens < 45 * SECOND and not lane.ended:
            lane.advance(10)
            judged |= {a["turn"]: a for a in lane.journal.snapshot(0)["answers"]["items"] if a["done"]}
        found.append(judged)
        lane.close()
    dense, ours = found
    pairs = dense.keys() & ours.keys()
    assert len(pairs) >= 15 and {dense[turn]["at"] - ours[turn]["at"] for turn in pairs} == {0}
    known = [turn for turn in pairs if ours[turn]["in_cache"]]
    assert len(known) > 0.6 * len(pairs)
    assert any(ours[turn]["right"] for turn in known)
