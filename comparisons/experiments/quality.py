"""What a model does under each policy: the figures that its card and the page may claim.

`python -m comparisons measure MODEL --tokens 200000 --seed 0` prints them. Perplexities are teacher-forced, over the
same held-out stream, and over texts that no policy was made for. The cache budget is half the training length unless
told otherwise.
"""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from torch import Tensor

from comparisons.experiments import tables
from comparisons.experiments.measuring import (
    SINKS,
    first_ids,
    fresh,
    in_context,
    no_bar,
    prompt_ids,
    sinks_policy,
)
from comparisons.experiments.recall import TOKENS, ask, chance
from comparisons.experiments.subjects import Request, Subject
from comparisons.limits import Range
from comparisons.metrics import finite_or_none, perplexity, rounded
from comparisons.text.choices import Reading
from comparisons.text.feeds import Feed
from streaming.errors import SettingsError
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.share import SinkShare
from streaming.stream import open_stream

__all__ = [
    "Attention",
    "Quality",
    "Recall",
    "TextQuality",
    "as_dict",
    "as_json",
    "figures",
    "language_reference",
    "measure",
    "recall",
]

COUNTS = (0, 1, 2, 4, 8)
"""How many sinks are compared, at the same budget."""

PARTS = (8, 4, 2, 1)
"""Cache budgets that are compared, as parts of the training length."""

PLACES = 400
"""How many tokens are measured under recomputation, spread over the stream."""

STRETCH = 50_000
"""How many tokens of a text are read, at most."""

ATTENTION_STRETCH = 20_000
"""How many tokens the attention is looked at on, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recall:
    """Facts asked for: how many there were, and how many were answered right (greedy).

    Of `cached` facts the last token of the answer was in the cache when they were asked for, of `evicted` ones it had
    left.
    `evicted_chance` is the share that would be right if the answer key of questions of the same form were shuffled;
    None where no form had two questions.
    """

    cached: int
    cached_right: int
    evicted: int
    evicted_right: int
    evicted_chance: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attention:
    """Share of the attention, from 0 to 1, mean over queries; a row per layer, a column per head.

    Attributes:
        sinks: on all 4 sinks, under `sinks` 4, of tokens read after the cache filled.
        sinks_queries: how many those were.
        in_context: on token 0, dense, of all later tokens of fresh stretches of a training length.
        in_context_queries: how many those were.
    """

    sinks: list[list[float]]
    sinks_queries: int
    in_context: list[list[float]]
    in_context_queries: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TextQuality:
    """Perplexity of a text.

    Attributes:
        name: of the text.
        tokens: tokens read.
        sinks: 4 sinks, over all of them.
        places: how many sampled places the next two are of.
        sinks_there: 4 sinks, at these places.
        recompute: at these places.
    """

    name: str
    tokens: int
    sinks: float
    places: int
    sinks_there: float
    recompute: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """Measured figures of one model; perplexities over `tokens` tokens but where it says otherwise.

    Attributes:
        model: its name.
        seed: of the prompt stream.
        tokens: tokens read.
        context: training length, in tokens.
        budget: cache budget, in tokens.
        in_context: dense, inside the training length, of tokens with at least `budget` tokens before them.
        sinks: perplexity by number of sinks, all with the same budget; 0 sinks is `window`.
        first: 4 sinks, the first tenth of the stream after the cache filled.
        last: 4 sinks, the last tenth.
        dense: over the first `DENSE_TRAINING_LENGTHS` training lengths.
        sinks_with_dense: 4 sinks, over the same tokens.
        recompute: at `places` sampled places.
        sinks_there: 4 sinks at the same places.
        places: how many.
        budgets: perplexity under 4 sinks by cache budget in tokens.
        attention: on the sinks.
        texts: what was measured on other texts, the same way.
        recall: facts asked for, under 4 sinks.
    """

    model: str
    seed: int
    tokens: int
    context: int
    budget: int
    in_context: float
    sinks: dict[str, float]
    first: float
    last: float
    dense: float
    sinks_with_dense: float
    recompute: float
    sinks_there: float
    places: int
    budgets: dict[str, float]
    attention: Attention
    texts: list[TextQuality]
    recall: Recall

    def as_dict(self) -> dict[str, Any]:
        """For JSON; six digits are more than repeat."""
        return as_dict(asdict(self))


def as_dict(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a `Quality`, all of them or some, for JSON: six digits are more than repeat; null is no number."""
    return {name: _six_digits(value) for name, value in figures.items()}


