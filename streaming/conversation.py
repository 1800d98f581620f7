"""Which ids a cache has read, by which model in which state: what goes on with them, and what does not.

The ids are known by their digest, one for each sequence, which costs no memory.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from streaming.errors import SettingsError
from streaming.view import device_of

__all__ = ["ANEW", "Conversation"]

ANEW = "call its reset() to start anew"
"""What a user does whose cache is of no use any more."""


class Conversation:
    """What has been read so far, of one or several sequences of the same length."""

    def __init__(self) -> None:
        """Nothing, of no model."""
        self._read: list[Any] = []  # a running digest of the ids of each sequence
        self._model: weakref.ref[PreTrainedModel] | None = None
        self._state: tuple[object, ...] = ()

    @property
    def sequences(self) -> int:
        """How many; 0 before the first token."""
        return len(self._read)

    def begin(self, model: PreTrainedModel, view: PreTrainedModel, sequences: int) -> None:
        """So many, of this model, as its view is now."""
        self._model, self._state = weakref.ref(model), _state(view)
        self._read = [hashlib.blake2b() for _ in range(sequences)]

    def add(self, ids: Tensor) -> None:
        """These (B, m) ids were read, too."""
        for digest, row in zip(self._read, ids, strict=True):
            digest.update(_bytes(row))

    def require_same(self, model: PreTrainedModel, view: PreTrainedModel, ids: Tensor, tokens: int) -> None:
        """Raise SettingsError where (B, n) ids do not go on with the `tokens` that this model has read."""
        if self._model is None or self._model() is not model or self._state != _state(view):
            raise SettingsError(
                "This cache was filled by another model, or its model has been changed since (trained, moved, cast, "
                f"given another adapter): {ANEW}."
            )
        if len(ids) != self.sequences:
            raise SettingsError(
                f"This cache has read {self.sequences} sequences, and input_ids has {len(ids)}: {ANEW}, or give it "
                f"as many (batch_repeat_interleave, batch_select_indices)."
            )
        if not ids.shape[1]:
            raise SettingsError("input_ids is empty, and something must be read: begin with the start token.")
        known = [_digest(row[:tokens]) for row in ids]
        if ids.shape[1] < tokens or known != [digest.digest() for digest in self._read]:
            raise SettingsError(
                f"This cache has read {tokens} tokens with which input_ids does not begin: it belongs to another "
                "conversation, or this one was edited since (some chat templates do that), or its last turn did not "
                f"end: {ANEW}, or pass the ids as they were read."
            )
        if ids.shape[1] == tokens:
            raise SettingsError("This cache has read all of input_ids already: add the ids of the new turn to them.")

    def select(self, rows: Sequence[int]) -> None:
        """These sequences instead, in this order; one may come several times."""
        self._read = [self._read[row].copy() for row in rows]

    def copy(self) -> Conversation:
        """An independent one that has read the same."""
        twin = Conversation()
        twin._read = [digest.copy() for digest in self._read]
        twin._model, twin._state = self._model, self._state
        return twin


def _bytes(ids: Tensor) -> bytes:
    return ids.to("cpu", torch.int64).contiguous().numpy().tobytes()


def _digest(ids: Tensor) -> bytes:
    return hashlib.blake2b(_bytes(ids)).digest()


def _state(model: PreTrainedModel) -> tuple[object, ...]:
    """What, of the model, the keys in a cache depend on, as far as it can be told at little cost."""
    device = device_of(model)
    autocast = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    written = sum(0 if each.is_inference() else each._version for each in model.parameters())
    return device, model.dtype, autocast, written, tuple(map(_adapters, model.modules()))


def _adapters(module: nn.Module) -> object:
    """Which of a layer's adapters (PEFT's) are on."""
    own = vars(module)
    return repr((own["_active_adapter"], own.get("_disable_adapters"))) if "_active_adapter" in own else None
