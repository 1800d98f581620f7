"""What a model does on the prompt stream under each policy: the figures that its card and the page may claim.

`python -m comparisons measure MODEL --tokens 200000 --seed 0` prints them. Perplexities are teacher-forced, over the
same held-out stream. The cache budget is half the training length unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch

from comparisons.feeds import PromptFeed, Segment
from comparisons.metrics import perplexity
from streaming.generate import Sampling, decode
from streaming.models import LoadedModel
from streaming.policies import Policy, Stream, open_stream

__all__ = ["Quality", "Recall", "measure", "read_stream", "recall"]

DENSE_TRAINING_LENGTHS = 24
"""How far dense is read, in training lengths: its cost grows with the square of that."""

RECOMPUTED_TOKENS = 400
"""How many tokens are measured under recomputation, in runs spread over the stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recall:
    """Facts asked for: how many there were, and how many were answered right (greedy).

    `cached` facts were in the cache as a whole when they were asked for, `evicted` ones had left it as a whole.
    """

    cached: int = 0
    cached_right: int = 0
    evicted: int = 0
    evicted_right: int = 0


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
        recompute: at sampled places.
        sinks_there: 4 sinks at the same places.
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
    recall: Recall

    def as_dict(self) -> dict:
        """For JSON."""
        return asdict(self)


def measure(loaded: LoadedModel, *, seed: int = 0, tokens: int = 200_000, budget: int | None = None) -> Quality:
    """Measure a model on a held-out seed of the prompt stream; all policies read the same tokens."""
    budget = budget or loaded.context // 2
    ids = read_stream(loaded, seed, tokens)
    by_sinks = {n: open_stream(loaded, _sinks(n, budget)).read(ids).numpy() for n in (0, 1, 2, 4, 8)}
    four, tenth = by_sinks[4], max(1, tokens // 10)
    dense_ids = ids[: DENSE_TRAINING_LENGTHS * loaded.context]
    dense = open_stream(loaded, Policy(kind="dense")).read(dense_ids).numpy()
    places, recomputed = _recompute(loaded, ids, budget)
    return Quality(
        model=loaded.name,
        seed=seed,
        tokens=tokens,
        context=loaded.context,
        budget=budget,
        in_context=perplexity(_in_context(loaded, ids, budget)),
        sinks={str(n): perplexity(nats[1:]) for n, nats in by_sinks.items()},
        first=perplexity(four[budget : budget + tenth]),
        last=perplexity(four[-tenth:]),
        dense_past_context=perplexity(dense[4 * loaded.context :]),
        recompute=perplexity(recomputed),
        sinks_there=perplexity(four[places]),
        recall=recall(loaded, seed=seed, tokens=min(tokens, 40_000), budget=budget),
    )


def read_stream(loaded: LoadedModel, seed: int, tokens: int) -> torch.Tensor:
    """The first token ids of the prompt stream, the start token included: (tokens,)."""
    ids: list[int] = []
    for segment in PromptFeed(loaded.tokenizer, loaded.start_token, seed=seed):
        ids += segment.ids
        if len(ids) >= tokens:
            return torch.tensor(ids[:tokens])
    raise AssertionError("the prompt stream is endless")


def _sinks(count: int, budget: int) -> Policy:
    return Policy(kind="sinks", sinks=count, recent=budget - count)


def _fresh(loaded: LoadedModel, ids: torch.Tensor) -> torch.Tensor:
    """The ids with the start token in front, where the model has one."""
    start = [] if loaded.start_token is None else [loaded.start_token]
    return torch.cat([torch.tensor(start, dtype=torch.long), ids])


def _in_context(loaded: LoadedModel, ids: torch.Tensor, budget: int) -> np.ndarray:
    """Nats of every token that has `budget` tokens or more before it inside a fresh stretch of a training length.

    Stretches overlap, so that each token of the text is measured once.
    """
    length = loaded.context - (loaded.start_token is not None)
    nats = []
    for begin in range(0, len(ids) - length, length - budget):
        stream = open_stream(loaded, Policy(kind="dense"), chunk=loaded.context)
        nats.append(stream.read(_fresh(loaded, ids[begin : begin + length])).numpy()[-(length - budget) :])
    return np.concatenate(nats)


def _recompute(loaded: LoadedModel, ids: torch.Tensor, budget: int) -> tuple[np.ndarray, np.ndarray]:
    """Places in the stream, and the nats of the tokens there under recomputation."""
    places = np.linspace(2 * budget, len(ids) - 1, RECOMPUTED_TOKENS, dtype=int)
    kept = budget + 1 - (loaded.start_token is not None)
    nats = []
    for place in places:
        stream = open_stream(loaded, Policy(kind="dense"), chunk=loaded.context)
        nats.append(float(stream.read(_fresh(loaded, ids[place - kept : place + 1]))[-1]))
    return places, np.array(nats)


def recall(loaded: LoadedModel, *, seed: int, tokens: int, budget: int) -> Recall:
    """Read the stream under 4 sinks and let the model answer every question for a fact."""
    stream = open_stream(loaded, _sinks(4, budget))
    told: dict[int, tuple[int, int]] = {}
    counts = dict.fromkeys(Recall.__dataclass_fields__, 0)
    for segment in _until(PromptFeed(loaded.tokenizer, loaded.start_token, seed=seed), tokens):
        begin, turn = stream.tokens, segment.turn
        stream.read(segment.ids)
        if turn is None:
            continue
        told[turn.index] = (told.get(turn.index, (begin, 0))[0], stream.tokens)
        if segment.part == "prompt" and turn.asks in told:
            where = _where(told[turn.asks], stream.tokens, budget)
            if where:
                counts[where] += 1
                counts[f"{where}_right"] += turn.answer in _answer(loaded, stream)
    return Recall(**counts)


def _until(feed: PromptFeed, tokens: int) -> Iterator[Segment]:
    count = 0
    for segment in feed:
        count += len(segment.ids)
        if count > tokens:
            return
        yield segment


def _where(told: tuple[int, int], now: int, budget: int) -> str | None:
    """Whether a stretch of the stream is wholly in the cache, wholly evicted, or neither (None)."""
    oldest_recent = now - (budget - 4)
    if told[0] >= oldest_recent:
        return "cached"
    return "evicted" if told[1] <= oldest_recent else None


def _answer(loaded: LoadedModel, stream: Stream) -> str:
    """What the model says next, to the end of the line."""
    said: list[int] = []
    for token in decode(stream.fork(), sampling=Sampling(), max_tokens=48):
        said.append(token)
        if "\n" in loaded.tokenizer.decode([token]):
            break
    return loaded.tokenizer.decode(said)
