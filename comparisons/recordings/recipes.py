"""How the recorded runs that the page offers were made: `python -m comparisons record MODEL` makes them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comparisons.metrics import BYTES_PER_MB
from comparisons.runs.settings import RunSettings
from streaming.policy import Policy

__all__ = ["MOST_BYTES", "RECIPES", "Recipe"]

MOST_BYTES = 300_000
"""Of a recording that the page offers: a visitor fetches it whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One run.

    Attributes:
        policies: of its lanes, in the order of the page.
        tokens: how far it reads.
        budget_mb: memory limit of a lane, in units of 1,000,000 bytes.
        seconds: running time, at most.
        dtype: of the weights.
        answer_every: of the questions that lanes could answer, one in so many.
        answer_tokens: longest answer.
        stride: tokens between two points of the curve.
    """

    policies: tuple[str, ...]
    tokens: int
    budget_mb: int
    seconds: float
    dtype: str
    answer_every: int
    answer_tokens: int
    stride: int

    def settings(self) -> RunSettings:
        """The run: the prompt stream's first story, as fast as the machine can."""
        return RunSettings(
            lanes=tuple(map(Policy.parse, self.policies)),
            kv_budget_bytes=self.budget_mb * BYTES_PER_MB,
            max_tokens=self.tokens,
            max_seconds=self.seconds,
            answer_every=self.answer_every,
            answer_tokens=self.answer_tokens,
            stride=self.stride,
        )


RECIPES: Mapping[str, Recipe] = {
    "smollm2": Recipe(
        policies=("dense", "window:256", "sinks:4+252"),
        tokens=20_480,
        budget_mb=1000,
        seconds=3600.0,
        dtype="bfloat16",
        answer_every=8,
        answer_tokens=40,
        stride=64,
    ),
}
"""By model; one that has none is recorded as the page would run it here."""