def as_json(figures: Mapping[str, Any]) -> str:
    """As they stand in a file: a line for each figure, a line for each row of a matrix."""
    written = json.dumps(as_dict(figures), indent=1, allow_nan=False)
    return re.sub(r"\[\s+([^][{}]+?)\s+\]", _on_one_line, written) + "\n"


def measure(
    loaded: LoadedModel,
    *,
    seed: int = 0,
    tokens: int = 200_000,
    budget: int | None = None,
    texts: Mapping[str, Feed] | None = None,
    places: int = PLACES,
) -> Quality:
    """Measure a model: all that `figures` gives."""
    return Quality(**dict(figures(loaded, seed=seed, tokens=tokens, budget=budget, texts=texts, places=places)))


def figures(
    loaded: LoadedModel,
    *,
    seed: int = 0,
    tokens: int = 200_000,
    budget: int | None = None,
    texts: Mapping[str, Feed] | None = None,
    places: int = PLACES,
) -> Iterator[tuple[str, Any]]:
    """The figures of a `Quality` by name, each as soon as it is measured; those of several parts, part by part.

    Args:
        loaded: the model; all policies read the same tokens.
        seed: of the prompt stream, one that was not trained on.
        tokens: of the prompt stream.
        budget: of the caches, in tokens; half the training length by default.
        texts: texts by name, to be measured beside Python's language reference.
        places: sampled under recomputation.

    Raises:
        SettingsError: the budget is out of range, or the stream or a text is too short for it.
        StreamError: the model computes NaN.
    """
    budget = loaded.context // 2 if budget is None else budget
    _budgets(loaded).check("budget", budget)
    ids = prompt_ids(loaded, seed=seed, tokens=tokens)
    _require_length("The stream", ids, budget)
    about: dict[str, Any] = {"model": loaded.name, "seed": seed, "tokens": tokens}
    about |= {"context": loaded.context, "budget": budget}
    in_context_perplexity = perplexity(in_context(loaded, ids, budget))
    yield from (about | {"in_context": in_context_perplexity}).items()
    subject = _subject(loaded, ids, budget, places, seed=seed)
    yield from _by_policy(subject, budget)
    sizes = _cache_sizes(loaded)
    yield from _parts("budgets", sizes, lambda n: subject.read(sinks_policy(SINKS, n)).perplexity)
    yield "attention", _attention(loaded, ids[:ATTENTION_STRETCH], budget)
    measured: list[TextQuality] = []
    for name, text in (language_reference(loaded) | dict(texts or {})).items():
        measured.append(_on_text(loaded, name, first_ids(text, min(tokens, STRETCH)), budget, places))
        yield "texts", list(measured)
    yield "recall", recall(loaded, seed=seed, tokens=min(tokens, TOKENS), budget=budget)


