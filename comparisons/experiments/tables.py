"""The paper's tables of perplexity and recall, on any model: what is measured for each cell.

All policies of a table read the same tokens and have the same cache budget. Perplexity is over every token that counts
(see `measuring.py`) but for `recompute`, which is sampled, and `dense`, which stops after a number of training lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch

from comparisons.experiments import measuring
from comparisons.experiments.measuring import SINKS, Bar, sinks_policy
from comparisons.experiments.recall import Asked, ask, chance
from comparisons.experiments.results import Perplexity, Recalled
from comparisons.experiments.subjects import Subject
from comparisons.metrics import finite_or_none, perplexity
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["cache_sizes", "edges", "line_break", "policies", "recall_by_distance", "sink_counts", "sinks_in_training"]

EDGES = (0.25, 0.5, 0.75, 1, 1.5, 2)
"""Where table 7 cuts the distances, as multiples of the recent tokens; further away, each range is twice as long."""


def policies(subject: Subject, bar: Bar) -> Iterator[Perplexity]:
    """Table 1: the policies, and StreamingLLM with four line breaks in place of the first four tokens."""
    loaded, ids, (cache,) = subject.loaded, subject.ids, subject.caches
    dense, window, sinks = Policy(kind="dense"), sinks_policy(0, cache), sinks_policy(SINKS, cache)
    reference = subject.read(sinks, bar)

    def row(key: str, policy: Policy, nats: np.ndarray, there: np.ndarray) -> Perplexity:
        return _perplexity(subject, key, policy, nats, cache=cache, reference=there)

    read = subject.read(dense, bar).counted
    yield row("dense", dense, read, reference.counted[: len(read)])
    yield row("window", window, subject.read(window, bar).counted, reference.counted)
    recompute = Policy(kind="recompute", sinks=0, recent=cache)
    yield row("recompute", recompute, subject.recomputed(bar), reference.nats[subject.places])
    yield row("sinks", sinks, reference.counted, reference.counted)
    token = line_break(loaded)
    if token is not None:
        broken = torch.cat([torch.full((SINKS,), token), ids[SINKS:]])
        yield row("line breaks", sinks, measuring.read(loaded, sinks, broken, bar=bar).counted, reference.counted)


def line_break(loaded: LoadedModel) -> int | None:
    """The token of a line break; None where the tokenizer has none."""
    token = loaded.tokenizer.encode("a\n", add_special_tokens=False)[-1]
    return token if loaded.tokenizer.decode([token]) == "\n" else None


def sink_counts(subject: Subject, bar: Bar) -> Iterator[Perplexity]:
    """Table 2: the number of sinks, at an equal budget."""
    return _by_sinks(subject, bar, (0, 1, 2, 4, 8))


def sinks_in_training(subject: Subject, bar: Bar) -> Iterator[Perplexity]:
    """Table 3: the number of sinks, for models that were trained with and without a sink token."""
    return _by_sinks(subject, bar, (0, 1, 2, 4))


def _by_sinks(subject: Subject, bar: Bar, counts: tuple[int, ...]) -> Iterator[Perplexity]:
    (cache,) = subject.caches
    for count in counts:
        policy = sinks_policy(count, cache)
        yield _perplexity(subject, str(count), policy, subject.read(policy, bar).counted, cache=cache)


def cache_sizes(subject: Subject, bar: Bar) -> Iterator[Perplexity]:
    """Table 6: 4 sinks in caches of several sizes."""
    for cache in subject.caches:
        policy = sinks_policy(SINKS, cache)
        yield _perplexity(subject, str(cache), policy, subject.read(policy, bar).counted, cache=cache)


def _perplexity(
    subject: Subject, key: str, policy: Policy, nats: np.ndarray, *, cache: int, reference: np.ndarray | None = None
) -> Perplexity:
    return Perplexity(
        model=subject.loaded.name,
        row=key,
        policy=policy.label,
        cache=cache,
        tokens=len(nats),
        perplexity=finite_or_none(perplexity(nats)),
        reference=None if reference is None else finite_or_none(perplexity(reference)),
    )


def recall_by_distance(subject: Subject, bar: Bar) -> Iterator[Recalled]:
    """Table 7: how many questions for facts are answered right, by the distance of the fact."""
    loaded, request, tokens = subject.loaded, subject.request, len(subject.ids)
    for cache in subject.caches:
        asked: list[Asked] = []
        policy = sinks_policy(SINKS, cache)
        with bar(f"{loaded.name}, {policy.label}, questions", tokens) as tick:
            for each in ask(loaded, policy, seed=request.seed, tokens=tokens):
                tick(each.now - (asked[-1].now if asked else 0))
                asked.append(each)
        farthest = max((each.distance for each in asked), default=0)
        for begin, end in pairwise(edges(cache - SINKS, farthest)):
            inside = [each for each in asked if begin <= each.distance < end]
            if inside:
                yield _recalled(subject, cache, (begin, end), inside, asked)


def edges(recent: int, farthest: int) -> list[int]:
    """Where the distances are cut: each range goes from one edge to the token before the next.

    The last distance at which something of a fact is in the cache, `recent`, ends a range.
    """
    cut = [0, *(int(recent * edge) + 1 for edge in EDGES)]
    while cut[-1] <= farthest:
        cut.append(2 * cut[-1] - 1)
    return cut


def _recalled(subject: Subject, cache: int, ends: tuple[int, int], inside: list[Asked], asked: list[Asked]) -> Recalled:
    return Recalled(
        model=subject.loaded.name,
        cache=cache,
        recent=cache - SINKS,
        begin=ends[0],
        end=ends[1] - 1,
        asked=len(inside),
        right=sum(each.right for each in inside),
        chance=chance(inside, asked),
    )
