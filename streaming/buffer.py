"""A buffer of keys and values: tokens join at the end, leave at the front, and nothing moves in between.

The tokens held lie between `start` and `end`. In front of them there is always room for the sinks, so that one view of
the buffer, `[sinks | recent | new]`, is all that attention needs to see: ordered, and without a copy of the window.

Shapes: B batch, G key/value heads, T tokens that there is room for, n new tokens, D head dimension.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Buffer", "empty_like"]

_GROWTH = 1 / 10
"""How much a buffer grows beyond what is needed: a token is copied some ten times in its life."""


class Buffer:
    """Keys and values of consecutive tokens.

    Attributes:
        front: room that is left for sinks in front of the tokens held.
        keys: (B, G, T, D).
        values: (B, G, T, D).
        start: where the first token held lies.
        end: where the next token will lie.
    """

    def __init__(self, keys: Tensor, values: Tensor, *, front: int, capacity: int) -> None:
        """Room for `capacity` tokens beside the front, like (B, G, n, D) keys and values; holding none of them."""
        self.front = front
        self.keys, self.values = (empty_like(x, front + capacity) for x in (keys, values))  # (B, G, T, D)
        self.start = self.end = front

    @property
    def count(self) -> int:
        """Tokens held."""
        return self.end - self.start

    @property
    def capacity(self) -> int:
        """Tokens that there is room for, the front included."""
        return self.keys.shape[-2]

    @property
    def held(self) -> tuple[Tensor, Tensor]:
        """Views of the keys and values held, (B, G, count, D)."""
        return self.keys[..., self.start : self.end, :], self.values[..., self.start : self.end, :]

    def fits(self, new: int) -> bool:
        """Whether so many tokens can be appended as it is."""
        return self.end + new <= self.capacity

    def append(self, keys: Tensor, values: Tensor) -> None:
        """Take in (B, G, n, D) new keys and values at the end."""
        end = self.end + keys.shape[-2]
        self.keys[..., self.end : end, :] = keys  # (B, G, n, D)
        self.values[..., self.end : end, :] = values  # (B, G, n, D)
        self.end = end

    def behind(self, sinks: Tensor, sink_values: Tensor) -> tuple[Tensor, Tensor]:
        """Views of (B, G, S, D) sinks, written in front of the tokens held, and these: (B, G, S + count, D)."""
        first = self.start - sinks.shape[-2]
        if first < self.start:
            self.keys[..., first : self.start, :] = sinks  # (B, G, S, D)
            self.values[..., first : self.start, :] = sink_values  # (B, G, S, D)
        return self.keys[..., first : self.end, :], self.values[..., first : self.end, :]

    def keep_last(self, count: int) -> None:
        """Forget all but the last tokens."""
        self.start = max(self.start, self.end - count)

    def hold(self, keys: Tensor, values: Tensor) -> None:
        """Hold these (B, G, n, D) and nothing else, at the front."""
        self.start = self.end = self.front
        self.append(keys, values)

    def move_to_front(self) -> None:
        """Make room at the end."""
        keys, values = self.held
        self.hold(keys.clone(), values.clone())

    def grown(self, new: int) -> int:
        """The capacity to grow to for so many more tokens."""
        return int((1 + _GROWTH) * (self.end + new)) + 1

    def grow(self, capacity: int) -> None:
        """Make room for so many tokens in all, the front included; one tensor at a time is held twice."""
        self.keys = self._grown(self.keys, capacity)
        self.values = self._grown(self.values, capacity)

    def _grown(self, old: Tensor, capacity: int) -> Tensor:
        grown = empty_like(old, capacity)  # (B, G, capacity, D)
        grown[..., self.start : self.end, :] = old[..., self.start : self.end, :]
        return grown

    def ring(self, sinks: Tensor, sink_values: Tensor) -> tuple[Tensor, Tensor]:
        """Views of (B, G, S, D) sinks, the tokens held and one free slot behind them: (B, G, S + count + 1, D)."""
        if self.start > self.front or not self.fits(1):
            self.move_to_front()
        self.behind(sinks, sink_values)
        first = self.start - sinks.shape[-2]
        return self.keys[..., first : self.end + 1, :], self.values[..., first : self.end + 1, :]

    def from_ring(self, free: int) -> None:
        """Order the tokens of a ring, whose free slot is `free`, as in the stream."""
        around = slice(self.start, self.end + 1)
        keys, values = (x[..., around, :].roll(-free - 1, dims=-2) for x in (self.keys, self.values))
        self.hold(keys[..., :-1, :], values[..., :-1, :])

    def clone(self) -> Buffer:
        """An independent copy."""
        twin = Buffer(self.keys, self.values, front=self.front, capacity=0)
        twin.keys, twin.values = self.keys.clone(), self.values.clone()
        twin.start, twin.end = self.start, self.end
        return twin

    def select(self, rows: Tensor) -> None:
        """Hold these (n,) sequences of the batch instead, in this order."""
        self.keys, self.values = (x.index_select(0, rows.to(x.device)) for x in (self.keys, self.values))

    @property
    def bytes_per_token(self) -> int:
        """Bytes of one token's key and value."""
        return sum(x[..., :1, :].numel() * x.element_size() for x in (self.keys, self.values))

    @property
    def nbytes(self) -> int:
        """Bytes of both tensors."""
        return self.capacity * self.bytes_per_token


def empty_like(x: Tensor, tokens: int) -> Tensor:
    """(B, G, tokens, D), uninitialised."""
    return torch.empty((*x.shape[:-2], tokens, x.shape[-1]), dtype=x.dtype, device=x.device)