def _by_policy(subject: Subject, budget: int) -> Iterator[tuple[str, Any]]:
    """Of the prompt stream, in a cache of this budget."""
    yield from _parts("sinks", COUNTS, lambda n: subject.read(sinks_policy(n, budget)).perplexity)
    four, tenth = subject.read(sinks_policy(SINKS, budget)).nats, max(1, len(subject.ids) // 10)
    yield "first", perplexity(four[budget : budget + tenth])
    yield "last", perplexity(four[-tenth:])
    rows = {row.row: row for row in tables.policies(subject, no_bar)}
    yield "dense", _known(rows["dense"].perplexity)
    yield "sinks_with_dense", _known(rows["dense"].reference)
    yield "recompute", _known(rows["recompute"].perplexity)
    yield "sinks_there", _known(rows["recompute"].reference)
    yield "places", rows["recompute"].tokens


def _parts(name: str, keys: Iterable[int], measured: Callable[[int], float]) -> Iterator[tuple[str, dict[str, float]]]:
    """A figure of several numbers, as it grows."""
    found: dict[str, float] = {}
    for key in keys:
        found[str(key)] = measured(key)
        yield name, dict(found)


def _budgets(loaded: LoadedModel) -> Range:
    """The least has room for a recent token beside most sinks; the most leaves a token to be read in context."""
    return Range(min=max(COUNTS) + 1, max=loaded.context - 1 - (loaded.start_token is not None), unit="tokens")


def _subject(loaded: LoadedModel, ids: Tensor, budget: int, places: int, *, seed: int) -> Subject:
    return Subject(loaded=loaded, ids=ids, caches=(budget,), sampled=places, request=Request(seed=seed))


def _known(value: float | None) -> float:
    return math.inf if value is None else value


def language_reference(loaded: LoadedModel) -> dict[str, Feed]:
    """The Python language reference, by a name that says which: a text that is at hand wherever this runs."""
    version = ".".join(platform.python_version_tuple()[:2])
    return {f"Python {version} language reference": Reading(kind="python").feed(loaded, seed=0)}


def _six_digits(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return _six_digits(asdict(value))
    if isinstance(value, dict):
        return {name: _six_digits(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_six_digits(each) for each in value]
    return rounded(finite_or_none(value), 6) if isinstance(value, float) else value


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[1].split())}]"


def _require_length(what: str, ids: Tensor, budget: int) -> None:
    if len(ids) <= 4 * budget:
        raise SettingsError(f"{what} has {len(ids)} tokens, too few for a cache of {budget}: more than {4 * budget}.")


def _cache_sizes(loaded: LoadedModel) -> list[int]:
    return [max(8, loaded.context // part) for part in PARTS]


def _on_text(loaded: LoadedModel, name: str, ids: Tensor, budget: int, places: int) -> TextQuality:
    _require_length(f"The text {name!r}", ids, budget)
    subject = _subject(loaded, ids, budget, places, seed=0)
    four, sampled = subject.read(sinks_policy(SINKS, budget)), subject.places
    return TextQuality(
        name=name,
        tokens=len(ids),
        sinks=four.perplexity,
        places=len(sampled),
        sinks_there=perplexity(four.nats[sampled]),
        recompute=perplexity(subject.recomputed()),
    )


def _attention(loaded: LoadedModel, ids: Tensor, budget: int) -> Attention:
    rest, first = SinkShare(SINKS), SinkShare(1)
    stream = open_stream(loaded, sinks_policy(SINKS, budget))
    stream.read(ids[:budget])
    stream.read(ids[budget:], share=rest)
    length = loaded.context - (loaded.start_token is not None)
    for begin in range(0, len(ids) - length, length):
        stretch = fresh(loaded, ids[begin : begin + length])
        stream = open_stream(loaded, Policy(kind="dense"), chunk=loaded.context)
        stream.read(stretch[:1])
        stream.read(stretch[1:], share=first)
    return Attention(
        sinks=_four_digits(rest),
        sinks_queries=rest.queries,
        in_context=_four_digits(first),
        in_context_queries=first.queries,
    )


def _four_digits(share: SinkShare) -> list[list[float]]:
    if share.by_head is None:
        return []
    return [[round(each, 4) for each in heads] for heads in share.by_head.tolist()]


def recall(loaded: LoadedModel, *, seed: int, tokens: int, budget: int) -> Recall:
    """Read the stream under 4 sinks and let the model answer every question for a fact."""
    asked = list(ask(loaded, sinks_policy(SINKS, budget), seed=seed, tokens=tokens))
    cached = [each for each in asked if each.cached(budget - SINKS)]
    evicted = [each for each in asked if not each.cached(budget - SINKS)]
    return Recall(
        cached=len(cached),
        cached_right=sum(each.right for each in cached),
        evicted=len(evicted),
        evicted_right=sum(each.right for each in evicted),
        evicted_chance=chance(evicted, asked),
    )
