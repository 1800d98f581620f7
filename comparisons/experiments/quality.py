"""What a model does under each policy: the figures that its card and the page may claim.

`python -m comparisons measure MODEL --tokens 200000 --seed 0` prints them. Perplexities are teacher-forced, over the
same held-out stream, and over texts that no policy was made for. The cache budget is half the training length unless
told otherwise.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch

from comparisons.experiments.recall import ask, chance
from comparisons.metrics import perplexity, rounded
from comparisons.text.choices import Reading
from comparisons.text.feeds import Feed, PromptFeed
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
    "first_ids",
    "in_context",
    "language_reference",
    "measure",
    "read_stream",
    "recall",
]

SINKS = (0, 1, 2, 4, 8)
"""How many sinks are compared, at the same budget."""

PARTS = (8, 4, 2, 1)
"""Cache budgets that are compared, as parts of the training length."""

DENSE_TRAINING_LENGTHS = 24
"""How far dense is read, in training lengths: its cost grows with the square of that."""

PLACES = 400
"""How many tokens are measured under recomputation, spread over the stream."""

STRETCH = 50_000
"""How many tokens of the stream the cache budgets are compared on, and how many of a text are read, at most."""

ATTENTION_STRETCH = 20_000
"""How many tokens the attention is looked at on, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recall:
    """Facts asked for: how many there were, and how many were answered right (greedy).

    `cached` facts were in the cache as a whole when they were asked for, `evicted` ones had left it as a whole.
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
        dense_past_context: from 4 training lengths on, to `DENSE_TRAINING_LENGTHS`.
        recompute: at `places` sampled places.
        sinks_there: 4 sinks at the same places.
        places: how many.
        budgets: perplexity under 4 sinks by cache budget in tokens, over `budgets_tokens` tokens.
        budgets_tokens: how many.
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
    dense_past_context: float
    recompute: float
    sinks_there: float
    places: int
    budgets: dict[str, float]
    budgets_tokens: int
    attention: Attention
    texts: list[TextQuality]
    recall: Recall

    def as_dict(self) -> dict:
        """For JSON; six digits are more than repeat."""
        return _six_digits(asdict(self))

    def as_json(self) -> str:
        """As it stands in a file: a line for each figure, a line for each row of a matrix."""
        return re.sub(r"\[\s+([^][{}]+?)\s+\]", _on_one_line, json.dumps(self.as_dict(), indent=1)) + "\n"


def measure(
    loaded: LoadedModel,
    *,
    seed: int = 0,
    tokens: int = 200_000,
    budget: int | None = None,
    texts: Mapping[str, Feed] | None = None,
    places: int = PLACES,
) -> Quality:
    """Measure a model; all policies read the same tokens.

    Args:
        loaded: the model.
        seed: of the prompt stream, one that was not trained on.
        tokens: of the prompt stream.
        budget: of the caches, in tokens; half the training length by default.
        texts: texts by name, to be measured beside Python's language reference.
        places: sampled under recomputation.

    Raises:
        SettingsError: the stream or a text is too short for the budget.
    """
    budget = budget or loaded.context // 2
    ids = read_stream(loaded, seed, tokens)
    _require_length("The stream", ids, budget)
    by_sinks = {n: open_stream(loaded, _sinks(n, budget)).read(ids).numpy() for n in SINKS}
    four, tenth = by_sinks[4], max(1, tokens // 10)
    dense_ids = ids[: DENSE_TRAINING_LENGTHS * loaded.context]
    dense = open_stream(loaded, Policy(kind="dense")).read(dense_ids).numpy()
    sampled, recomputed = _recompute(loaded, ids, budget, places)
    return Quality(
        model=loaded.name,
        seed=seed,
        tokens=tokens,
        context=loaded.context,
        budget=budget,
        in_context=perplexity(in_context(loaded, ids, budget)),
        sinks={str(n): perplexity(nats[1:]) for n, nats in by_sinks.items()},
        first=perplexity(four[budget : budget + tenth]),
        last=perplexity(four[-tenth:]),
        dense_past_context=perplexity(dense[4 * loaded.context :]),
        recompute=perplexity(recomputed),
        sinks_there=perplexity(four[sampled]),
        places=places,
        budgets=_by_budget(loaded, ids[:STRETCH]),
        budgets_tokens=min(tokens, STRETCH),
        attention=_attention(loaded, ids[:ATTENTION_STRETCH], budget),
        texts=[
            _on_text(loaded, name, first_ids(text, min(tokens, STRETCH)), budget, places)
            for name, text in (language_reference(loaded) | dict(texts or {})).items()
        ],
        recall=recall(loaded, seed=seed, tokens=min(tokens, 40_000), budget=budget),
    )


def read_stream(loaded: LoadedModel, seed: int, tokens: int) -> torch.Tensor:
    """The first token ids of the prompt stream, the start token included: (tokens,)."""
    return first_ids(PromptFeed(loaded.tokenizer, loaded.start_token, seed=seed), tokens)


def first_ids(feed: Feed, tokens: int) -> torch.Tensor:
    """The first token ids of a feed: (n,), n at most `tokens`."""
    ids: list[int] = []
    for segment in feed:
        ids += segment.ids
        if len(ids) >= tokens:
            break
    return torch.tensor(ids[:tokens])


def language_reference(loaded: LoadedModel) -> dict[str, Feed]:
    """The Python language reference, by a name that says which: a text that is at hand wherever this runs."""
    version = ".".join(platform.python_version_tuple()[:2])
    return {f"Python {version} language reference": Reading(kind="python").feed(loaded, seed=0)}


def _six_digits(value: object) -> object:
    if isinstance(value, dict):
        return {name: _six_digits(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_six_digits(each) for each in value]
    return rounded(value, 6) if isinstance(value, float) else value


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[1].split())}]"


def _require_length(what: str, ids: torch.Tensor, budget: int) -> None:
    if len(ids) <= 4 * budget:
        raise SettingsError(f"{what} has {len(ids)} tokens, too few for a cache of {budget}: more than {4 * budget}.")


def _sinks(count: int, budget: int) -> Policy:
    return Policy(kind="sinks", sinks=count, recent=budget - count)


def _fresh(loaded: LoadedModel, ids: torch.Tensor) -> torch.Tensor:
    """The ids with the start token in front, where the model has one."""
    start = [] if loaded.start_token is None else [loaded.start_token]
    return torch.cat([torch.tensor(start, dtype=torch.long), ids])


def in_context(loaded: LoadedModel, ids: torch.Tensor, budget: int) -> np.ndarray:
    """Nats of every token that has `budget` tokens or more before it inside a fresh stretch of a training length.

    Stretches overlap, so that each token of the text is measured once.
    """
    length = loaded.context - (loaded.start_token is not None)
    nats = []
    for begin in range(0, len(ids) - length, length - budget):
        stream = open_stream(loaded, Policy(kind="dense"), chunk=loaded.context)
        nats.append(stream.read(_fresh(loaded, ids[begin : begin + length])).numpy()[-(length - budget) :])
    return np.concatenate(nats)


def _recompute(
    loaded: LoadedModel, ids: torch.Tensor, budget: int, count: int = PLACES
) -> tuple[np.ndarray, np.ndarray]:
    """Places in the stream, and the nats of the tokens there under recomputation."""
    places = np.linspace(2 * budget, len(ids) - 1, count, dtype=int)
    kept = budget + 1 - (loaded.start_token is not None)
    nats = []
    for place in places:
        stream = open_stream(loaded, Policy(kind="dense"), chunk=loaded.context)
        nats.append(float(stream.read(_fresh(loaded, ids[place - kept : place + 1]))[-1]))
    return places, np.array(nats)


def _by_budget(loaded: LoadedModel, ids: torch.Tensor) -> dict[str, float]:
    """Perplexity under 4 sinks by cache budget in tokens."""
    budgets = [max(8, loaded.context // part) for part in PARTS]
    return {str(n): perplexity(open_stream(loaded, _sinks(4, n)).read(ids)[1:].numpy()) for n in budgets}


def _on_text(loaded: LoadedModel, name: str, ids: torch.Tensor, budget: int, places: int) -> TextQuality:
    _require_length(f"The text {name!r}", ids, budget)
    nats = open_stream(loaded, _sinks(4, budget)).read(ids).numpy()
    sampled, recomputed = _recompute(loaded, ids, budget, places)
    return TextQuality(
        name=name,
        tokens=len(ids),
        sinks=perplexity(nats[1:]),
        places=places,
        sinks_there=perplexity(nats[sampled]),
        recompute=perplexity(recomputed),
    )


def _attention(loaded: LoadedModel, ids: torch.Tensor, budget: int) -> Attention:
    rest, first = SinkShare(4), SinkShare(1)
    stream = open_stream(loaded, _sinks(4, budget))
    stream.read(ids[:budget])
    stream.read(ids[budget:], share=rest)
    length = loaded.context - (loaded.start_token is not None)
    for begin in range(0, len(ids) - length, length):
        stretch = _fresh(loaded, ids[begin : begin + length])
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
    return [[round(each, 4) for each in heads] for heads in share.by_head.tolist()]


def recall(loaded: LoadedModel, *, seed: int, tokens: int, budget: int) -> Recall:
    """Read the stream under 4 sinks and let the model answer every question for a fact."""
    asked = list(ask(loaded, _sinks(4, budget), seed=seed, tokens=tokens))
    cached, evicted = (
        [each for each in asked if _where(each.told, each.now, budget) == where] for where in ("cached", "evicted")
    )
    return Recall(
        cached=len(cached),
        cached_right=sum(each.right for each in cached),
        evicted=len(evicted),
        evicted_right=sum(each.right for each in evicted),
        evicted_chance=chance(evicted, asked),
    )


def _where(told: tuple[int, int], now: int, budget: int) -> str | None:
    """Whether a stretch of the stream is wholly in the cache, wholly evicted, or neither (None)."""
    oldest_recent = now - (budget - 4)
    if told[0] >= oldest_recent:
        return "cached"
    return "evicted" if told[1] <= oldest_recent else None
