"""What was measured of the bundled models, as Markdown: side by side, and all of it for a model's own card.

The figures are those that `python -m comparisons measure NAME --save` wrote to `quality.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comparisons.experiments.measuring import DENSE_TRAINING_LENGTHS, SINKS
from comparisons.experiments.recall import TOKENS
from comparisons.reports.markdown import Grid, number, table, times

__all__ = ["card", "headlines", "side_by_side"]

Figures = Mapping[str, Any]
"""One `quality.json`; `comparisons.experiments.quality.Quality` says what is in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Claim:
    """One row: what is claimed, what was aimed at for `sink` (empty for nothing), and the words for what came out.

    `first` is whether the README shows it.
    """

    what: str
    target: str = ""
    first: bool = False
    cell: Callable[[Figures], str]


def side_by_side(measured: Sequence[Figures]) -> str:
    """One column for each model, beside what was aimed at."""
    first = measured[0]
    claims = table(_grid(measured, _claims(first)))
    return f"{claims}\n\n{_circumstances(first)} Recomputation was sampled at {first['places']} tokens."


def headlines(measured: Sequence[Figures]) -> str:
    """The rows that say what the method is for, one column for each model."""
    return table(_grid(measured, [claim for claim in _claims(measured[0]) if claim.first]))


def _grid(measured: Sequence[Figures], claims: Sequence[_Claim]) -> Grid:
    headers = ["", "aim for `sink`", *(f"`{q['model']}`" for q in measured)]
    return headers, [[claim.what, claim.target, *(claim.cell(q) for q in measured)] for claim in claims]


def card(q: Figures) -> str:
    """All figures of one model."""
    blocks = [
        side_by_side([q]),
        "Perplexity by number of sinks, at an equal budget; in brackets, how many times that of 4 sinks:",
        _ablation("sinks", q["sinks"], q["sinks"]["4"]),
        "Perplexity with 4 sinks by cache size:",
        _ablation("cache, tokens", q["budgets"], None),
        "Perplexity of other texts, with 4 sinks, and recomputed at sampled places:",
        _texts(q["texts"]),
        *_attention(q["attention"]),
    ]
    return "\n\n".join(blocks)


def _claims(q: Figures) -> list[_Claim]:
    """The rows; `q` says what is the same for all models: training length and budget."""
    return [
        _Claim(first=True, what="perplexity in context (dense)", cell=lambda q: number(q["in_context"])),
        _Claim(first=True, what="perplexity, `sinks` 4", cell=lambda q: number(_four(q))),
        _Claim(
            what="`sinks` 4 against in context", target="≤ 1.08 ×", cell=lambda q: _precise(_four(q) / q["in_context"])
        ),
        _Claim(what="`sinks` 1 against `sinks` 4", target="0.98 to 1.02 ×", cell=lambda q: _share_of_four(q, "1")),
        _Claim(
            first=True, what="`recompute` against `sinks` 4, the same tokens", target="0.95 to 1.05 ×",
            cell=_recomputed,
        ),
        _Claim(
            first=True, what="`window` (no sinks) against `sinks` 4", target="≥ 15 ×",
            cell=lambda q: _share_of_four(q, "0"),
        ),
        _Claim(
            first=True,
            what=f"`dense`, {DENSE_TRAINING_LENGTHS} training lengths, against `sinks` 4 on the same tokens",
            target="≥ 100 ×", cell=lambda q: f"{times(q['dense'] / q['sinks_with_dense'])} ({number(q['dense'])})",
        ),
        _Claim(
            what="`sinks` 4: last tenth of the stream against the first after the cache filled",
            target="0.97 to 1.03 ×", cell=lambda q: _precise(q["last"] / q["first"]),
        ),
        _Claim(first=True, what="facts answered right while in the cache", target="≥ 90 %", cell=_in_the_cache),
        _Claim(first=True, what="facts answered right after they left it", target="at chance", cell=_evicted),
        _Claim(what="mean attention on the 4 sinks, cache full", cell=lambda q: _percent(q["attention"]["sinks"])),
        _Claim(what="mean attention on token 0, in context", cell=lambda q: _percent(q["attention"]["in_context"])),
    ]  # fmt: skip


def _four(q: Figures) -> float:
    return float(q["sinks"]["4"])


def _share_of_four(q: Figures, sinks: str) -> str:
    ratio = q["sinks"][sinks] / _four(q)
    return f"{_precise(ratio)} ({number(q['sinks'][sinks])})"


def _recomputed(q: Figures) -> str:
    return f"{_precise(q['recompute'] / q['sinks_there'])} ({number(q['recompute'])})"


def _in_the_cache(q: Figures) -> str:
    return _answered(q["recall"], "cached")


def _evicted(q: Figures) -> str:
    chance = q["recall"]["evicted_chance"]
    return _answered(q["recall"], "evicted") + ("" if chance is None else f" (chance {100 * chance:.0f} %)")


def _answered(recall: Mapping[str, int], where: str) -> str:
    asked, right = recall[where], recall[f"{where}_right"]
    return f"{right} of {asked}" + (f", {100 * right / asked:.0f} %" if asked else "")


def _precise(ratio: float) -> str:
    """Ratios near one with three decimals."""
    return f"{ratio:.3f} ×" if ratio < 2 else times(ratio)


def _percent(heads: Sequence[Sequence[float]]) -> str:
    shares = [share for layer in heads for share in layer]
    return f"{100 * sum(shares) / len(shares):.1f} %"


def _circumstances(q: Figures) -> str:
    return (
        f"Seed {q['seed']} of the prompt stream, which is held out from training, {q['tokens']:,} tokens; cache budget "
        f"{q['budget']} tokens, training length {q['context']}. The first {SINKS} tokens are not "
        f"counted; dense was read for {DENSE_TRAINING_LENGTHS} training lengths. Facts are asked for on the first "
        f"{min(q['tokens'], TOKENS):,} tokens and answered greedily with 4 sinks."
    )


def _ablation(what: str, values: Mapping[str, float], reference: float | None) -> str:
    """Perplexity against one setting, as a table of one row."""
    keys = sorted(values, key=int)
    cells = [
        number(values[key]) + ("" if reference is None else f" ({_precise(values[key] / reference)})") for key in keys
    ]
    return table(([what, *keys], [["perplexity", *cells]]))


def _texts(texts: Sequence[Mapping[str, Any]]) -> str:
    headers = ["text", "tokens", "`sinks` 4", "sampled tokens", "`recompute` there", "`sinks` 4 there", "ratio"]
    rows = [
        [
            text["name"], f"{text['tokens']:,}", number(text["sinks"]), str(text["places"]), number(text["recompute"]),
            number(text["sinks_there"]), _precise(text["recompute"] / text["sinks_there"]),
        ]
        for text in texts
    ]  # fmt: skip
    return table((headers, rows))


def _attention(attention: Mapping[str, Any]) -> list[str]:
    """Two matrices."""
    full, context = (f"{attention[f'{name}_queries']:,} tokens" for name in ("sinks", "in_context"))
    return [
        f"Attention on the 4 sinks, % per layer and head, mean over {full} read with a full cache:",
        _matrix(attention["sinks"]),
        f"Attention on token 0, % per layer and head, mean over {context} inside the training length, dense:",
        _matrix(attention["in_context"]),
    ]


def _matrix(shares: Sequence[Sequence[float]]) -> str:
    headers = ["", *(f"head {head}" for head in range(len(shares[0])))]
    rows = [[f"layer {at}", *(f"{100 * share:.1f}" for share in layer)] for at, layer in enumerate(shares)]
    return table((headers, rows))
