"""Settings that suit a model on a machine: what a run begins with when nobody has chosen anything.

Everything follows from a few facts, none from the model's name: how long the texts were that it was trained on, what
one token takes in a cache, how fast it reads here, and how much memory a run may have. What that means for the dense
lane is told before the run begins: when it leaves its training length, or that it will be stopped before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from comparisons.metrics import BYTES_PER_MB

__all__ = ["Choice", "Fit", "ModelFacts", "Note", "NoteKind", "answer_every", "fit", "notes"]

SINKS = 4

LEAVES = 1.5
"""A dense lane has left its training length for good at so many times of it: models break from about 1.4 times on."""

FAR = 2.0
"""So far it may go, where there is memory."""

LEAST_FAR_TOKENS = 3400
"""A tiny model's collapse is over in a moment: there is this much to see of what comes after."""

LEAST_CACHE, CACHE_STEP = 20, 4

CACHE_SHARE = 0.25
"""Of a run's memory that a bounded cache may take; the dense lane needs the rest."""

BOUNDED_ROOM, DENSE_ROOM = 3.75, 2.5
"""Bytes that a lane holds for each byte of its cache: room to grow into, and forks that answer."""

USUAL_PACE = 100
"""Tokens per second at which a reader can follow."""

PATIENCE_SECONDS = 20.0
"""A run in which nothing happens for so long at the usual pace goes as fast as it can."""

ANSWER_TOKENS = 60
ANSWER_SECONDS = 12.0
"""A model whose longest answer takes longer gives none unless asked."""

USUAL_ANSWER_TOKENS, QUESTION_TOKENS = 25, 200
"""An answer is about so long, and the prompt stream asks about once in so many tokens."""

MOST_EVERY = 64

READ_SECONDS = 1.0
CHUNKS = (16, 32, 64, 128, 256, 512, 1024, 2048)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """What settings follow from.

    Attributes:
        context: training length in tokens.
        token_bytes: of keys and values that a cache holds for one token.
        vocabulary: how many tokens there are.
        chat: whether it has a template for conversations.
        token_seconds: to read one token among many, with an empty cache, one lane alone.
        held_seconds: what each token in the cache adds to that.
        step_seconds: to read one token by itself, as answers do.
    """

    context: int
    token_bytes: int
    vocabulary: int
    chat: bool
    token_seconds: float
    held_seconds: float
    step_seconds: float

    def reading_seconds(self, tokens: int) -> float:
        """To read so many tokens with a dense cache, one lane alone."""
        return tokens * self.token_seconds + tokens**2 / 2 * self.held_seconds


