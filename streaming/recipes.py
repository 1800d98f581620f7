"""The recipes of the bundled models: every setting of a training run, and what changes in its course.

A run has two phases. First the model learns to read, without any cost; then, from `cost_from` of its steps
on, it pays for attention that goes elsewhere than to the sink token. The cost from the start would slow the
learning; taken away again at the end, it would leave a model that gets on well enough without its sinks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from streaming.errors import SettingsError
from streaming.tokens import Mix

__all__ = ["RECIPES", "Recipe", "require"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """All that decides a training run.

    `start` is whether texts begin with the sink token. Shares are of 1: `cost_from`, `decay_from` and
    `mix_from` of the steps; `texts_first` and `texts_last` of the rows, before and after `mix_from`, that
    come from text files; `spliced` of the rows whose first few tokens come from elsewhere.
    With `bfloat16`, products of matrices are in bfloat16, weights and sums in float32.
    """

    name: str
    start: bool
    attention_cost: float
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


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "sink": Recipe(name="sink", start=True, attention_cost=1.0),
        "vanilla": Recipe(name="vanilla", start=False, attention_cost=0.0),
    }
)
