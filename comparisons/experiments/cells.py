"""One cell of a sweep: one model under one policy, measured on one stream by one process with one thread.

A cell is named by plain values, so that it can travel to another process or machine; what fails there comes back as
words. Which process measures a cell makes no difference to its perplexity.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from comparisons.experiments.marathon import fingerprint
from comparisons.experiments.measuring import in_context, prompt_ids, read, sinks_policy
from comparisons.limits import Range, check_limits, limited
from comparisons.metrics import perplexity, tokens_per_second
from streaming import models
from streaming.errors import SettingsError, StreamError, StreamingError
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["Cell", "Failure", "Row", "grid", "measure", "outcome"]

MOST_CONTEXT = 2048
"""How much of its training length a dense reference uses at most: its cost grows with the square."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What is to be measured.

    Attributes:
        model: a bundled model, a folder that every machine has, or a Hub id.
        policy: as `Policy.parse` reads it; "dense" is the reference inside the training length.
        tokens: tokens of the prompt stream.
        seed: of the prompt stream.
    """

    model: str
    policy: str
    tokens: int = limited(20_000, Range(min=500, max=10**8, unit="tokens"))
    seed: int = limited(0, Range(min=0, max=9999, unit=""))

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_limits(self)
        Policy.parse(self.policy)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What was measured of a cell; None where it says nothing (a dense reference has no cache of one size).

    Attributes:
        model: the cell's.
        policy: the cell's.
        sinks: first tokens that the cache keeps.
        recent: latest tokens that it keeps.
        cache: both together.
        tokens: tokens read.
        seed: the cell's.
        perplexity: of all tokens that count (see `measuring.py`); the reference's of those with half a training length
            before them.
        kv_bytes: keys and values at the end.
        tokens_per_second: on one thread.
        seconds: of reading, without loading the model.
        weights: a short name for the model's weights.
    """

    model: str
    policy: str
    sinks: int | None
    recent: int | None
    cache: int | None
    tokens: int
    seed: int
    perplexity: float
    kv_bytes: int | None
    tokens_per_second: float | None
    seconds: float
    weights: str

    @property
    def cell(self) -> Cell:
        """The cell that was measured."""
        return Cell(model=self.model, policy=self.policy, tokens=self.tokens, seed=self.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A cell that could not be measured, and why, in words."""

    cell: Cell
    words: str


def grid(names: list[str], sinks: list[int], caches: list[int], *, tokens: int, seed: int) -> list[Cell]:
    """Every model with every cache, and each model's reference; models together, so that each is loaded once.

    Raises:
        SettingsError: a cache has no room for recent tokens beside its sinks.
    """
    for count in sinks:
        for cache in caches:
            if not 0 <= count < cache:
                raise SettingsError(f"A cache of {cache} tokens cannot keep {count} sinks: name a larger cache.")
    labels = ["dense", *(_label(count, cache) for cache in caches for count in sinks)]
    cells = [Cell(model=name, policy=label, tokens=tokens, seed=seed) for name in names for label in labels]
    return list(dict.fromkeys(cells))


def _label(sinks: int, cache: int) -> str:
    return sinks_policy(sinks, cache).label


def outcome(cell: Cell) -> Row | Failure:
    """Measure a cell in this process, whatever happens."""
    torch.set_num_threads(1)
    try:
        return measure(cell)
    except StreamingError as error:
        return Failure(cell=cell, words=str(error))
    except Exception as error:  # from here it goes to another process, which may not know its type
        return Failure(cell=cell, words=f"{type(error).__name__}: {error}")


def measure(cell: Cell) -> Row:
    """Measure a cell.

    Raises:
        StreamingError: the model cannot be loaded, or gives no number.
    """
    loaded, ids, policy = _loaded(cell.model), _ids(cell.model, cell.seed, cell.tokens), Policy.parse(cell.policy)
    began = time.perf_counter()
    measured = None if policy.budget is None else read(loaded, policy, ids)
    value = _reference(loaded, ids) if measured is None else measured.perplexity
    seconds = time.perf_counter() - began
    if not math.isfinite(value):
        raise StreamError("The model gives no number (NaN or infinity): load one whose weights are whole.")
    return Row(
        model=cell.model,
        policy=cell.policy,
        sinks=None if policy.budget is None else policy.sinks,
        recent=policy.recent,
        cache=policy.budget,
        tokens=cell.tokens,
        seed=cell.seed,
        perplexity=value,
        kv_bytes=None if measured is None else measured.kv_bytes,
        tokens_per_second=None if measured is None else tokens_per_second(cell.tokens, seconds),
        seconds=seconds,
        weights=_weights(cell.model),
    )


def _reference(loaded: LoadedModel, ids: Tensor) -> float:
    context = min(loaded.context, MOST_CONTEXT, len(ids) // 2)
    return perplexity(in_context(loaded, ids, context // 2, context=context))


@lru_cache(maxsize=1)
def _loaded(name: str) -> LoadedModel:
    return models.load(name)


@lru_cache(maxsize=1)
def _weights(name: str) -> str:
    return fingerprint(_loaded(name))


@lru_cache(maxsize=1)
def _ids(name: str, seed: int, tokens: int) -> Tensor:
    return prompt_ids(_loaded(name), seed=seed, tokens=tokens)
