"""Steps of one token, as in decoding."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from comparisons.experiments.bench.caches import filled, library_cache
from comparisons.experiments.bench.measurement import Measurement
from comparisons.experiments.bench.timing import Work, in_turn
from streaming.policy import Kind, Policy
from streaming.stream import Loaded, Stream

__all__ = ["against_recompute", "dense", "floor", "late", "sinks"]

_PAIR: tuple[Kind, Kind] = ("sinks", "recompute")

STEPS = 10


def sinks(loaded: Loaded, cache: int) -> Measurement:
    """A step of a full cache, against the bare model's with as many tokens cached."""
    stream = filled(loaded, Policy(kind="sinks", sinks=4, recent=cache - 4), 2 * cache)
    name = f"a step with sinks 4+{cache - 4}, time against the bare model's with {cache:,} cached"
    return _against_the_library(loaded, stream, name, at_most=1.08)


def dense(loaded: Loaded, held: int) -> Measurement:
    """A step of a dense cache, against the same."""
    stream = filled(loaded, Policy(kind="dense"), held)
    name = f"a dense step with {held:,} held, time against transformers with its own cache"
    return _against_the_library(loaded, stream, name, at_most=1.10)


def _against_the_library(loaded: Loaded, stream: Stream, name: str, *, at_most: float) -> Measurement:
    model, theirs = loaded.model, library_cache(stream)
    bounded = stream.policy.budget is not None

    @torch.inference_mode()
    def library() -> None:
        for token in range(STEPS):
            model(torch.tensor([[token]], device=model.device), cache=theirs, use_cache=True)
            if bounded:
                theirs.crop(-1)

    times = in_turn({"theirs": library, "ours": _steps(stream)}, model.device, rounds=5)
    ms = 1e3 / STEPS
    return Measurement(
        name=name,
        ratio=times["ours"][1],
        ours=ms * times["ours"][0],
        other=ms * times["theirs"][0],
        unit="ms",
        at_most=at_most,
    )


def _steps(stream: Stream, count: int = STEPS) -> Work:
    return lambda: [stream.step(token) for token in range(count)]


def late(loaded: Loaded, cache: int) -> Measurement:
    """A step at token 1,000,000 against one at token 1,000 or, where the cache is larger, at twice the cache."""
    policy, early = Policy(kind="sinks", sinks=4, recent=cache - 4), max(1000, 2 * cache)
    streams = {place: filled(loaded, policy, place) for place in (early, 1_000_000)}
    times = in_turn({str(place): _steps(s) for place, s in streams.items()}, loaded.model.device, rounds=5)
    (first, _), (last, multiple) = times.values()
    return Measurement(
        name=f"a step at token 1,000,000, time against one at token {early:,}",
        ratio=multiple,
        ours=1e3 * last / STEPS,
        other=1e3 * first / STEPS,
        unit="ms",
        at_most=1.10,
    )


def against_recompute(loaded: Loaded, caches: tuple[int, ...]) -> Iterator[Measurement]:
    """How many times slower it is to encode the whole window anew for every token."""
    for cache in caches:
        streams = [filled(loaded, Policy(kind=kind, sinks=4, recent=cache - 4), 2 * cache) for kind in _PAIR]
        works = {"sinks": _steps(streams[0]), "recompute": _steps(streams[1], 1)}
        times = in_turn(works, loaded.model.device, rounds=2)
        yield Measurement(
            name=f"recompute, times slower than sinks, cache of {cache:,}",
            ratio=times["recompute"][1] * STEPS,
            ours=1e3 * times["recompute"][0],
            other=1e3 * times["sinks"][0] / STEPS,
            unit="ms",
            at_least=22.2 if cache >= 4096 and loaded.model.device.type == "cuda" else None,
        )


def floor(loaded: Loaded, cache: int, copied_per_second: float) -> Measurement:
    """A step, against reading all weights and the cache once."""
    stream = filled(loaded, Policy(kind="sinks", sinks=4, recent=cache - 4), 2 * cache)
    weights = sum(x.numel() * x.element_size() for x in loaded.model.parameters())
    least = (weights + stream.nbytes) / copied_per_second
    took, _ = in_turn({"ours": _steps(stream)}, loaded.model.device, rounds=5)["ours"]
    return Measurement(
        name=f"a step with sinks 4+{cache - 4}, times the floor of reading weights and cache once",
        ratio=took / STEPS / least,
        ours=1e3 * took / STEPS,
        other=1e3 * least,
        unit="ms",
        at_most=1.6 if loaded.model.device.type == "cuda" else None,
    )
