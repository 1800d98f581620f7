"""Who stays in the KV cache, who goes, and at which position: plain integers, no torch.

Token `t` of a stream (0, 1, 2 …) attends to itself and to what the window holds before it. With sinks `S` and
recent `R` that is the first `S` tokens of the stream and the `R` tokens before `t`; while `t <= S + R` it is
everything, so the window is exactly the dense cache until it first overflows.

Positions are positions **inside the cache**: once the cache is full, every query stands at position `S + R`, sink
`j` stands at position `j`, and the distance to a recent token is its true distance. Keys that were rotated once, at
their own place in the stream, keep their mutual distances for ever; only the sinks stand at the wrong distance. So
the window never moves: the sinks are moved up to it, by `shift(t)` places.

Source of the rule: Xiao et al., "Efficient Streaming Language Models with Attention Sinks", ICLR 2024, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streaming.errors import SettingsError
from streaming.numbers import whole

__all__ = ["MAX_TOKENS", "Positions", "SinkWindow", "Span"]

Positions = Literal["cache", "text"]

MAX_TOKENS = 1 << 24
"""The largest count of sinks or recent tokens that is taken for a setting rather than for a slip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SinkWindow:
    """The tokens that a bounded or unbounded KV cache holds.

    Attributes:
        sinks: how many of the stream's first tokens are kept for ever.
        recent: how many of the most recent tokens are kept; None keeps all (the dense cache).
        positions: "cache" counts positions inside the cache (StreamingLLM); "text" leaves the sinks at their
            original distance, the control that shows why positions inside the cache matter.
    """

    sinks: int = 4
    recent: int | None = 252
    positions: Positions = "cache"

    def __post_init__(self) -> None:
        """Refuse counts that mean nothing."""
        object.__setattr__(self, "sinks", whole("sinks", self.sinks, 0, MAX_TOKENS, " tokens"))
        if self.recent is not None:
            object.__setattr__(self, "recent", whole("recent", self.recent, 1, MAX_TOKENS, " tokens"))
        if self.positions not in ("cache", "text"):
            raise SettingsError(f"positions must be 'cache' or 'text', not {self.positions!r}.")

    @property
    def budget(self) -> int | None:
        """Tokens in the cache once it is full, None where it grows without end."""
        return None if self.recent is None else self.sinks + self.recent

    def held(self, t: int) -> list[int]:
        """Stream indices in the cache after `t` tokens were read, that is, just before token `t` (ascending)."""
        if self.recent is None or t <= self.sinks + self.recent:
            return list(range(t))
        return [*range(self.sinks), *range(t - self.recent, t)]

    def attended(self, t: int) -> list[int]:
        """Stream indices that token `t` attends to, itself included (ascending)."""
        return [*self.held(t), t]

    def query_position(self, t: int) -> int:
        """Position of token `t` inside the cache; it stops growing once the cache is full."""
        return t if self.budget is None else min(t, self.budget)

    def shift(self, t: int) -> int:
        """How many places the sinks stand further on in the stream, as token `t` sees them.

        0 until the first eviction, then one more with every token; always 0 with text positions.
        """
        return t - self.query_position(t) if self.positions == "cache" else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The next tokens of a stream, with what the cache holds as they are read.

    Attributes:
        window: which tokens are kept.
        first: stream index of the first of the new tokens.
        count: how many they are.
        base: stream index of running position 0; running positions stay small, where indices do not.
    """

    window: SinkWindow
    first: int
    count: int
    base: int = 0

    @property
    def tokens(self) -> range:
        """Stream indices of the new tokens."""
        return range(self.first, self.first + self.count)

    @property
    def positions(self) -> range:
        """Running positions of the new tokens."""
        return range(self.first - self.base, self.first - self.base + self.count)

    @property
    def sinks(self) -> int:
        """Sinks held."""
        return min(self.window.sinks, self.first)

    @property
    def recent(self) -> int:
        """Tokens held beside the sinks."""
        others = max(0, self.first - self.window.sinks)
        return others if self.window.recent is None else min(self.window.recent, others)

    @property
    def evicts_none(self) -> bool:
        """Whether each of the new tokens finds all tokens before it."""
        budget = self.window.budget
        return budget is None or self.first + self.count - 1 <= budget

    @property
    def shifts(self) -> list[int]:
        """For each new token, how many places further on in the stream it must see the sinks."""
        return [self.window.shift(t) for t in self.tokens]
