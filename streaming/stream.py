"""One model reading one stream of token ids under one policy.

`open_stream` gives a `Stream`; whatever the policy, its verbs are the same: read, step, fork, state and restore, close.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from streaming import families
from streaming.cache import State, StreamCache
from streaming.errors import SettingsError, StreamError
from streaming.forward import (
    default_chunk,
    forward,
    logits_of,
    longest_forward,
    new_cache,
    read_into,
    require_numbers,
)
from streaming.numbers import whole
from streaming.policy import Policy
from streaming.share import SinkShare
from streaming.states import number, tensor
from streaming.view import device_of
from streaming.window import SinkWindow

__all__ = ["Loaded", "Stream", "open_stream"]

_SCORED_AT_A_TIME, _SCORED_ON_A_GPU = 1 << 18, 1 << 24
"""Logits that are taken to float32 together: 1 MB, which a processor's caches hold; a GPU wants few kernels."""


class Loaded(Protocol):
    """What a stream needs of a loaded model (`streaming.models.LoadedModel` is one)."""

    @property
    def model(self) -> PreTrainedModel:
        """A causal language model in evaluation mode; it stays as it is."""

    @property
    def context(self) -> int:
        """Training length in tokens."""

    @property
    def start_token(self) -> int | None:
        """The token before every text."""


def open_stream(loaded: Loaded, policy: Policy, *, chunk: int | None = None) -> Stream:
    """A new stream, at token 0.

    Args:
        loaded: the model; streams in different threads may share it.
        policy: what a token may see.
        chunk: most tokens per forward, by default as many as the device likes; results do not depend on it.

    Raises:
        SettingsError: the chunk is not a positive number of tokens.
    """
    chunk = whole(
        "chunk", default_chunk(loaded.model, policy.window) if chunk is None else chunk, 1, 1 << 62, " tokens"
    )
    kinds = {"recompute": _RecomputeStream}
    return kinds.get(policy.kind, _CachedStream)(loaded, policy, chunk)


class Holding:
    """What a stream keeps of what it has read, and how much memory that takes: the part that only looks."""

    def held(self) -> list[int]:
        """Stream indices of the tokens in the cache (ascending)."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and values of the tokens held."""
        raise NotImplementedError

    @property
    def peak_nbytes(self) -> int:
        """Bytes of the keys and values that the latest token was read with: `nbytes`, where they are kept."""
        return self.nbytes

    @property
    def allocated_nbytes(self) -> int:
        """Bytes of the tensors that hold them, spare room included."""
        raise NotImplementedError

    def allocated_after(self, count: int) -> int:
        """What `allocated_nbytes` will be once `count` more tokens were read; 0 before the first."""
        raise NotImplementedError

    @property
    def bytes_per_token(self) -> int:
        """Bytes of one token's keys and values; 0 where nothing is cached, or nothing was read yet."""
        raise NotImplementedError


