"""What reading and decoding cost: ratios measured in one run, on an otherwise idle machine.

`python -m comparisons bench MODEL` prints a table for people and ends in one line of JSON. Each pair is measured in
turn, A B A B …, and the ratio is the median of the ratios of the pairs, so that a machine that drifts drifts in both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
import torch
from transformers import DynamicCache

from comparisons.experiments.measuring import prompt_ids
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import Stream, open_stream

__all__ = ["Measurement", "bench"]

CACHES = (256, 512, 1024, 2048, 4096)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One row of the table.

    Attributes:
        name: what is compared with what.
        ratio: of the times per token (or of the memory).
        ours: the first of the two, in `unit`.
        other: the second of the two.
        unit: of both.
        target: what the ratio should reach.
    """

    name: str
    ratio: float
    ours: float
    other: float
    unit: str
    target: str


def bench(loaded: LoadedModel, *, plain: LoadedModel, tokens: int = 1_000_000) -> Iterator[Measurement]:
    """All measurements, as they are made.

    Args:
        loaded: the model, prepared for streaming.
        plain: the same model as transformers loads it by itself.
        tokens: how far the stream of the memory measurement goes.
    """
    ids = prompt_ids(loaded, seed=0, tokens=1 << 15)
    budget = loaded.context // 2
    policy = Policy(kind="sinks", sinks=4, recent=budget - 4)
    yield _memory(loaded, policy, ids, tokens)  # first: the others leave holes in the heap
    yield _chunks_against_tokens(loaded, policy, ids)
    yield _chunks_against_the_bare_model(loaded, plain, policy, ids)
    yield _step_against_the_bare_model(loaded, plain, policy, ids)
    yield _late_against_early(loaded, policy, ids)
    yield from _against_recompute(loaded, ids)
    yield from _dense_steps(loaded, ids)


def _pairs(a: Callable[[], None], b: Callable[[], None], *, rounds: int) -> tuple[float, float, float]:
    """Median seconds of a and of b, and the median of the ratios a / b pair by pair; one round is warm-up."""
    times = []
    for _ in range(rounds + 1):
        times.append((_seconds(a), _seconds(b)))
    times = times[1:]
    return (*(statistics.median(t) for t in zip(*times, strict=True)), statistics.median(x / y for x, y in times))


def _seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _filled(loaded: LoadedModel, policy: Policy, ids: torch.Tensor, *, chunk: int = 256) -> Stream:
    """A stream whose cache is full."""
    stream = open_stream(loaded, policy, chunk=chunk)
    stream.read(ids[: 2 * (policy.budget or 0) + chunk])
    return stream


def _chunks_against_tokens(loaded: LoadedModel, policy: Policy, ids: torch.Tensor) -> Measurement:
    chunk = 4 * loaded.context
    fast, slow = (_filled(loaded, policy, ids, chunk=chunk) for _ in range(2))
    many, few = ids[: 8 * chunk], ids[:300]
    few_ms, many_ms, _ = (
        1e3 * x for x in _pairs(lambda: [slow.step(int(t)) for t in few], lambda: fast.read(many), rounds=5)
    )
    ours, other = many_ms / len(many), few_ms / len(few)
    return _row("reading in chunks, times faster than token by token", other / ours, ours, other, "ms/token", "≥ 30")


def _chunks_against_the_bare_model(
    loaded: LoadedModel, plain: LoadedModel, policy: Policy, ids: torch.Tensor
) -> Measurement:
    chunk, length = 4 * loaded.context, loaded.context
    stream, many = _filled(loaded, policy, ids, chunk=chunk), ids[: 8 * chunk]

    @torch.inference_mode()
    def bare() -> None:
        for part in many.split(length):
            logits = plain.model(part[None], use_cache=False).logits[0]
            torch.nn.functional.cross_entropy(logits[:-1].float(), part[1:], reduction="none")

    other_s, ours_s, ratio = _pairs(bare, lambda: stream.read(many), rounds=7)
    ours, other = 1e3 * ours_s / len(many), 1e3 * other_s / len(many)
    name = f"reading in chunks, speed against the bare model over {length} tokens"
    return _row(name, ratio, ours, other, "ms/token", "≥ 0.85")


