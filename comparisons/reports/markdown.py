"""A result as Markdown: what was measured, what it means, and beside it, named as the paper's, the paper's numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from comparisons.experiments import step_costs
from comparisons.experiments.measuring import DENSE_TRAINING_LENGTHS
from comparisons.experiments.results import Perplexity, Point, Recalled, Result, StepCost
from comparisons.reports import paper
from comparisons.reports.paper import Published

__all__ = ["Grid", "markdown", "number", "table", "times"]

NOTHING = "–"
ROW_LIMIT = 16
"""A curve is printed at no more than so many places."""

_POLICIES = {
    "dense": "dense",
    "window": "window, 0+{cache}",
    "recompute": "window recomputed, {cache}",
    "sinks": "StreamingLLM, 4+{recent}",
    "line breaks": "four line breaks as sinks, 4+{recent}",
}

Grid = tuple[list[str], list[list[str]]]
"""Headers, and rows of cells."""


def markdown(result: Result) -> str:
    """The result as tables and sentences, without a heading."""
    grid, meaning = _LAYOUTS[result.experiment](result)
    published = paper.published(result.experiment)
    blocks = [table(grid)]
    if published and _fits(published, result):
        blocks = [table(_beside(grid, published, result))]
    blocks.append(f"{meaning} {_circumstances(result)}")
    if published and not _fits(published, result):
        blocks.append(table(_apart(published)))
    if published:
        blocks.append(f"The paper’s own numbers: {published.place}, {published.what} ({paper.SOURCE}).")
    return "\n\n".join(blocks)


def number(value: float | None) -> str:
    """A number with as many digits as say something."""
    if value is None:
        return NOTHING
    digits = 3 if value < 1 else 2 if value < 100 else 1 if value < 1000 else 0
    return f"{value:,.{digits}f}"


def table(grid: Grid) -> str:
    """Headers and rows of cells as a Markdown table."""
    headers, rows = grid
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _circumstances(result: Result) -> str:
    about = result.about
    models = "; ".join(
        f"`{each.name}`: {_count(each.parameters)} parameters, training length {each.context:,}, {each.dtype}, "
        f"{each.device}"
        for each in about.models
    )
    text = f"{about.text[0].upper()}{about.text[1:]}, {about.tokens:,} tokens"
    threads = f"{about.threads} thread" + ("s" if about.threads != 1 else "")
    ended = (
        ""
        if about.complete
        else " It ended before all was measured: the memory did not last, it was stopped, or a model failed."
    )
    return f"{text}. {models}. {threads}, torch {about.torch}.{ended}"


def _count(parameters: int) -> str:
    millions = parameters / 1e6
    return f"{millions / 1000:.1f}B" if millions >= 1000 else f"{millions:.1f}M"


# ------------------------------------------------------------------------------------- the paper's numbers


def _fits(published: Published, result: Result) -> bool:
    """Whether the paper's rows are rows of ours."""
    keys = _keys(result.of(Perplexity))
    return bool(keys) and set(published.keys) <= set(keys)


def _beside(grid: Grid, published: Published, result: Result) -> Grid:
    headers, rows = grid
    names = [f"paper: {column.name}" for column in published.columns]
    keys = _keys(result.of(Perplexity))
    cells = [[column.values.get(key, NOTHING) for column in published.columns] for key in keys]
    return [*headers, *names], [[*row, *more] for row, more in zip(rows, cells, strict=True)]


def _apart(published: Published) -> Grid:
    headers = [f"paper: {published.rows}", *(column.name for column in published.columns)]
    return headers, [
        [_thousands(key), *(column.values.get(key, NOTHING) for column in published.columns)]
        for key in sorted(published.keys, key=int)
    ]


def _thousands(key: str) -> str:
    return f"{int(key):,}"


# ------------------------------------------------------------------------------------- one layout for each


def _by_policy(result: Result) -> tuple[Grid, str]:
    rows = result.of(Perplexity)

    def cell(row: Perplexity) -> str:
        if row.row == "sinks" or not row.perplexity or not row.reference:
            return number(row.perplexity)
        return f"{number(row.perplexity)} ({times(row.perplexity / row.reference)})"

    cells = _pivot(result, rows, lambda row: row.row, cell)
    tokens = {key: _one(f"{row.tokens:,}" for row in rows if row.row == key) for key in cells}
    grid = (
        ["", "tokens measured", *(f"`{name}`" for name in _models(result))],
        [[_policy(key, rows), tokens[key], *cells[key]] for key in cells],
    )
    return grid, (
        "Perplexity; in brackets, how many times that of StreamingLLM on the same tokens. The first four tokens are "
        f"not counted; dense was read for {DENSE_TRAINING_LENGTHS} training lengths at most; recomputation was "
        "sampled."
    )


def _by_sinks(result: Result) -> tuple[Grid, str]:
    rows = result.of(Perplexity)
    cells = _pivot(result, rows, lambda row: row.row, lambda row: number(row.perplexity))
    grid = (
        ["sinks + recent", *(f"`{name}`" for name in _models(result))],
        [[_budget(int(key), rows), *cells[key]] for key in cells],
    )
    return grid, "Perplexity, the cache budget being the same whatever the number of sinks."


def _by_cache(result: Result) -> tuple[Grid, str]:
    rows = sorted(result.of(Perplexity), key=lambda row: row.cache)
    cells = _pivot(result, rows, lambda row: row.cache, lambda row: number(row.perplexity))
    grid = (
        ["cache, tokens", "sinks + recent", *(f"`{name}`" for name in _models(result))],
        [[f"{cache:,}", f"4+{cache - 4}", *cells[cache]] for cache in cells],
    )
    return grid, "Perplexity with 4 sinks."


