"""Figure 10 of the paper on any model: time per token and memory of keys and values, against the size of the cache.

Per cache size, the steps of the policies are timed in turn, so that a machine that drifts drifts in all of them. What
is timed is a step that reads one token: `sinks` with a full cache, `dense` after a stream of `DENSE_CACHES` times the
cache size, `recompute` with a window of the cache size encoded from nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from comparisons.experiments.measuring import SINKS, Bar, recompute_step, sinks_policy
from comparisons.experiments.results import StepCost
from comparisons.experiments.subjects import Subject
from streaming.policy import Policy
from streaming.stream import open_stream

__all__ = ["DENSE_CACHES", "STEPS", "against_cache_size", "tokens_needed"]

DENSE_CACHES = 4
ROUNDS = 5
STEPS = 5
"""Steps of a policy in a round; `recompute` takes one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Timed:
    policy: Policy
    step: Callable[[], object]
    steps: int
    kv_bytes: int


def tokens_needed(caches: tuple[int, ...]) -> int:
    """How many tokens there must be to read."""
    return DENSE_CACHES * max(caches) + 1


def against_cache_size(subject: Subject, bar: Bar) -> Iterator[StepCost]:
    """One point per policy and cache size; the first round of each is not counted."""
    for cache in subject.caches:
        with bar(f"{subject.loaded.name}, cache of {cache}", ROUNDS + 2) as tick:
            policies = (_sinks(subject, cache), _recompute(subject, cache), _dense(subject, cache))
            tick(1)
            times: dict[str, list[float]] = {each.policy.label: [] for each in policies}
            for number in range(ROUNDS + 1):
                for each in policies:
                    took = [_seconds(each.step) for _ in range(each.steps)]
                    times[each.policy.label] += took if number else []
                tick(1)
        for each in policies:
            yield _cost(subject, cache, each, times[each.policy.label])


def _sinks(subject: Subject, cache: int) -> _Timed:
    return _streamed(subject, sinks_policy(SINKS, cache), 2 * cache)


def _dense(subject: Subject, cache: int) -> _Timed:
    return _streamed(subject, Policy(kind="dense"), DENSE_CACHES * cache)


def _streamed(subject: Subject, policy: Policy, tokens: int) -> _Timed:
    stream = open_stream(subject.loaded, policy)
    stream.read(subject.ids[:tokens])
    token = int(subject.ids[tokens])
    return _Timed(policy=policy, step=lambda: stream.step(token).argmax().item(), steps=STEPS, kv_bytes=stream.nbytes)


def _recompute(subject: Subject, cache: int) -> _Timed:
    window = subject.ids[: cache + 1]
    built = open_stream(subject.loaded, Policy(kind="dense"))
    built.read(window)
    return _Timed(
        policy=Policy(kind="recompute", sinks=0, recent=cache),
        step=lambda: recompute_step(subject.loaded, window).argmax().item(),
        steps=1,
        kv_bytes=built.nbytes,
    )


def _seconds(step: Callable[[], object]) -> float:
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def _cost(subject: Subject, cache: int, timed: _Timed, seconds: list[float]) -> StepCost:
    return StepCost(
        model=subject.loaded.name,
        policy=timed.policy.label,
        kind=timed.policy.kind,
        cache=cache,
        steps=len(seconds),
        ms_per_token=1000 * statistics.median(seconds),
        kv_bytes=timed.kv_bytes,
    )