NoteKind = Literal["dense_leaves", "dense_barely", "dense_stops", "bounded_stops", "slow_answers", "small_cache"]
"""Dense leaves its training length for good, passes it by a little, or stops before it; bounded caches stop with it,
since they do not fit either; answers only when asked; the cache is smaller than half the training length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """Something to be said before a run begins; `values` are the figures of its sentence."""

    kind: NoteKind
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is expected of a run follows from this of its settings.

    Attributes:
        budget_mb: memory limit of a lane, in units of 1,000,000 bytes.
        pace: tokens per second; None for as fast as the machine can.
        cache: tokens in the largest bounded cache.
        lanes: how many.
        cores: that work at the same time.
    """

    budget_mb: int
    pace: float | None
    cache: int
    lanes: int
    cores: float

    def dense_tokens(self, model: ModelFacts) -> int:
        """Where a dense lane stops for want of memory."""
        return self.budget_mb * BYTES_PER_MB // model.token_bytes

    def leaves_seconds(self, model: ModelFacts) -> float | None:
        """Until a dense lane reaches its training length; None where it stops before."""
        if self.dense_tokens(model) <= model.context:
            return None
        turns = max(1.0, self.lanes / max(self.cores, 0.1))  # of as many lanes as there are cores, one works at a time
        answered = model.context / QUESTION_TOKENS / answer_every(model, self.pace) if _answers(model) else 0.0
        work = model.reading_seconds(model.context) + answered * USUAL_ANSWER_TOKENS * model.step_seconds
        return max(turns * work, model.context / self.pace if self.pace else 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """Settings, their limits, and what to expect of them.

    Attributes:
        sinks: of StreamingLLM.
        recent: of StreamingLLM; with the sinks half of the training length, or what memory allows.
        budget_mb: memory limit of a lane, in units of 1,000,000 bytes.
        pace: tokens per second; None for as fast as the machine can.
        chunk: tokens in one read.
        answers: whether lanes answer by themselves.
        answer_every: of the questions that they could, one in so many, so that most of the time goes into reading.
        most_recent: greatest `recent` that makes sense and fits.
        most_budget_mb: greatest memory limit that the machine can hold to.
        most_lanes: how many lanes the memory holds, dense and StreamingLLM among them.
        dense_tokens: where a dense lane stops for want of memory.
        leaves: whether it has left its training length by then.
        leaves_seconds: until it reaches its training length; None where it does not.
    """

    sinks: int
    recent: int
    budget_mb: int
    pace: int | None
    chunk: int
    answers: bool
    answer_every: int
    most_recent: int
    most_budget_mb: int
    most_lanes: int
    dense_tokens: int
    leaves: bool
    leaves_seconds: float | None
    notes: tuple[Note, ...]


def fit(model: ModelFacts, *, memory_bytes: int, cores: float, lanes: int = 2) -> Fit:
    """The settings for a model.

    Args:
        model: what it is.
        memory_bytes: for the keys and values of one run.
        cores: that work at the same time.
        lanes: of the run that is expected.
    """
    cache = _cache_tokens(model, memory_bytes)
    most_mb = max(1, int(_dense_bytes(model, memory_bytes, cache) // BYTES_PER_MB))
    wanted = max(FAR * model.context, LEAST_FAR_TOKENS) * model.token_bytes
    budget_mb = min(most_mb, max(1, math.ceil(wanted / BYTES_PER_MB)))
    choice = Choice(budget_mb=budget_mb, pace=_pace(model), cache=cache, lanes=lanes, cores=cores)
    found = Fit(
        sinks=SINKS,
        recent=cache - SINKS,
        budget_mb=budget_mb,
        pace=_pace(model),
        chunk=max((size for size in CHUNKS if size * model.token_seconds <= READ_SECONDS), default=CHUNKS[0]),
        answers=_answers(model),
        answer_every=answer_every(model, _pace(model)),
        most_recent=max(cache, _most_cache(model, memory_bytes)) - SINKS,
        most_budget_mb=most_mb,
        most_lanes=_most_lanes(model, memory_bytes, cache, budget_mb),
        dense_tokens=choice.dense_tokens(model),
        leaves=choice.dense_tokens(model) >= LEAVES * model.context,
        leaves_seconds=choice.leaves_seconds(model),
        notes=(),
    )
    told = notes(model, choice)
    if cache < _stepped(model.context / 2):
        told = (*told, Note(kind="small_cache", values={"cache": cache, "context": model.context}))
    return replace(found, notes=told)


def notes(model: ModelFacts, choice: Choice) -> tuple[Note, ...]:
    """What to expect of a run, what becomes of dense first; `mb` is the memory limit that would be enough."""
    tokens, needed = choice.dense_tokens(model), choice.cache * model.token_bytes
    enough: dict[str, float] = {"mb": math.ceil(LEAVES * model.context * model.token_bytes / BYTES_PER_MB)}
    stops: dict[str, float] = {"tokens": tokens, "context": model.context}
    seconds = choice.leaves_seconds(model)
    if seconds is None:
        told = [Note(kind="dense_stops", values=stops | enough)]
    elif tokens >= LEAVES * model.context:
        told = [Note(kind="dense_leaves", values=stops | {"seconds": seconds})]
    else:
        told = [Note(kind="dense_barely", values=stops | enough | {"seconds": seconds})]
    if needed > choice.budget_mb * BYTES_PER_MB:
        values = {"cache": choice.cache, "tokens": tokens, "mb": math.ceil(needed / BYTES_PER_MB)}
        told.append(Note(kind="bounded_stops", values=values))
    if not _answers(model):
        told.append(Note(kind="slow_answers", values={"seconds": ANSWER_TOKENS * model.step_seconds}))
    return tuple(told)


def answer_every(model: ModelFacts, pace: float | None) -> int:
    """So few of the questions that answers take no longer than reading."""
    read_seconds = QUESTION_TOKENS * max(model.token_seconds, 1 / pace if pace else 0.0)
    return min(MOST_EVERY, math.ceil(USUAL_ANSWER_TOKENS * model.step_seconds / read_seconds))


def _answers(model: ModelFacts) -> bool:
    return ANSWER_TOKENS * model.step_seconds <= ANSWER_SECONDS


def _cache_tokens(model: ModelFacts, memory_bytes: int) -> int:
    """Sinks and recent tokens together: half the training length, or what fits."""
    fits = CACHE_SHARE * memory_bytes / BOUNDED_ROOM / model.token_bytes
    return _stepped(min(model.context / 2, fits))


def _most_cache(model: ModelFacts, memory_bytes: int) -> int:
    """A cache longer than the training length would be dense reading past it."""
    fits = 2 * CACHE_SHARE * memory_bytes / BOUNDED_ROOM / model.token_bytes
    return _stepped(min(model.context, fits))


def _stepped(tokens: float) -> int:
    return max(LEAST_CACHE, int(tokens) // CACHE_STEP * CACHE_STEP)


def _dense_bytes(model: ModelFacts, memory_bytes: int, cache: int) -> float:
    """Of a dense lane's cache, beside one bounded lane."""
    return (memory_bytes - BOUNDED_ROOM * cache * model.token_bytes) / DENSE_ROOM


def _most_lanes(model: ModelFacts, memory_bytes: int, cache: int, budget_mb: int) -> int:
    bounded = BOUNDED_ROOM * cache * model.token_bytes
    left = memory_bytes - DENSE_ROOM * budget_mb * BYTES_PER_MB
    return 1 + max(1, int(left // bounded))


def _pace(model: ModelFacts) -> int | None:
    """The usual one for models that soon leave their training length; no other has time to lose."""
    return USUAL_PACE if model.context / USUAL_PACE <= PATIENCE_SECONDS else None
