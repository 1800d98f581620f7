"""A checkpoint: tensors and plain values in one safetensors file, so that a kill at any moment leaves a whole one.

The values stand as JSON in the file's own header. Nothing is pickled: to load a checkpoint runs no code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from comparisons.documents import parsed
from comparisons.files import clear_unfinished, write_whole
from streaming.errors import RecordingError, StreamError

__all__ = ["clean", "load", "save"]

_KEY = "values"


def save(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and what JSON can say (floats come back to the last bit).

    Raises:
        StreamError: the file cannot be written; what was there before is still whole.
    """
    tensors = {name: x for name, x in state.items() if isinstance(x, Tensor)}
    values = json.dumps({name: x for name, x in state.items() if name not in tensors})
    try:
        write_whole(path, safetensors.torch.save(tensors, metadata={_KEY: values}))
    except OSError as error:
        raise StreamError(
            f"The checkpoint {path} cannot be written ({error.strerror}): make room or name another folder, "
            "then go on from the last one with --resume."
        ) from error


def load(path: Path) -> dict[str, Any]:
    """What `save` was given, tensors on the CPU.

    Raises:
        RecordingError: the file is damaged, or no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no dict)
            return {**tensors, **parsed(file.metadata()[_KEY])}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{path} is damaged or no checkpoint: begin anew in another folder.") from error


def clean(path: Path) -> None:
    """Remove what writers of this checkpoint that were killed have left behind."""
    clear_unfinished(path)
