"""A result of every experiment, of made-up numbers: for what only reads results."""

from __future__ import annotations

from comparisons.experiments.results import About, ModelFacts, Perplexity, Point, Recalled, Result, Row, StepCost

MODELS = ("one", "two")


def about() -> About:
    models = tuple(
        ModelFacts(name=name, context=256, parameters=4_100_000, dtype="float32", device="cpu") for name in MODELS
    )
    return About(text="seed 0 of the prompt stream", tokens=8192, models=models, threads=2, torch="2.13.0")


def result(experiment: str) -> Result:
    rows = tuple(row for place, model in enumerate(MODELS) for row in _ROWS[experiment](model, 1.0 + place))
    return Result(experiment=experiment, about=about(), rows=rows)


def _policies(model: str, factor: float) -> list[Row]:
    values = {"dense": 1234.5, "window": 87.25, "recompute": 1.75, "sinks": 2.0, "line breaks": 2.5}
    labels = {"dense": "dense", "window": "window:128", "recompute": "recompute:128"}
    return [
        Perplexity(
            model=model, row=key, policy=labels.get(key, "sinks:4+124"), cache=128, tokens=6140,
            perplexity=factor * value, reference=2 * factor,
        )
        for key, value in values.items()
    ]  # fmt: skip


def _sinks(model: str, factor: float, counts: tuple[int, ...]) -> list[Row]:
    return [
        Perplexity(
            model=model, row=str(n), policy=f"sinks:{n}+{128 - n}" if n else "window:128", cache=128, tokens=8191,
            perplexity=factor * (1.5 + 40 / (1 + 9 * n)),
        )
        for n in counts
    ]  # fmt: skip


def _caches(model: str, factor: float) -> list[Row]:
    return [
        Perplexity(
            model=model, row=str(cache), policy=f"sinks:4+{cache - 4}", cache=cache, tokens=8191,
            perplexity=factor * (2 + 10 / cache),
        )
        for cache in (32, 64, 128, 256)
    ]  # fmt: skip


def _recalls(model: str, factor: float) -> list[Row]:
    ranges = {(0, 31): (20, 19), (32, 124): (30, 21), (249, 496): (12, 1), (497, 992): (5, 0)}
    return [
        Recalled(
            model=model, cache=128, recent=124, begin=begin, end=end, asked=asked, right=right,
            chance=None if begin == 497 else 0.02 * factor,
        )
        for (begin, end), (asked, right) in ranges.items()
    ]  # fmt: skip


def _points(model: str, factor: float) -> list[Row]:
    lanes = {"dense": 4096, "window": 8192, "sinks": 8192, "recompute": 8192}
    return [
        Point(
            model=model, policy="dense" if kind == "dense" else f"{kind}:128", kind=kind, begin=end - 1024, end=end,
            tokens=64 if kind == "recompute" else 1024,
            perplexity=None if kind == "window" and end == 4096 else factor * (end if kind == "dense" else 2.0),
        )
        for kind, last in lanes.items()
        for end in range(1024, last + 1, 1024)
    ]  # fmt: skip


def _costs(model: str, factor: float) -> list[Row]:
    ms = {"sinks": 3.0, "recompute": 0.1, "dense": 0.01}
    return [
        StepCost(
            model=model, policy=kind, kind=kind, cache=cache, steps=25,
            ms_per_token=factor * (3 + value * cache), kv_bytes=cache * 9216 * (4 if kind == "dense" else 1),
        )
        for cache in (64, 256)
        for kind, value in ms.items()
    ]  # fmt: skip


_ROWS = {
    "table 1": _policies,
    "table 2": lambda model, factor: _sinks(model, factor, (0, 1, 2, 4, 8)),
    "table 3": lambda model, factor: _sinks(model, factor, (0, 1, 2, 4)),
    "table 6": _caches,
    "table 7": _recalls,
    "figure 3": _points,
    "figure 5": _points,
    "figure 10": _costs,
}
EXPERIMENTS = tuple(_ROWS)