class Stream(Holding):
    """One model reading one stream of token ids under one policy.

    A forward that fails leaves the cache half written; the stream then refuses to go on. `tokens` were read so far.
    """

    def __init__(self, loaded: Loaded, policy: Policy, chunk: int) -> None:
        """Use `open_stream`."""
        self.loaded, self.policy, self.chunk = loaded, policy, chunk
        self._model = families.prepare(loaded.model)
        self._logits: Tensor | None = None
        self.tokens = 0
        self._ended: str | None = None
        self._torn = False

    @torch.inference_mode()
    def read(self, ids: Sequence[int] | Tensor, *, share: SinkShare | None = None) -> Tensor:
        """Read tokens, teacher-forced.

        Args:
            ids: (n,) token ids, any number of them.
            share: takes in how much attention these tokens give to the first ones of the stream; it stays empty
                where those have been evicted, and under a policy without a cache.

        Returns:
            (n,) float32 on the CPU: negative log-likelihood of each token, in nats, given all that the policy let
            the model see before it. NaN for the first token of the stream, which nothing predicts.

        Raises:
            SettingsError: an id is outside the vocabulary.
            StreamError: the stream is closed, or failed before; or the model computes NaN.
        """
        unread, nats = _as_ids(self._model, ids), [torch.empty(0)]
        while len(unread):
            count = self._longest()
            nats.append(self._read_piece(unread[:count], share))
            unread = unread[count:]
        return torch.cat(nats)  # (n,)

    @torch.inference_mode()
    def step(self, token: int) -> Tensor:
        """Read one token; return the logits of the next, (V,) float32 on the model's device."""
        require_numbers(self._advanced(_as_ids(self._model, [token])))
        self._torn = False
        return self.logits

    @property
    def logits(self) -> Tensor:
        """Logits of the next token, (V,) float32 on the model's device.

        Raises:
            StreamError: nothing has been read yet.
        """
        self._require_open()
        if self._logits is None:
            raise StreamError("Nothing has been read yet, so nothing is predicted: read a token first.")
        return self._logits

    @torch.inference_mode()
    def fork(self) -> Stream:
        """An independent copy: what is read into one leaves no trace in the other."""
        self._require_open()
        twin = type(self)(self.loaded, self.policy, self.chunk)
        twin._logits, twin.tokens = self._logits, self.tokens
        self._copy_state(twin)
        return twin

    @torch.inference_mode()
    def state(self) -> State:
        """All that the stream knows, as copies that no later reading changes: ready for a file.

        A stream that is restored from it goes on as this one does, to the last bit on the same machine.
        """
        self._require_open()
        logits = {} if self._logits is None else {"logits": self._logits.clone()}
        return {**self._state(), **logits}

    @torch.inference_mode()
    def restore(self, state: State) -> None:
        """Go on where another stream stood; this one is new, of the same model, policy and chunk.

        Raises:
            StreamError: this stream has read something, or the state is damaged, or of another model or policy.
        """
        self._require_open()
        if self.tokens:
            raise StreamError("Only a new stream can be restored: open one.")
        if not all(isinstance(x, (int, Tensor)) for x in state.values()):
            raise StreamError("This state is damaged: restore it as `state` gave it.")
        try:
            tokens = self._restore({name: x for name, x in state.items() if name != "logits"})
            if tokens:
                size = self.loaded.model.config.vocab_size
                self._logits = tensor(state, "logits").reshape(size).to(device_of(self._model), copy=True)
        except StreamError:
            raise
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            self._ended = "The stream could not be restored: open a new one."
            raise StreamError("This state is damaged, or of another model: restore it where it came from.") from error
        self.tokens = tokens

    def set_aside_sinks(self) -> None:
        """Go on without the sinks, whose keys and values are kept (a few kB): a sliding window of the recent tokens.

        Raises:
            StreamError: this policy keeps no sinks, or its cache is not full yet.
        """
        raise StreamError(f"The policy {self.policy.label!r} keeps no sinks.")

    def restore_sinks(self) -> None:
        """Give back what `set_aside_sinks` took away; harmless where nothing was."""

    @property
    def sinks_aside(self) -> bool:
        """Whether the sinks are set aside."""
        return False

    def close(self) -> None:
        """Free the cache. Again is harmless; every other verb then raises StreamError."""
        self._ended = self._ended or "The stream is closed: open a new one."
        self._logits = None

    def _advance(self, ids: Tensor, share: SinkShare | None) -> Tensor:
        """Read (n,) ids in one go; return their logits (n, V)."""
        raise NotImplementedError

    def _longest(self) -> int:
        """Most tokens that the next `_advance` may take."""
        raise NotImplementedError

    def _copy_state(self, twin: Any) -> None:
        raise NotImplementedError

    def _state(self) -> State:
        raise NotImplementedError

    def _restore(self, state: State) -> int:
        """Take over what `_state` gave; return how many tokens had been read."""
        raise NotImplementedError

    def _read_piece(self, ids: Tensor, share: SinkShare | None = None) -> Tensor:
        """Read (n,) ids in one go; how likely each of them was, in nats: (n,)."""
        before = self._logits
        logits = self._advanced(ids, share)  # (n, V)
        first = torch.full((1,), float("nan")) if before is None else _nats(before[None], ids[:1])
        nats = torch.cat([first, _nats(logits[:-1], ids[1:])])  # (n,)
        require_numbers(nats[1 if before is None else 0 :])
        self._torn = False
        return nats

    def _advanced(self, ids: Tensor, share: SinkShare | None = None) -> Tensor:
        """Read (n,) ids in one go; return their logits (n, V). The caller looks at these, then ends the tear."""
        self._require_open()
        self._torn = True  # until all is in order again, whatever happens and whenever
        logits = self._advance(ids, share)
        self.tokens += len(ids)
        self._logits = logits[-1].float()  # (V,)
        return logits

    def _require_open(self) -> None:
        if self._ended:
            raise StreamError(self._ended)
        if self._torn:
            raise StreamError("The stream failed in the middle of a forward: open a new one.")


def _as_ids(model: PreTrainedModel, ids: Sequence[int] | Tensor) -> Tensor:
    """Ids that the model knows, on its device: (n,) int64."""
    ids = torch.as_tensor(ids, dtype=torch.long, device=device_of(model))
    size = model.config.vocab_size
    if ids.ndim != 1 or (len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < size):
        raise SettingsError(f"Token ids must be a flat sequence of numbers from 0 to {size - 1}.")
    return ids


