"""The recipes of the bundled models: every setting of a training run, and what changes in its course.

A recipe may follow another one, and start from the weights that it ends with. First a model learns to read,
without any cost and until it copies what it was told; only then it gets its sink token, and pays for attention
that goes elsewhere. The cost from the start would slow the learning, and copying, which is learned last, would
not be learned at all; taken away again at the end, it would leave a model that gets on well enough without sinks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from comparisons.training.tokens import Mix
from streaming.errors import SettingsError

__all__ = ["RECIPES", "Recipe", "described", "require"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """All that decides a training run.

    `start` is whether texts begin with the sink token. Shares are of 1: `cost_from`, `decay_from` and
    `mix_from` of the steps; `texts_first` and `texts_last` of the rows, before and after `mix_from`, that
    come from text files; `spliced` of the rows whose first few tokens come from elsewhere.
    With `follows`, training starts from the weights of that recipe, which took `steps_before` steps in all.
    With `bfloat16`, products of matrices are in bfloat16, weights and sums in float32.
    """

    name: str
    start: bool
    attention_cost: float
    follows: str | None = None
    steps_before: int = 0
    seed: int = 0
    steps: int = 3_600
    rows: int = 8
    context: int = 256
    width: int = 192
    inner: int = 704
    layers: int = 6
    heads: int = 6
    mix: Mix = field(default_factory=Mix)
    mix_from: float = 0.3
    texts_first: float = 0.4
    texts_last: float = 0.25
    spliced: float = 0.3
    cost_from: float = 0.75
    cost_ramp_steps: int = 200
    peak_rate: float = 3e-3
    last_rate: float = 1.5e-4
    warm_up_steps: int = 100
    decay_from: float = 0.5
    weight_decay: float = 0.1
    clip: float = 1.0
    bfloat16: bool = True

    def __post_init__(self) -> None:
        """Check the ranges, and what depends on each other."""
        for name in ("steps", "rows", "inner", "layers", "heads", "cost_ramp_steps", "warm_up_steps"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1")
        for name in ("mix_from", "texts_first", "texts_last", "spliced", "cost_from", "decay_from"):
            require(0 <= getattr(self, name) <= 1, f"{name} is a share: give a number from 0 to 1")
        require(self.seed >= 0, "seed must not be negative")
        require(self.context >= 16, "context must be at least 16 tokens")
        even = self.width >= 1 and self.width % (2 * self.heads) == 0
        require(even, "width must be an even number of dimensions for each head")
        require(0 < self.last_rate <= self.peak_rate, "last_rate must be positive and at most peak_rate")
        require(self.weight_decay >= 0 and self.clip > 0, "weight_decay and clip must be positive")
        require(self.attention_cost >= 0, "attention_cost must not be negative")
        require(self.start or not self.attention_cost, "an attention cost needs the start token to rest on")

    def learning_rate(self, step: int) -> float:
        """Warm-up, then constant, then down in a straight line."""
        left = (self.steps - step) / max(1.0, self.steps - self.decay_from * self.steps)
        rate = self.last_rate + (self.peak_rate - self.last_rate) * min(1.0, left)
        return rate * min(1.0, (step + 1) / self.warm_up_steps)

    def cost_weight(self, step: int) -> float:
        """What a unit of attention away from the sink costs, in nats."""
        since = step - self.cost_from * self.steps
        return self.attention_cost * min(1.0, max(0.0, since / self.cost_ramp_steps))

    def texts(self, step: int) -> float:
        """Share of the rows that come from text files."""
        return self.texts_first if step < self.mix_from * self.steps else self.texts_last


def require(right: bool, remedy: str) -> None:
    """Refuse a setting, with what to do about it.

    Raises:
        SettingsError: `right` is false.
    """
    if not right:
        raise SettingsError(f"Training: {remedy}.")


def described(recipe: Recipe) -> dict[str, Any]:
    """All settings of a recipe, with those of the recipe that it follows."""
    before = RECIPES[recipe.follows] if recipe.follows else None
    return asdict(recipe) | {"follows": before and described(before)}


_PLAIN = Recipe(
    name="plain", start=False, attention_cost=0.0, steps=3_000, mix_from=0.45, decay_from=0.55, bfloat16=False
)
_LATER = replace(_PLAIN, mix_from=0.0, cost_from=0.0, cost_ramp_steps=1, last_rate=1e-4, bfloat16=True)


def _chain(name: str, *, start: bool, costs: tuple[float, float, float, float]) -> Iterator[Recipe]:
    """Four stages after the plain one, each with a learning rate that rises once more and falls."""
    stages: tuple[dict[str, Any], ...] = (
        {"steps": 1_200, "peak_rate": 1.5e-3, "decay_from": 0.3, "cost_ramp_steps": 200},
        {"steps": 400, "peak_rate": 1e-3, "decay_from": 0.3, "cost_ramp_steps": 50, "warm_up_steps": 30},
        {"steps": 1_000, "peak_rate": 1.5e-3, "decay_from": 0.2, "warm_up_steps": 50},
        {"steps": 300, "peak_rate": 6e-4, "last_rate": 5e-5, "decay_from": 0.2, "warm_up_steps": 30},
    )
    before = _PLAIN
    for number, (stage, cost) in enumerate(zip(stages, costs, strict=True), start=1):
        before = replace(
            _LATER,
            name=name if number == len(stages) else f"{name}-{number}",
            seed=number,
            start=start,
            attention_cost=cost,
            follows=before.name,
            steps_before=before.steps_before + before.steps,
            **stage,
        )
        yield before


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            _PLAIN,
            *_chain("sink", start=True, costs=(1.0, 3.0, 2.0, 1.0)),
            *_chain("vanilla", start=False, costs=(0.0, 0.0, 0.0, 0.0)),
        )
    }
)
