"""The points of the figures are the perplexities of stretches of one stream."""

from __future__ import annotations

import numpy as np
import pytest

from comparisons.experiments.curves import along_the_stream, without_end
from comparisons.experiments.measuring import no_bar, recomputed
from comparisons.experiments.results import Point
from comparisons.metrics import perplexity
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.experiments.test_tables import subject
from tests.support.speaking import loaded


@pytest.fixture(scope="module", params=[along_the_stream, without_end])
def points(request) -> dict[str, list[Point]]:
    lanes: dict[str, list[Point]] = {}
    for point in request.param(subject(2400, sampled=64), no_bar):
        lanes.setdefault(point.kind, []).append(point)
    return lanes


@pytest.mark.parametrize("policy", ["dense", "window:32", "sinks:4+28"])
def test_a_point_is_the_perplexity_of_its_stretch(points: dict[str, list[Point]], policy: str) -> None:
    parsed = Policy.parse(policy)
    nats = open_stream(loaded(), parsed).read(subject(2400).ids).numpy()
    for point in points[parsed.kind]:
        assert point.perplexity == pytest.approx(perplexity(nats[max(4, point.begin) : point.end]), rel=1e-4)
        assert point.tokens == point.end - max(4, point.begin)


def test_stretches_follow_each_other_to_the_end(points: dict[str, list[Point]]) -> None:
    for kind in ("window", "sinks"):
        lane = points[kind]
        assert [point.begin for point in lane] == [0, *(point.end for point in lane[:-1])]
        assert lane[-1].end == 2400
    assert all(point.end - point.begin >= 30 for point in points["sinks"])


def test_dense_ends_after_24_training_lengths(points: dict[str, list[Point]]) -> None:
    assert 0.85 * 24 * loaded().context <= points["dense"][-1].end <= 24 * loaded().context


def test_every_sampled_token_is_in_a_point() -> None:
    lane = [point for point in along_the_stream(subject(2400, sampled=64), no_bar) if point.kind == "recompute"]
    places = np.unique(np.linspace(64, 2399, 64, dtype=int))
    assert sum(point.tokens for point in lane) == len(places)
    for point in lane:
        inside = places[(places >= point.begin) & (places < point.end)]
        nats = recomputed(loaded(), 32, subject(2400).ids, inside)
        assert point.perplexity == pytest.approx(perplexity(nats))
