"""What an experiment reads, chosen and checked, and what was already measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from comparisons.experiments.measuring import (
    DENSE_TRAINING_LENGTHS,
    Bar,
    Measured,
    no_bar,
    places_to_sample,
    read,
    recomputed,
)
from comparisons.limits import Range, check_limits, limited
from comparisons.text.feeds import Feed, PromptFeed, SourceFeed
from comparisons.text.prompts import is_training_seed
from comparisons.text.sources import Texts
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["Request", "Subject"]

CACHE = Range(min=2, max=1 << 20, unit="tokens")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is read, and how much of it.

    Attributes:
        tokens: of the text, the start token included; None leaves it to the experiment.
        seed: of the prompt stream.
        texts: read instead of the prompt stream.
        caches: cache budgets, in tokens; none leaves them to the experiment and the training length.
        sampled: how many tokens are measured under recomputation, which takes a whole forward for each; None leaves
            it to the experiment.
    """

    tokens: int | None = limited(None, Range(min=64, max=10**9, unit="tokens", optional=True))
    seed: int = limited(0, Range(min=0, max=10**9, unit=""))
    texts: Texts | None = None
    caches: tuple[int, ...] = ()
    sampled: int | None = limited(None, Range(min=1, max=10**6, unit="tokens", optional=True))

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_limits(self)
        for cache in self.caches:
            CACHE.check("cache", cache)

    @property
    def source(self) -> str:
        """What is read, in words."""
        if self.texts is not None:
            return f"the text {self.texts.name}"
        training = is_training_seed(self.seed)
        return f"seed {self.seed} of the prompt stream, {'a training seed' if training else 'held out from training'}"

    def feed(self, loaded: LoadedModel) -> Feed:
        """The text as a model reads it, the start token included."""
        if self.texts is not None:
            return SourceFeed(loaded.tokenizer, loaded.start_token, self.texts)
        return PromptFeed(loaded.tokenizer, loaded.start_token, seed=self.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A model with what it reads: checked, and ready to be measured.

    Attributes:
        loaded: the model.
        ids: (n,) the tokens.
        caches: cache budgets, in tokens.
        sampled: how many tokens are measured under recomputation.
        request: where the tokens come from.
    """

    loaded: LoadedModel
    ids: Tensor
    caches: tuple[int, ...]
    sampled: int
    request: Request
    _read: dict[str, Measured] = field(default_factory=dict, repr=False, compare=False)

    def read(self, policy: Policy, bar: Bar = no_bar) -> Measured:
        """What is measured under a policy, `dense` on the first part alone; asked for again, it is not read again."""
        if policy.label not in self._read:
            most = DENSE_TRAINING_LENGTHS * self.loaded.context if policy.budget is None else len(self.ids)
            self._read[policy.label] = read(self.loaded, policy, self.ids[:most], bar=bar)
        return self._read[policy.label]

    @property
    def places(self) -> np.ndarray:
        """Indices of the tokens that are measured under recomputation."""
        return places_to_sample(self.ids, self.caches[0], self.sampled)

    def recomputed(self, bar: Bar = no_bar) -> np.ndarray:
        """(m,) float64 nats of the tokens at `places`, under recomputation in a window of the first cache size."""
        return recomputed(self.loaded, self.caches[0], self.ids, self.places, bar=bar)
