"""The KV cache of one attention layer: the sinks as they were computed, and a buffer of recent tokens.

Where the window is bounded, its buffer has some room to spare, and moves back to its front when that is used up; where
it is unbounded, the buffer grows.

Shapes: B batch, G key/value heads, S sinks, n new tokens, D head dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import CacheLayerMixin

from streaming.attention.rotary import Rotation, rotate
from streaming.buffer import Buffer, empty_like
from streaming.window import SinkWindow

__all__ = ["StreamLayer"]

_SPARE = 16
"""Least room for new tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ring:
    """Views of a buffer as a ring: (B, G, S + recent + 1, D) twice, and the slot of the next token, (1,) int64."""

    keys: Tensor
    values: Tensor
    slot: Tensor

    def put(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        self.keys.index_copy_(2, self.slot, keys)
        self.values.index_copy_(2, self.slot, values)
        return self.keys, self.values


class StreamLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]  # transformers leaves __init_subclass__ untyped
    """Keys and values of one attention layer.

    Attributes:
        window: which tokens are kept.
        sink_keys: (B, G, S, D), None before the first token.
        sink_values: (B, G, S, D), likewise.
        placed: (B, G, copies * S, D) the sinks' keys where the next tokens see them; None where that is where they
            are. `StreamCache.begin` sets it, and the next.
        copies: how many copies of the sinks the next tokens see.
        recent: the other tokens; None before the first.
        ring: where the next token goes while steps run at constant shapes (`ring.py`).
    """

    def __init__(self, window: SinkWindow) -> None:
        """Start empty."""
        super().__init__()  # type: ignore[no-untyped-call]  # of transformers
        self.window = window
        self.sink_keys: Tensor | None = None
        self.sink_values: Tensor | None = None
        self.placed: Tensor | None = None
        self.copies = 1
        self.ring: _Ring | None = None
        self.recent: Buffer | None = None
        self._aside: tuple[Tensor, Tensor] | None = None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocate for (B, G, n, D) keys and values of this dtype and device."""
        room = _SPARE + (self.window.recent or 0) * 9 // 8
        self.recent = Buffer(key_states, value_states, front=self.window.sinks, capacity=room)
        self.sink_keys, self.sink_values = empty_like(key_states, 0), empty_like(value_states, 0)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Take in n new tokens; return what they attend to.

        Args:
            key_states: (B, G, n, D), embedded at their running positions.
            value_states: (B, G, n, D).
            *args: ignored; some families pass more.
            **kwargs: ignored.

        Returns:
            Keys and values (B, G, copies * sinks + recent + n, D), in the order of the stream.
        """
        if self.recent is None:
            self.lazy_initialization(key_states, value_states)
        if self.ring is not None:
            return self.ring.put(key_states, value_states)
        recent, (sink_keys, sink_values) = self._buffer(), self.sinks
        if sink_keys.shape[-2] < self.window.sinks:
            self.sink_keys = torch.cat([sink_keys, key_states], dim=-2)  # (B, G, S, D)
            self.sink_values = torch.cat([sink_values, value_states], dim=-2)  # (B, G, S, D)
            return self.sink_keys, self.sink_values
        if self.copies > 1 or not self._make_room(recent, key_states.shape[-2]):
            return self._pass_through(recent, key_states, value_states)
        recent.append(key_states, value_states)
        placed = sink_keys if self.placed is None else self.placed  # (B, G, S, D)
        seen = recent.behind(placed, sink_values)  # (B, G, S + recent + n, D)
        if self.window.recent is not None:
            recent.keep_last(self.window.recent)
        return seen

    @property
    def sinks(self) -> tuple[Tensor, Tensor]:
        """Keys and values of the sinks held; not before the first token."""
        assert self.sink_keys is not None
        assert self.sink_values is not None
        return self.sink_keys, self.sink_values

    def _buffer(self) -> Buffer:
        assert self.recent is not None
        return self.recent

    def _pass_through(self, recent: Buffer, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """More new tokens than there is room for: join them in passing, and keep the last ones."""
        sinks, sink_values = (x.repeat(1, 1, self.copies, 1) for x in self.sinks)  # (B, G, copies * S, D)
        kept_keys, kept_values = recent.held  # (B, G, recent, D)
        sinks = sinks if self.placed is None else self.placed
        joined_keys = torch.cat([sinks, kept_keys, keys], dim=-2)  # (B, G, copies * S + recent + n, D)
        joined_values = torch.cat([sink_values, kept_values, values], dim=-2)  # likewise
        count = recent.count + keys.shape[-2]
        count = count if self.window.recent is None else min(count, self.window.recent)
        recent.hold(joined_keys[..., -count:, :], joined_values[..., -count:, :])
        return joined_keys, joined_values

    def _make_room(self, recent: Buffer, new: int) -> bool:
        """Whether `new` tokens can be appended in place, after moving or growing the buffer where that helps."""
        if not recent.fits(new) and self.window.recent is None:
            recent.grow(recent.grown(new))
        elif not recent.fits(new) and recent.front + recent.count + new <= recent.capacity:
            recent.move_to_front()
        return recent.fits(new)

    def enter_ring(self, slot: Tensor) -> None:
        """From now on a token goes to the slot (1,) of a ring, counted from the first sink; the window is full."""
        self.ring = _Ring(*self._buffer().ring(*self.sinks), slot)

    def leave_ring(self, free: int) -> None:
        """Order the tokens as in the stream; `free` is the slot that holds none, counted from the first recent."""
        self.ring = None
        self._buffer().from_ring(free)

    def renumber(self, rotation: Rotation) -> None:
        """Rotate the recent keys, all by the same single row."""
        if self.recent is not None:
            keys, _ = self.recent.held  # (B, G, recent, D)
            keys.copy_(rotate(keys, rotation))

    def set_aside_sinks(self, window: SinkWindow) -> None:
        """Go on without the sinks, under a window that has none; they are kept for `restore_sinks`."""
        keys, values = self._aside = self.sinks
        self.sink_keys, self.sink_values = keys[..., :0, :], values[..., :0, :]
        self.window = window

    def restore_sinks(self, window: SinkWindow) -> None:
        """Take them back, under the window that they were read with."""
        if self._aside is not None:
            (self.sink_keys, self.sink_values), self._aside = self._aside, None
            self.window = window

    def fork(self) -> StreamLayer:
        """An independent copy."""
        twin = StreamLayer(self.window)
        twin.copies, twin.placed, twin._aside = self.copies, self.placed, self._aside  # never written to
        twin.sink_keys, twin.sink_values = self.sink_keys, self.sink_values  # likewise
        twin.recent = None if self.recent is None else self.recent.clone()
        twin.is_initialized = self.is_initialized
        return twin

    def select(self, rows: Tensor) -> None:
        """Hold these (n,) sequences of the batch instead, in this order."""
        if self.recent is not None:
            self.recent.select(rows)
            self.sink_keys, self.sink_values = (x.index_select(0, rows.to(x.device)) for x in self.sinks)
            self.placed = None  # the cache places them anew before the next tokens

    @property
    def bytes_per_token(self) -> int:
        """Bytes of one token's key and value; 0 before the first token."""
        return 0 if self.recent is None else self.recent.bytes_per_token

    @property
    def allocated_nbytes(self) -> int:
        """Bytes of the tensors that hold them."""
        if self.recent is None:
            return 0
        return self.recent.nbytes + sum(x.numel() * x.element_size() for x in self._aside or self.sinks)

    def allocated_after(self, new: int) -> int:
        """Bytes of the tensors once so many more tokens were read."""
        if self.recent is None or self.window.recent is not None or self.recent.fits(new):
            return self.allocated_nbytes
        return self.recent.grown(new) * self.bytes_per_token

    def get_seq_length(self) -> int:
        """Tokens held."""
        return 0 if self.recent is None else self.sinks[0].shape[-2] + self.recent.count

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Keys that `query_length` new tokens meet, and the offset of the first, for masks made by transformers."""
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        """Tokens that fit, -1 where there is no limit."""
        return -1 if self.window.budget is None else self.window.budget
