"""Figures 3 and 5 of the paper on any model: perplexity over the stream, stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from comparisons.experiments.measuring import SINKS, Bar, sinks_policy
from comparisons.experiments.results import Point
from comparisons.experiments.subjects import Subject
from comparisons.metrics import finite_or_none, perplexity
from streaming.policy import Policy

__all__ = ["along_the_stream", "without_end"]

STRETCHES = 80
SAMPLED_STRETCHES = 16
LEAST_STRETCH = 64  # tokens: of fewer, perplexity says little
GROWTH = 8  # a stretch is as long as this part of what was read before it


def along_the_stream(subject: Subject, bar: Bar) -> Iterator[Point]:
    """Figure 3: dense, window, recompute (sampled) and sinks, over stretches of equal length."""
    edges = _equal(len(subject.ids), STRETCHES)
    yield from _cached(subject, edges, bar)
    (cache,) = subject.caches
    nats = np.full(len(subject.ids), np.nan)
    nats[subject.places] = subject.recomputed(bar)
    policy = Policy(kind="recompute", sinks=0, recent=cache)
    yield from _points(subject, policy, nats, edges[:: STRETCHES // SAMPLED_STRETCHES])


def without_end(subject: Subject, bar: Bar) -> Iterator[Point]:
    """Figure 5: dense until it ends, window and sinks, over stretches that grow with the stream."""
    return _cached(subject, _growing(len(subject.ids)), bar)


def _cached(subject: Subject, edges: list[int], bar: Bar) -> Iterator[Point]:
    (cache,) = subject.caches
    for policy in (Policy(kind="dense"), sinks_policy(0, cache), sinks_policy(SINKS, cache)):
        nats = subject.read(policy, bar).nats.copy()
        nats[:SINKS] = np.nan  # they do not count
        yield from _points(subject, policy, nats, edges)


def _points(subject: Subject, policy: Policy, nats: np.ndarray, edges: list[int]) -> Iterator[Point]:
    """One point for each stretch in which something was measured, and of which at least half was read."""
    for begin, end in pairwise(edges):
        stretch = nats[begin:end]
        measured = int(np.count_nonzero(~np.isnan(stretch)))
        if measured and 2 * len(stretch) >= end - begin:
            yield Point(
                model=subject.loaded.name,
                policy=policy.label,
                kind=policy.kind,
                begin=begin,
                end=begin + len(stretch),
                tokens=measured,
                perplexity=finite_or_none(perplexity(stretch)),
            )


def _equal(tokens: int, stretches: int) -> list[int]:
    return [tokens * i // stretches for i in range(stretches + 1)]


def _growing(tokens: int) -> list[int]:
    """Stretches that keep their width on a log axis, but for the first, which would hold too few tokens."""
    edges = [0]
    while edges[-1] < tokens:
        step = max(LEAST_STRETCH, edges[-1] // GROWTH)
        edges.append(edges[-1] + step if edges[-1] + 1.5 * step <= tokens else tokens)
    return edges