def _step_against_the_bare_model(
    loaded: LoadedModel, plain: LoadedModel, policy: Policy, ids: torch.Tensor
) -> Measurement:
    stream, steps = _filled(loaded, policy, ids), 100
    cache = DynamicCache()

    @torch.inference_mode()
    def bare() -> None:
        plain.model(ids[None, : policy.budget], cache=cache, use_cache=True)
        begin = time.perf_counter()
        for token in ids[:steps].split(1):
            plain.model(token[None], cache=cache, use_cache=True)
            cache.crop(-1)
        took.append((time.perf_counter() - begin) / steps)
        cache.reset()

    ours, other, took = [], [], []
    for _ in range(12):
        bare()
        other.append(took[-1])
        ours.append(_seconds(lambda: [stream.step(int(t)) for t in ids[:steps]]) / steps)
    ratio = statistics.median(a / b for a, b in zip(ours[2:], other[2:], strict=True))
    name = f"a decode step, time against the bare model with {policy.budget} tokens cached"
    return _row(name, ratio, 1e3 * statistics.median(ours), 1e3 * statistics.median(other), "ms/token", "≤ 1.15")


def _late_against_early(loaded: LoadedModel, policy: Policy, ids: torch.Tensor) -> Measurement:
    early, late = (_filled(loaded, policy, ids, chunk=4 * loaded.context) for _ in range(2))
    early.read(ids[: 1000 - early.tokens])
    while late.tokens < 1_000_000:
        late.read(ids)
    late_s, early_s, ratio = _pairs(
        lambda: [late.step(int(t)) for t in ids[:100]], lambda: [early.step(int(t)) for t in ids[:100]], rounds=9
    )
    return _row("a step at token 1,000,000 against token 1,000", ratio, 10 * late_s, 10 * early_s, "ms/token", "≤ 1.10")


def _against_recompute(loaded: LoadedModel, ids: torch.Tensor) -> Iterator[Measurement]:
    for cache in CACHES:
        sinks = _filled(loaded, Policy(kind="sinks", sinks=4, recent=cache - 4), ids)
        recompute = open_stream(loaded, Policy(kind="recompute", sinks=4, recent=cache - 4))
        recompute._latest.extend(ids[: cache + 1].tolist())  # as after reading them, without the hours that takes
        recompute._tokens = len(recompute._latest)
        other, ours, ratio = _pairs(
            lambda r=recompute: r.step(5), lambda s=sinks: [s.step(int(t)) for t in ids[:20]], rounds=5
        )
        ratio, ours = ratio * 20, ours / 20
        target = "≥ 22.2" if cache >= 1024 else "printed"
        yield _row(
            f"recompute, times slower than sinks, cache of {cache}",
            ratio,
            1e3 * ours,
            1e3 * other,
            "ms/token",
            target,
        )


def _dense_steps(loaded: LoadedModel, ids: torch.Tensor) -> Iterator[Measurement]:
    for cache in CACHES:
        sinks = _filled(loaded, Policy(kind="sinks", sinks=4, recent=cache - 4), ids)
        dense = open_stream(loaded, Policy(kind="dense"))
        dense.read(ids[: 4 * cache])
        some = ids[:20].tolist()
        other, ours, ratio = _pairs(
            lambda d=dense, some=some: [d.step(t) for t in some],
            lambda s=sinks, some=some: [s.step(t) for t in some],
            rounds=5,
        )
        name = f"dense after {4 * cache} tokens, time against sinks, cache of {cache}"
        yield _row(name, ratio, 50 * ours, 50 * other, "ms/token", "printed")


def _memory(loaded: LoadedModel, policy: Policy, ids: torch.Tensor, tokens: int) -> Measurement:
    stream, process = open_stream(loaded, policy), psutil.Process()
    while stream.tokens < tokens // 10:
        stream.read(ids)
    first = most = process.memory_info().rss
    while stream.tokens < tokens:
        stream.read(ids)
        most = max(most, process.memory_info().rss)
    name = f"process memory over {tokens:,} tokens, most against after a tenth of them"
    return _row(name, most / first, most / 2**20, first / 2**20, "MiB", "≤ 1.02")


def _row(name: str, ratio: float, ours: float, other: float, unit: str, target: str) -> Measurement:
    return Measurement(name=name, ratio=ratio, ours=ours, other=other, unit=unit, target=target)
