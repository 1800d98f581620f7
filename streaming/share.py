"""How much of the attention goes to the first tokens of a stream: the share that a sink takes.

A `SinkShare` is handed to `Stream.read` and takes in, layer by layer, the softmax probability that queries give to
the stream's first tokens. It looks at the attention of the very forward that reads the text, so it needs neither a
second forward nor a copy of the cache, and changes nothing in what is read.

With `row` it also takes in how the last query of a forward divides its attention among all tokens that it sees, where
the attention is our own.

Shapes: L layers, H query heads, Q queries, K tokens that a query sees.
"""

from __future__ import annotations

import torch
from torch import Tensor

from streaming.numbers import whole
from streaming.window import MAX_TOKENS, SinkWindow

__all__ = ["SinkShare"]


class SinkShare:
    """Mean attention on the first tokens of a stream, by layer and head.

    Attributes:
        tokens: how many of the stream's first tokens; a query counts those that it can see so far.
        last: of each forward only so many of the last queries are looked at; None looks at all of them.
        row: whether the attention of the last query is taken in whole, too.
    """

    def __init__(self, tokens: int, *, last: int | None = None, row: bool = False) -> None:
        """Begin with no query."""
        self.tokens = whole("tokens", tokens, 1, MAX_TOKENS)
        self.last = None if last is None else whole("last", last, 1, MAX_TOKENS)
        self.row = row
        self._rows: dict[int, Tensor] = {}
        self._sums: dict[int, Tensor] = {}
        self._queries: dict[int, int] = {}

    def sees(self, window: SinkWindow, t: int) -> bool:
        """Whether every query up to token `t` finds all of the first tokens in a cache with this window."""
        return window.budget is None or self.tokens <= window.sinks or t <= window.budget

    def add(self, layer: int, shares: Tensor) -> None:
        """Take in the shares (H, Q) of some queries of a layer."""
        self._sums[layer] = self._sums.get(layer, 0) + shares.sum(-1)
        self._queries[layer] = self._queries.get(layer, 0) + shares.shape[-1]

    def add_row(self, layer: int, weights: Tensor) -> None:
        """Take in what the last query of a layer gives to the tokens that it sees, (K,), in their order."""
        self._rows[layer] = weights

    @property
    def last_row(self) -> Tensor | None:
        """What the last query gave to each token that it saw, itself last: the mean over heads, (L, K) on the CPU.

        None where nobody asked for it, where `by_head` is None, and with an attention of the model's own.
        """
        if not self._rows:
            return None
        return torch.stack([self._rows[layer].cpu() for layer in sorted(self._rows)])

    @property
    def queries(self) -> int:
        """How many queries each layer's mean is of."""
        return max(self._queries.values(), default=0)

    @property
    def by_head(self) -> Tensor | None:
        """Mean over queries, (L, H) float64 on the CPU, from 0 to 1.

        None where no query was seen: the policy keeps no cache, or the first tokens have been evicted.
        """
        if not self._sums:
            return None
        return torch.stack([self._sums[layer].cpu().double() / self._queries[layer] for layer in sorted(self._sums)])