def _nats(logits: Tensor, ids: Tensor) -> Tensor:
    """Negative log-likelihood of (n,) ids under (n, V) logits: (n,) float32 on the CPU.

    A few rows at a time, in the same memory: all of them in float32 would be larger than a small model's cache, and
    fresh memory costs more than the arithmetic.
    """
    most = _SCORED_AT_A_TIME if logits.device.type == "cpu" else _SCORED_ON_A_GPU
    rows = max(1, min(len(ids), most // logits.shape[-1]))
    wide, scored = torch.empty((2, rows, logits.shape[-1]), device=logits.device)  # (rows, V) each
    found = torch.empty(len(ids), device=logits.device)  # (n,)
    for begin in range(0, len(ids), rows):
        part, chosen = logits[begin : begin + rows], ids[begin : begin + rows, None]
        many = slice(len(part))
        torch.log_softmax(wide[many].copy_(part), -1, out=scored[many])
        found[begin : begin + rows] = scored[many].gather(1, chosen)[:, 0]
    return found.neg_().cpu()


class _CachedStream(Stream):
    """`dense`, `window` and `sinks`."""

    def __init__(self, loaded: Loaded, policy: Policy, chunk: int) -> None:
        super().__init__(loaded, policy, chunk)
        self._cache = new_cache(self._model, policy.window)

    def _advance(self, ids: Tensor, share: SinkShare | None) -> Tensor:
        return logits_of(forward(self._model, self._cache, ids[None], share=share))[0]  # (n, V)

    def _longest(self) -> int:
        return longest_forward(self._model, self._cache, self.chunk)

    def _copy_state(self, twin: Any) -> None:
        twin._cache = self._cache.fork()

    def close(self) -> None:
        super().close()
        self._cache = StreamCache(self.policy.window, ())

    def _state(self) -> State:
        return self._cache.state()

    def _restore(self, state: State) -> int:
        self._cache.restore(state, device_of(self._model))
        return self._cache.tokens

    def set_aside_sinks(self) -> None:
        self._require_open()
        self._cache.set_aside_sinks()

    @torch.inference_mode()
    def restore_sinks(self) -> None:
        self._require_open()
        self._cache.restore_sinks()

    @property
    def sinks_aside(self) -> bool:
        return self._cache.sinks_aside

    def held(self) -> list[int]:
        self._require_open()
        return self._cache.held()

    @property
    def nbytes(self) -> int:
        return self._cache.nbytes

    @property
    def allocated_nbytes(self) -> int:
        return self._cache.allocated_nbytes

    def allocated_after(self, count: int) -> int:
        return self._cache.allocated_after(count)

    @property
    def bytes_per_token(self) -> int:
        return self._cache.bytes_per_token


class _RecomputeStream(Stream):
    """The sliding window with recomputation: for every token, the latest `budget + 1` tokens from nothing."""

    def __init__(self, loaded: Loaded, policy: Policy, chunk: int) -> None:
        super().__init__(loaded, policy, chunk)
        self._most = (policy.budget or 0) + 1
        self._latest: deque[int] = deque(maxlen=self._most)
        self._peak_nbytes = 0

    def _advance(self, ids: Tensor, share: SinkShare | None) -> Tensor:
        self._latest.extend(ids.tolist())
        window = list(self._latest)
        start = self.loaded.start_token
        if self.tokens + len(ids) > len(window) and start is not None:
            window[0] = start
        everything = new_cache(self._model, SinkWindow(sinks=0, recent=None))
        logits = read_into(self._model, everything, ids.new_tensor(window)[None])
        self._peak_nbytes = everything.nbytes
        return logits

    def _longest(self) -> int:
        return 1

    def _copy_state(self, twin: Any) -> None:
        twin._latest, twin._peak_nbytes = self._latest.copy(), self._peak_nbytes

    def close(self) -> None:
        super().close()
        self._latest.clear()

    def _state(self) -> State:
        return {"tokens": self.tokens, "latest": torch.tensor(list(self._latest), dtype=torch.long)}

    def _restore(self, state: State) -> int:
        known, tokens = state.keys() == {"tokens", "latest"}, number(state, "tokens")
        latest = tensor(state, "latest").tolist() if known else []
        if len(latest) != min(tokens, self._most):
            raise StreamError("This state is of another policy: restore it where it came from.")
        self._latest.extend(latest)
        return tokens

    def held(self) -> list[int]:
        self._require_open()
        return []

    @property
    def nbytes(self) -> int:
        return 0

    @property
    def peak_nbytes(self) -> int:
        return self._peak_nbytes

    @property
    def allocated_nbytes(self) -> int:
        return 0

    def allocated_after(self, count: int) -> int:
        return 0

    @property
    def bytes_per_token(self) -> int:
        return 0
