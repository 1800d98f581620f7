"""The KV cache of one stream: sinks, a window of recent tokens, and nothing else.

Each layer holds two pairs of tensors. The sinks' keys and values are kept as they were computed. The recent ones lie
in a buffer that is appended to in place; when it is full, the window moves back to its front (or, where the window
is unbounded, the buffer grows). In front of the window there is always room for the sinks, so that one view of the
buffer, `[sinks | recent | new]`, is all that attention needs to see: ordered, and without a copy of the window.

Keys are embedded at running positions. `StreamCache.begin` moves the sinks to where the next query must see them,
and now and then moves the whole window back to the start of the numbering, so that running positions stay small:
transformers computes angles in float32, which are off by 0.06 rad at position 1e6.

Shapes: B batch, H key/value heads, S sinks, D head dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

from streaming.errors import StreamError
from streaming.rotary import Rotary, Rotation, rotate
from streaming.window import SinkWindow

__all__ = ["REBASE_AFTER", "State", "StreamCache", "StreamLayer"]

State = dict[str, Tensor | int]
"""What goes into a file so that a stream can go on in another process: tensors and whole numbers, by name."""

REBASE_AFTER = 256
"""Least running positions past a full cache before the window is renumbered (float32 angles: 1e-4 nats at 1,000)."""

_GROWTH = 1.25
_LEAST_ROOM = 16
_HELD = ("sink_keys", "sink_values", "keys", "values")


class StreamLayer(CacheLayerMixin):
    """Keys and values of one attention layer.

    `place` is the rotation, one row per copy, that brings the sinks to where the next tokens see them; None leaves
    them where they are. `StreamCache.begin` sets it.
    """

    def __init__(self, window: SinkWindow, *, rotates: bool) -> None:
        """Start empty; `rotates` says whether this layer's keys carry a rotary embedding."""
        super().__init__()
        self.window = window
        self.rotates = rotates
        self.place: Rotation | None = None
        self._start = self._end = window.sinks
        self._aside: tuple[Tensor, Tensor] | None = None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocate for (B, H, n, D) keys and values of this dtype and device."""
        window = self.window
        recent = 0 if window.recent is None else window.recent + window.recent // 8
        self.keys = _empty(key_states, window.sinks + recent + _LEAST_ROOM)
        self.values = _empty(value_states, window.sinks + recent + _LEAST_ROOM)
        self.sink_keys = _empty(key_states, 0)
        self.sink_values = _empty(value_states, 0)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Take in n new tokens; return what they attend to.

        Args:
            key_states: (B, H, n, D), embedded at their running positions.
            value_states: (B, H, n, D).
            *args: ignored; some families pass more.
            **kwargs: ignored.

        Returns:
            Keys and values (B, H, copies * sinks + recent + n, D), in the order of the stream.
        """
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        if self.sink_keys.shape[-2] < self.window.sinks:
            return self._take_sinks(key_states, value_states)
        new = key_states.shape[-2]
        if self._make_room(new) and self._copies == 1:
            return self._append(key_states, value_states, new)
        return self._pass_through(key_states, value_states)

    def _take_sinks(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        self.sink_keys = torch.cat([self.sink_keys, keys], dim=-2)
        self.sink_values = torch.cat([self.sink_values, values], dim=-2)
        return self.sink_keys, self.sink_values

    def _append(self, keys: Tensor, values: Tensor, new: int) -> tuple[Tensor, Tensor]:
        first, end = self._start - self.window.sinks, self._end + new
        self.keys[..., self._end : end, :] = keys
        self.values[..., self._end : end, :] = values
        if self.window.sinks:
            self.keys[..., first : self._start, :] = self._placed_sinks()
            self.values[..., first : self._start, :] = self.sink_values
        self._end = end
        if self.window.recent is not None:
            self._start = max(self._start, end - self.window.recent)
        return self.keys[..., first:end, :], self.values[..., first:end, :]

    def _pass_through(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """More new tokens than there is room for: join them in passing, and keep the last ones."""
        sinks = self._placed_sinks()
        first, held = sinks.shape[-2], self._end - self._start
        joined_keys, joined_values = (_empty(x, first + held + x.shape[-2]) for x in (keys, values))
        joined_keys[..., :first, :] = sinks
        joined_values[..., :first, :] = self.sink_values.repeat(1, 1, self._copies, 1)
        for joined, kept, new in ((joined_keys, self.keys, keys), (joined_values, self.values, values)):
            joined[..., first : first + held, :] = kept[..., self._start : self._end, :]
            joined[..., first + held :, :] = new
        self._keep_last(joined_keys[..., first:, :], joined_values[..., first:, :])
        return joined_keys, joined_values

    def _keep_last(self, keys: Tensor, values: Tensor) -> None:
        kept = keys.shape[-2] if self.window.recent is None else min(self.window.recent, keys.shape[-2])
        self._start, self._end = self.window.sinks, self.window.sinks + kept
        self.keys[..., self._start : self._end, :] = keys[..., -kept:, :]
        self.values[..., self._start : self._end, :] = values[..., -kept:, :]

    @property
    def _copies(self) -> int:
        return 1 if self.place is None else len(self.place.cos)

    def _placed_sinks(self) -> Tensor:
        copies = self._copies
        if self.place is None or not self.rotates:
            return self.sink_keys if copies == 1 else self.sink_keys.repeat(1, 1, copies, 1)
        if copies == 1:
            return rotate(self.sink_keys, self.place)
        return rotate(self.sink_keys.unsqueeze(2), self.place.at((slice(None), None))).flatten(2, 3)

    def _make_room(self, new: int) -> bool:
        """Whether `new` tokens can be appended in place, after moving or growing the buffer where that helps."""
        if self._end + new <= self.keys.shape[-2]:
            return True
        window, held = self.window, self._end - self._start
        if window.recent is None:
            self._grow(self._grown(new))
            return True
        if window.sinks + held + new > self.keys.shape[-2]:
            return False
        self._move_to_front()
        return True

    def _move_to_front(self) -> None:
        held = slice(self._start, self._end)
        self._keep_last(self.keys[..., held, :].clone(), self.values[..., held, :].clone())

    def _grow(self, capacity: int) -> None:
        for name in ("keys", "values"):
            old = getattr(self, name)
            grown = _empty(old, capacity)
            grown[..., : self._end, :] = old[..., : self._end, :]
            setattr(self, name, grown)

    def renumber(self, rotation: Rotation) -> None:
        """Rotate the recent keys, all by the same single row."""
        if self.is_initialized and self.rotates:
            held = self.keys[..., self._start : self._end, :]
            held.copy_(rotate(held, rotation))

    def set_aside_sinks(self, window: SinkWindow) -> None:
        """Go on without the sinks, under a window that has none; they are kept for `restore_sinks`."""
        self._aside = self.sink_keys, self.sink_values
        self.sink_keys, self.sink_values = self.sink_keys[..., :0, :], self.sink_values[..., :0, :]
        self.window = window

    def restore_sinks(self, window: SinkWindow) -> None:
        """Take them back, under the window that they were read with."""
        if self._aside is None:
            return
        (self.sink_keys, self.sink_values), self._aside = self._aside, None
        self.window = window
        if self._start < window.sinks:  # the recent ones have moved to the front of the buffer
            self._move_to_front()

    def fork(self) -> StreamLayer:
        """An independent copy."""
        twin = StreamLayer(self.window, rotates=self.rotates)
        twin._start, twin._end, twin.place = self._start, self._end, self.place
        twin._aside = self._aside  # never written to
        if self.is_initialized:
            twin.keys, twin.values = self.keys.clone(), self.values.clone()
            twin.sink_keys, twin.sink_values = self.sink_keys.clone(), self.sink_values.clone()
            twin.is_initialized = True
        return twin

    def state(self) -> State:
        """Copies of what is held, and where it lies in its buffer; nothing before the first token."""
        if not self.is_initialized:
            return {}
        held = slice(self._start, self._end)
        tensors = (self.sink_keys, self.sink_values, self.keys[..., held, :], self.values[..., held, :])
        copies = (x.clone(memory_format=torch.contiguous_format) for x in tensors)
        return {**dict(zip(_HELD, copies, strict=True)), "start": self._start, "capacity": self.keys.shape[-2]}

    def restore(self, state: State, device: torch.device | None = None) -> None:
        """Hold what another layer held, at the same places of a buffer of the same size."""
        self.sink_keys, self.sink_values, keys, values = (state[name].to(device, copy=True) for name in _HELD)
        self._start, self._end = state["start"], state["start"] + keys.shape[-2]
        self.keys, self.values = (_empty(x, state["capacity"]) for x in (keys, values))
        self.keys[..., self._start : self._end, :] = keys
        self.values[..., self._start : self._end, :] = values
        self.is_initialized = True

    @property
    def bytes_per_token(self) -> int:
        """Bytes of one token's key and value; 0 before the first token."""
        if not self.is_initialized:
            return 0
        return sum(x[..., :1, :].numel() * x.element_size() for x in (self.keys, self.values))

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and values of the tokens held."""
        return self.get_seq_length() * self.bytes_per_token

    @property
    def allocated_nbytes(self) -> int:
        """Bytes of the tensors that hold them."""
        if not self.is_initialized:
            return 0
        tensors = (self.keys, self.values, *(self._aside or (self.sink_keys, self.sink_values)))
        return sum(x.numel() * x.element_size() for x in tensors)

    def allocated_after(self, new: int) -> int:
        """Bytes of the tensors once so many more tokens were read."""
        if not self.is_initialized:
            return 0
        if self.window.recent is not None or self._end + new <= self.keys.shape[-2]:
            return self.allocated_nbytes
        return self._grown(new) * self.bytes_per_token

    def _grown(self, new: int) -> int:
        """Tokens that the buffer of an unbounded window has room for when it has grown for so many more."""
        return int(_GROWTH * (self._end + new)) + _LEAST_ROOM

    def get_seq_length(self) -> int:
        """Tokens held."""
        return self.sink_keys.shape[-2] + self._end - self._start if self.is_initialized else 0

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Keys that `query_length` new tokens meet, and the offset of the first, for masks made by transformers."""
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        """Tokens that fit, -1 where there is no limit."""
        return -1 if self.window.budget is None else self.window.budget


class StreamCache(Cache):
    """The cache of a whole model, for one stream.

    Args:
        window: which tokens are kept.
        rotaries: for each attention layer its rotary embedding, None where the layer has none. Layers that share an
            embedding share the object.
    """

    def __init__(self, window: SinkWindow, rotaries: Sequence[Rotary | None]) -> None:
        """Start empty, at token 0."""
        self.window = window
        self.rotaries = tuple(rotaries)
        self.tokens = 0
        self._base = 0
        self._with_sinks: SinkWindow | None = None
        super().__init__(layers=[StreamLayer(window, rotates=rotary is not None) for rotary in rotaries])

    def begin(self, count: int, *, copies: bool = False, device: torch.device | None = None) -> range:
        """Make ready for the next `count` tokens; return their running positions.

        Args:
            count: tokens of the coming forward; a forward must not straddle token `sinks`.
            copies: one copy of the sinks for each of the tokens, each where that token must see it, instead of one
                copy for the first of them.
            device: where the cache's tensors live.
        """
        first = self.tokens
        self._renumber(first, device)
        seen_by = range(first, first + count if copies else first + 1)
        places = [self.window.shift(t) - self._base for t in seen_by]
        moves = {rotary: self._placing(rotary, places, device) for rotary in set(self.rotaries)}
        for layer, rotary in zip(self.layers, self.rotaries, strict=True):
            layer.place = moves[rotary]
        self.tokens += count
        return range(first - self._base, first - self._base + count)

    def _placing(self, rotary: Rotary | None, places: list[int], device: torch.device | None) -> Rotation | None:
        if len(set(places)) == 1:
            places = places[:1]
        if places == [0] or not self.window.sinks:
            return None
        by = torch.tensor(places)
        if rotary is None:  # the rows still count the copies
            still = torch.zeros(len(by), 1)
            return Rotation(still, still, 0)
        return rotary.by(by, device)

    def _renumber(self, first: int, device: torch.device | None) -> None:
        budget = self.window.budget
        if budget is None or first - self._base <= budget + max(REBASE_AFTER, budget // 2):
            return  # a key is rotated anew three times at most in its life, so rounding cannot pile up
        back = first - self._base - budget
        moves = {r: r.by(torch.tensor([-back]), device) for r in set(self.rotaries) if r is not None}
        for layer, rotary in zip(self.layers, self.rotaries, strict=True):
            if rotary is not None:
                layer.renumber(moves[rotary])
        self._base += back

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
        for layer in self.layers:
            layer.set_aside_sinks(self.window)

    def restore_sinks(self) -> None:
        """Give the sinks that were set aside back; harmless where there are none."""
        if self._with_sinks is None:
            return
        self.window, self._with_sinks = self._with_sinks, None
        for layer in self.layers:
            layer.restore_sinks(self.window)

    def fork(self) -> StreamCache:
        """An independent copy: what is read into one leaves no trace in the other."""
        twin = StreamCache(self.window, self.rotaries)
        twin.layers = [layer.fork() for layer in self.layers]
        twin.tokens, twin._base, twin._with_sinks = self.tokens, self._base, self._with_sinks
        return twin

    def state(self) -> State:
        """All that the cache knows: tensors on their devices, and whole numbers.

        Raises:
            StreamError: the sinks are set aside.
        """
        if self._with_sinks is not None:
            raise StreamError("The sinks are set aside: restore them before the stream is saved.")
        state: State = {"tokens": self.tokens, "base": self._base}
        for index, layer in enumerate(self.layers):
            state |= {f"layers.{index}.{name}": x for name, x in layer.state().items()}
        return state

    def restore(self, state: State, device: torch.device | None = None) -> None:
        """Become what another cache, of the same window and model, was.

        Args:
            state: what its `state` gave.
            device: where the tensors are to live; where they are, by default.

        Raises:
            StreamError: the state is of another window or model.
        """
        tokens, layers = state.get("tokens"), [_of_layer(state, i) for i in range(len(self.layers))]
        if tokens is None or len(state) != 2 + sum(map(len, layers)) or not self._fits(layers, tokens):
            raise StreamError("This state is of another model or policy: restore it where it came from.")
        for layer, its_state in zip(self.layers, layers, strict=True):
            if its_state:
                layer.restore(its_state, device)
        self.tokens, self._base = tokens, state["base"]

    def _fits(self, layers: list[State], tokens: int) -> bool:
        """Whether each layer holds just the tokens that this window keeps of so many."""
        if tokens == 0:
            return not any(layers)
        sinks = min(self.window.sinks, tokens)
        recent = tokens - sinks if self.window.recent is None else min(self.window.recent, tokens - sinks)
        held = (sinks, sinks, recent, recent)
        names = {*_HELD, "start", "capacity"}
        return all(x.keys() == names and held == tuple(x[name].shape[-2] for name in _HELD) for x in layers)

    @property
    def bytes_per_token(self) -> int:
        """Bytes of one token's keys and values, over all layers; 0 before the first token."""
        return sum(layer.bytes_per_token for layer in self.layers)

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and values of the tokens held."""
        return sum(layer.nbytes for layer in self.layers)

    @property
    def allocated_nbytes(self) -> int:
        """Bytes of the tensors that hold them, spare room included."""
        return sum(layer.allocated_nbytes for layer in self.layers)

    def allocated_after(self, new: int) -> int:
        """What `allocated_nbytes` will be once so many more tokens were read; 0 before the first."""
        return sum(layer.allocated_after(new) for layer in self.layers)


def _of_layer(state: State, index: int) -> State:
    prefix = f"layers.{index}."
    return {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}


def _empty(like: Tensor, tokens: int) -> Tensor:
    """(B, H, tokens, D), uninitialised."""
    return like.new_empty(*like.shape[:-2], tokens, like.shape[-1])
