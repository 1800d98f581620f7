"""The cache that users hold from one `generate()` to the next: it answers rightly, or says what to do instead.

`SinkCache` is a handle. The keys and values are in a `StreamCache` that only `sink_generate` reaches, so no other code
can write to it, read half of a forward from it, or take its tokens for those of another conversation
(`conversation.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from streaming.cache import StreamCache
from streaming.conversation import ANEW, Conversation
from streaming.errors import StreamError
from streaming.forward import CHUNK, new_cache, read_into, require_numbers
from streaming.view import device_of
from streaming.window import SinkWindow

__all__ = ["SinkCache"]

_INTERRUPTED = f"This cache was left in the middle of a forward, so what it holds is not whole: {ANEW}."


class _Guarded(Cache):
    """What no other code may do with a cache that has forgotten a part of what it read."""

    def update(self, *args: object, **kwargs: object) -> NoReturn:
        """Refused: only a reading writes here."""
        raise StreamError(
            "This cache is read and written by sink_generate alone: pass custom_generate=sink_generate to "
            "generate(), or give the model a cache of transformers."
        )

    get_mask_sizes = update

    def crop(self, *args: object, **kwargs: object) -> NoReturn:
        """Refused: what was evicted cannot come back."""
        raise StreamError(
            "This cache cannot go back, since it has forgotten what it evicted: take a copy (copy.deepcopy) before "
            "what you may undo, or call reset() and read the text again."
        )

    activate_past_recording = offload = prefetch = early_initialization = crop

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise StreamError(
            "This cache belongs to the model in this process and cannot be pickled: keep the ids of the conversation, "
            "and read them again."
        )


class SinkCache(_Guarded):
    """What one or several sequences have in their cache, to be handed to `generate` as `cache`, turn after turn.

    Copies (`fork`, `copy.deepcopy`) are independent. The batch verbs of transformers work: a cache that has read one
    sequence can go on as several, each with an end of its own. What was evicted is gone, so `crop` is refused.
    """

    def __init__(self, window: SinkWindow) -> None:
        """Start empty; `sink_cache` makes one that is checked against a model."""
        super().__init__(layers=[])
        self._start(window)

    def _start(self, window: SinkWindow) -> None:
        self._window = window
        self._cache = StreamCache(window, ())
        self._conversation = Conversation()
        self._broken = False
        self._turn = threading.Lock()

    # ------------------------------------------------------------------------------------------------- what it holds

    @property
    def window(self) -> SinkWindow:
        """Which tokens are kept."""
        return self._window

    @property
    def tokens(self) -> int:
        """Tokens of each sequence that have been read."""
        return self._cache.tokens

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and values of the tokens held."""
        return self._cache.nbytes

    @property
    def allocated_nbytes(self) -> int:
        """Bytes of the tensors that hold them, spare room included."""
        return self._cache.allocated_nbytes

    @property
    def batch_size(self) -> int:
        """Sequences; -1 before the first token."""
        return self._conversation.sequences or -1

    def held(self) -> list[int]:
        """Indices in the text of the tokens held (ascending)."""
        return self._cache.held()

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens held."""
        return len(self.held())

    def get_max_length(self, layer_idx: int | None = None) -> int:
        """Tokens that fit."""
        return -1 if self._window.budget is None else self._window.budget

    def __len__(self) -> int:
        return len(self._cache.layers)

    def __repr__(self) -> str:
        return f"SinkCache(sinks={self._window.sinks}, recent={self._window.recent}, tokens={self.tokens})"

    # ------------------------------------------------------------------------------------------------------ a turn

    @contextmanager
    def turn(self, model: PreTrainedModel, view: PreTrainedModel, ids: Tensor) -> Iterator[Tensor]:
        """Begin a turn of a conversation whose ids are (B, n) so far; gives the (B, m) of them that are unread.

        Args:
            model: the user's.
            view: what `families.prepare` made of it.
            ids: all of them, those that have been read already included.

        Raises:
            SettingsError: these ids, this batch or this model do not go on with what has been read.
            StreamError: another thread is in a turn, or an earlier one ended in the middle of a forward.
        """
        if not self._turn.acquire(blocking=False):
            raise StreamError("This cache is in use by another call: give each its own, or a copy (copy.deepcopy).")
        try:
            self._require_whole()
            if not self.tokens:
                self._cache = new_cache(view, self._window)
                self._conversation.begin(model, view, len(ids))
            self._conversation.require_same(model, view, ids, self.tokens)
            yield ids[:, self.tokens :]
        finally:
            self._turn.release()

    def read(self, view: PreTrainedModel, ids: Tensor, *, chunk: int = CHUNK) -> Tensor:
        """Read (B, m) ids within a turn, m at least 1; return the logits (B, V) after the last."""
        self._broken = True  # until all is in order again, whatever happens and whenever
        logits = read_into(view, self._cache, ids.to(device_of(view), torch.long), chunk=chunk)
        require_numbers(logits)
        self._conversation.add(ids)
        self._broken = False
        return logits

    def _require_whole(self) -> None:
        if self._broken:
            raise StreamError(_INTERRUPTED)

    # --------------------------------------------------------------------------------------- verbs of transformers

    def reset(self) -> None:
        """Forget everything: the next turn may be of any conversation, batch and model."""
        with self._undisturbed(whole=False):
            pass
        self._start(self._window)

    @torch.inference_mode(False)
    @torch.no_grad()
    def fork(self) -> SinkCache:
        """An independent copy: what is read into one leaves no trace in the other."""
        with self._undisturbed():
            twin = SinkCache(self._window)
            twin._cache, twin._conversation = self._cache.fork(), self._conversation.copy()
            return twin

    def __copy__(self) -> SinkCache:
        return self.fork()

    def __deepcopy__(self, memo: dict[int, object]) -> SinkCache:
        return self.fork()

    @torch.inference_mode(False)
    @torch.no_grad()
    def batch_select_indices(self, indices: Tensor) -> None:
        """Hold these (n,) sequences instead, in this order."""
        with self._undisturbed():
            if not self.tokens:
                return
            rows = torch.arange(self._conversation.sequences)[torch.as_tensor(indices, device="cpu")]
            self._broken = True
            self._cache.select(rows)
            self._conversation.select(rows.tolist())
            self._broken = False

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Hold each sequence so many times, one after the other."""
        self.batch_select_indices(torch.arange(self._conversation.sequences).repeat_interleave(repeats))

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Hold these (n,) sequences instead, in this order."""
        self.batch_select_indices(beam_idx)

    @contextmanager
    def _undisturbed(self, *, whole: bool = True) -> Iterator[None]:
        """While no turn is under way, and (for what needs a whole cache) none has been interrupted."""
        if not self._turn.acquire(blocking=False):
            raise StreamError("This cache is in use by another call: wait for its end.")
        try:
            if whole:
                self._require_whole()
            yield
        finally:
            self._turn.release()
