"""The KV cache of one stream: sinks, a window of recent tokens, and nothing else.

Keys are embedded at running positions. `StreamCache.begin` moves the sinks to where the next query must see them,
and now and then moves the whole window back to the start of the numbering, so that running positions stay small:
transformers computes angles in float32, which are off by 0.06 rad at position 1e6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from streaming import states
from streaming.attention.rotary import Rotary, Rotation, rotate
from streaming.errors import StreamError
from streaming.layer import StreamLayer
from streaming.states import State
from streaming.window import SinkWindow, Span

if TYPE_CHECKING:
    from streaming.ring import RingStep

__all__ = ["REBASE_AFTER", "State", "StreamCache"]

REBASE_AFTER = 256
"""Least running positions past a full cache before the window is renumbered (float32 angles: 1e-4 nats at 1,000)."""


class StreamCache(Cache):
    """The cache of a whole model, for one stream.

    Args:
        window: which tokens are kept.
        rotaries: for each attention layer its rotary embedding, None where the layer has none. Layers that share an
            embedding share the object.

    Attributes:
        tokens: read so far.
        base: stream index of running position 0.
        ring: steps at constant shapes, where they are taken (`ring.py`).
        may_ring: whether they may be.
    """

    layers: list[StreamLayer]  # type: ignore[assignment]  # all of them are ours

    def __init__(self, window: SinkWindow, rotaries: Sequence[Rotary | None]) -> None:
        """Start empty, at token 0."""
        self.window = window
        self.rotaries = tuple(rotaries)
        self.tokens = 0
        self.base = 0
        self.ring: RingStep | None = None
        self.may_ring = True
        self._with_sinks: SinkWindow | None = None
        super().__init__(layers=[StreamLayer(window) for _ in self.rotaries])

    def begin(self, count: int, *, copies: bool = False, device: torch.device | None = None) -> Span:
        """Make ready for the next `count` tokens; return where they stand. Their forward must follow.

        Args:
            count: tokens of the coming forward; a forward must not straddle token `sinks`.
            copies: one copy of the sinks for each of the tokens, each where that token must see it, instead of one
                copy for the first of them.
            device: where the cache's tensors live.
        """
        self._leave_ring()
        self.renumber(device)
        span = Span(window=self.window, first=self.tokens, count=count, base=self.base)
        places = [shift - self.base for shift in span.shifts[: count if copies else 1]]
        self._place(places[:1] if len(set(places)) == 1 else places, device)
        self.tokens += count
        return span

    def _place(self, places: list[int], device: torch.device | None) -> None:
        """Show the sinks moved on by so many places, a copy for each: all layers of one embedding at once."""
        stay = places == [0] or not self.window.sinks or not all(layer.is_initialized for layer in self.layers)
        for layer in self.layers:
            layer.copies, layer.placed = 1 if stay else len(places), None
        for rotary in {rotary for rotary in self.rotaries if rotary is not None and not stay}:
            layers = [layer for layer, its in zip(self.layers, self.rotaries, strict=True) if its is rotary]
            _show_sinks(layers, rotary.by(torch.tensor(places), device))

    @property
    def is_due(self) -> bool:
        """Whether running positions have grown so far that the window is to be renumbered."""
        budget = self.window.budget  # a key is rotated anew three times at most in its life: rounding cannot pile up
        return budget is not None and self.tokens - self.base > budget + max(REBASE_AFTER, budget // 2)

    def _leave_ring(self) -> None:
        if self.ring is not None:
            self.ring.leave()

    def renumber(self, device: torch.device | None) -> None:
        """Where it is due, move the window back to the start of the numbering."""
        if not self.is_due:
            return
        back = self.tokens - self.base - (self.window.budget or 0)
        moves = {r: r.by(torch.tensor([-back]), device) for r in set(self.rotaries) if r is not None}
        for layer, rotary in zip(self.layers, self.rotaries, strict=True):
            if rotary is not None:
                layer.renumber(moves[rotary])
        self.base += back

    def held(self) -> list[int]:
        """Stream indices of the tokens held (ascending)."""
        return self.window.held(self.tokens)

    def set_aside_sinks(self) -> None:
        """Go on without the sinks, as a sliding window of the recent tokens; `restore_sinks` gives them back.

        Positions stay as they were: the recent tokens' mutual distances do not depend on the sinks.

        Raises:
            StreamError: the window has no sinks, or is not full yet.
        """
        window = self.window
        if self._with_sinks is not None:
            return
        if not window.sinks or window.budget is None or self.tokens < window.budget:
            raise StreamError("The sinks can be set aside once a cache with sinks is full: read on until then.")
        self._with_sinks = window
        self.window = replace(window, sinks=0, positions="cache")
        self._leave_ring()
        self.ring, self.may_ring = None, False  # it would be of another window
        for layer in self.layers:
            layer.set_aside_sinks(self.window)

    @property
    def sinks_aside(self) -> bool:
        """Whether the sinks are set aside."""
        return self._with_sinks is not None

    def restore_sinks(self) -> None:
        """Give the sinks that were set aside back; harmless where there are none."""
        if self._with_sinks is None:
            return
        self.window, self._with_sinks = self._with_sinks, None
        self.may_ring = True
        for layer in self.layers:
            layer.restore_sinks(self.window)

    def fork(self) -> StreamCache:
        """An independent copy: what is read into one leaves no trace in the other."""
        self._leave_ring()
        twin = StreamCache(self.window, self.rotaries)
        twin.layers = [layer.fork() for layer in self.layers]
        twin.tokens, twin.base, twin._with_sinks = self.tokens, self.base, self._with_sinks
        return twin

    def select(self, rows: Tensor) -> None:
        """Hold these (n,) sequences of the batch instead, in this order; a sequence may come several times."""
        self._leave_ring()
        self.ring = None  # it would be of another batch
        for layer in self.layers:
            layer.select(rows)

    def state(self) -> State:
        """All that the cache knows: tensors on their devices, and whole numbers.

        Raises:
            StreamError: the sinks are set aside.
        """
        if self._with_sinks is not None:
            raise StreamError("The sinks are set aside: restore them before the stream is saved.")
        self._leave_ring()
        return states.of(self)

    def restore(self, state: State, device: torch.device | None = None) -> None:
        """Become what another cache, of the same window and model, was.

        Args:
            state: what its `state` gave.
            device: where the tensors are to live; where they are, by default.

        Raises:
            StreamError: the state is of another window or model.
        """
        states.restore(self, state, device)

    @property
    def bytes_per_token(self) -> int:
        """Bytes of one token's keys and values, over all layers; 0 before the first token."""
        return sum(layer.bytes_per_token for layer in self.layers)

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and values of the tokens held."""
        return sum(layer.get_seq_length() * layer.bytes_per_token for layer in self.layers)

    @property
    def allocated_nbytes(self) -> int:
        """Bytes of the tensors that hold them, spare room included."""
        return sum(layer.allocated_nbytes for layer in self.layers)

    def allocated_after(self, new: int) -> int:
        """What `allocated_nbytes` will be once so many more tokens were read; 0 before the first."""
        return sum(layer.allocated_after(new) for layer in self.layers)


def _show_sinks(layers: Sequence[StreamLayer], by: Rotation) -> None:
    """Place the sinks of all these layers at once, one copy for each row of the rotation."""
    keys = torch.stack([layer.sinks[0] for layer in layers])[:, :, :, None]  # (layers, B, G, 1, S, D)
    moved = rotate(keys, by.at((slice(None), None)))  # (layers, B, G, copies, S, D)
    for layer, placed in zip(layers, moved.flatten(3, 4), strict=True):
        layer.placed = placed  # (B, G, copies * S, D)
