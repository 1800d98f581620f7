"""What is measured of a turn in one lane, and an answer while it comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from typing_extensions import TypedDict

from comparisons.metrics import finite_or_none, perplexity
from comparisons.runs.dialogue.speech import repetition
from comparisons.runs.shapes import Count, Measured, Number, Seconds
from comparisons.text.requests import Request

__all__ = ["LATEST", "Answer", "Latest", "Saying", "TurnRecord"]

LATEST = 10
"""Turns over which a lane's perplexity and repetition are told."""


class TurnRecord(TypedDict):
    """What was measured of a turn in one lane.

    `began` and `seconds` are the running time at which the lane took the message up and had answered it. `perplexity`
    is that of the message's own tokens given the lane's history; `perplexity_latest` that of the messages of the last
    ten turns. `first_token_ms` is the time from the message to the first token of the answer: reading the message and
    choosing; for a lane that recomputes, encoding its window once and choosing. `ms_per_token` is that of each further
    token. `repetition` is of this answer, `repetition_latest` of the last ten (`comparisons.runs.dialogue.speech`).
    `right` and `in_cache` are null but for a question about what was told: whether the answer holds the fact, and
    whether all tokens of the telling were in the cache when it was asked.
    """

    turn: Count
    kind: str
    message: str
    answer: str
    whole: bool
    began: Seconds
    seconds: Seconds
    tokens: Count
    message_tokens: Count
    answer_tokens: Count
    perplexity: Measured
    perplexity_latest: Measured
    first_token_ms: Number
    ms_per_token: Measured
    kv_bytes: Count
    cache_tokens: Count
    repetition: Measured
    repetition_latest: Measured
    broken_words: Measured
    asks: Count | None
    right: bool | None
    in_cache: bool | None


class Saying(TypedDict):
    """An answer on its way; `first_token_ms` is None until there is a token."""

    turn: Count
    kind: str
    message: str
    answer: str
    tokens: Count
    first_token_ms: Measured
    ms_per_token: Measured


@dataclass(slots=True)
class Latest:
    """What the figures of the last turns are made of."""

    nats: list[Sequence[float]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def add(self, nats: Sequence[float], answer: str) -> None:
        """One more turn: the negative log-likelihoods of its message's tokens, and what was answered."""
        self.nats = [*self.nats, nats][-LATEST:]
        self.answers = [*self.answers, answer][-LATEST:]

    @property
    def perplexity(self) -> float | None:
        """Of these messages; None where it is not finite."""
        return finite_or_none(perplexity([nat for turn in self.nats for nat in turn]))

    @property
    def repetition(self) -> float | None:
        """Of these answers."""
        return repetition(self.answers)


@dataclass(slots=True)
class Answer:
    """An answer as it comes, with the lane's own time for each of its tokens; the first one's with the reading."""

    turn: int
    request: Request
    began: float
    ids: list[int] = field(default_factory=list)
    text: str = ""
    seconds: list[float] = field(default_factory=list)
    whole: bool = False

    @property
    def first_token_ms(self) -> float | None:
        """None until there is a token."""
        return 1000 * self.seconds[0] if self.seconds else None

    @property
    def ms_per_token(self) -> float | None:
        """Of each token after the first."""
        rest = self.seconds[1:]
        return 1000 * sum(rest) / len(rest) if rest else None

    def saying(self) -> Saying:
        """As it is now."""
        return Saying(
            turn=self.turn,
            kind=self.request.kind,
            message=self.request.text,
            answer=self.text,
            tokens=len(self.ids),
            first_token_ms=self.first_token_ms,
            ms_per_token=self.ms_per_token,
        )