def _by_distance(result: Result) -> tuple[Grid, str]:
    rows = sorted(result.of(Recalled), key=lambda row: (row.cache, row.begin))

    def cell(row: Recalled) -> str:
        return f"{row.right} of {row.asked}, {row.right / row.asked:.0%} ({_share(row.chance)})"

    cells = _pivot(result, rows, lambda row: (row.cache, row.recent, row.begin, row.end), cell)
    grid = (
        ["cache, tokens", "told … tokens ago", "the fact", *(f"`{name}`" for name in _models(result))],
        [
            [f"{cache:,}", f"{begin:,} to {end:,}", "in the cache" if end <= recent else "evicted", *each]
            for (cache, recent, begin, end), each in cells.items()
        ],
    )
    return grid, (
        "Facts answered right, with 4 sinks; in brackets chance, the share that would be right if the answer key of "
        "questions of the same form were shuffled. Distances go from the last token of the answer to the last of the "
        "question; a fact further back than the cache’s recent tokens (cache less 4) is evicted. Answers are greedy."
    )


def _by_stretch(result: Result) -> tuple[Grid, str]:
    points = result.of(Point)
    lanes = list(dict.fromkeys((point.model, point.policy) for point in points))
    known = {(point.model, point.policy, point.end): number(point.perplexity) for point in points}
    ends = _spread(sorted({point.end for point in points if (point.model, point.policy) == lanes[-1]}))
    many = len(_models(result)) > 1
    grid = (
        ["tokens", *(f"`{model}` {policy}" if many else policy for model, policy in lanes)],
        [[f"{end:,}", *(known.get((*lane, end), NOTHING) for lane in lanes)] for end in ends],
    )
    sampled = min((point.tokens for point in points if point.kind == "recompute"), default=None)
    return grid, (
        "Perplexity of the stretch of the stream that ends at this token; dense was read for "
        f"{DENSE_TRAINING_LENGTHS} training lengths at most."
        + (f" Recomputation was sampled: {sampled} tokens or more in a stretch." if sampled else "")
    )


def _by_cost(result: Result) -> tuple[Grid, str]:
    costs = result.of(StepCost)
    known = {(each.model, each.cache, each.kind): each for each in costs}
    rows = []
    for model, cache in dict.fromkeys((each.model, each.cache) for each in costs):
        sinks, recompute, dense = (known[model, cache, kind] for kind in ("sinks", "recompute", "dense"))
        rows.append([
            f"`{model}`", f"{cache:,}",
            *(number(each.ms_per_token) for each in (sinks, recompute, dense)),
            times(recompute.ms_per_token / sinks.ms_per_token),
            *(number(each.kv_bytes / 1e6) for each in (sinks, recompute, dense)),
        ])  # fmt: skip
    headers = ["model", "cache, tokens", "StreamingLLM, ms", "window recomputed, ms", "dense, ms", "recomputed against"]
    memory = ["StreamingLLM, MB", "window recomputed, MB", "dense, MB"]
    steps = min(each.steps for each in costs)
    return (headers + memory, rows), (
        f"Median time of a step that reads one token, of {steps} steps or more, taken in turn; memory is that of the "
        f"keys and values in that step. Dense is after {step_costs.DENSE_CACHES} times the cache size in tokens; "
        "recomputation builds its cache anew for every token. “Recomputed against”: times slower than StreamingLLM."
    )


# ------------------------------------------------------------------------------------- small pieces


def _keys(rows: Iterable[Perplexity]) -> list[str]:
    return list(dict.fromkeys(row.row for row in rows))


def _models(result: Result) -> list[str]:
    return [each.name for each in result.about.models]


def _pivot(
    result: Result, rows: Iterable[Any], key: Callable[[Any], Hashable], cell: Callable[[Any], str]
) -> dict[Any, list[str]]:
    """The cells by key, one for each model in order; a model that lacks one gets a dash."""
    rows = list(rows)
    cells = {(key(row), row.model): cell(row) for row in rows}
    keys = dict.fromkeys(map(key, rows))
    return {each: [cells.get((each, name), NOTHING) for name in _models(result)] for each in keys}


def _one(values: Iterable[str]) -> str:
    """What they all say, or each in turn."""
    return " / ".join(dict.fromkeys(values))


def _policy(key: str, rows: Sequence[Perplexity]) -> str:
    caches = dict.fromkeys(row.cache for row in rows)
    recent = " / ".join(str(cache - 4) for cache in caches)
    return _POLICIES[key].format(cache=" / ".join(map(str, caches)), recent=recent)


def _budget(sinks: int, rows: Sequence[Perplexity]) -> str:
    return _one(f"{sinks}+{row.cache - sinks}" for row in rows)


def times(ratio: float) -> str:
    """A ratio, read as "… times"."""
    return f"{ratio:,.{2 if ratio < 10 else 1 if ratio < 100 else 0}f} ×"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.0%}"


def _spread(values: list[int]) -> list[int]:
    """At most `ROW_LIMIT` of them, first and last among them."""
    last = len(values) - 1
    count = min(ROW_LIMIT, len(values))
    return [values[last * i // max(1, count - 1)] for i in range(count)]


_LAYOUTS: Mapping[str, Callable[[Result], tuple[Grid, str]]] = {
    "table 1": _by_policy,
    "table 2": _by_sinks,
    "table 3": _by_sinks,
    "table 6": _by_cache,
    "table 7": _by_distance,
    "figure 3": _by_stretch,
    "figure 5": _by_stretch,
    "figure 10": _by_cost,
}
