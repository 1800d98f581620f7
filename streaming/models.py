"""Load a checkpoint safely: a model known by its name, a folder, a GGUF file, or a repository of the Hugging Face Hub.

A checkpoint is data here and never code: weights come from safetensors and GGUF alone, code that a repository brings
along is neither run nor downloaded, and what is downloaded is a short list of file names.

Family, memory and dtype are decided from the configuration and the sizes of the files alone: one that cannot be
used here is refused before its weights are read or, from the Hub, travel.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as library_logging

from streaming import families
from streaming.errors import HubUnreachable, ModelUnsupported, SettingsError
from streaming.loading import gguf_file, packaged, sources
from streaming.loading.checkpoint import read_config, sizes_of, weight_bytes
from streaming.loading.hub import Progress, fetch, fetch_gguf
from streaming.loading.load_errors import damaged, explained, shown
from streaming.loading.placement import auto_dtype, fast_bfloat16, free_bytes, free_bytes_everywhere, must_spread
from streaming.loading.sources import BUNDLED, Source, available, check_hub_id, names

__all__ = ["BUNDLED", "LoadedModel", "Progress", "available", "check_hub_id", "default", "load", "names"]

_Report = Callable[[Progress], None]

_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,2})?")
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

# transformers changes torch's default dtype and its weight initialisers while it builds a model:
# two loads at a time would build each other's weights.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A model that is ready to stream.

    `name` is what a visitor sees (bundled name, folder name or Hub id), `model` is in eval mode and takes no
    gradients, `context` is the length in tokens that it was trained on, and `start_token` is the token id
    that is read once at the start of every stream, where the family has one.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    context: int
    start_token: int | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the caller wants a model, and in what; None for the dtype is the rule's choice."""

    device: torch.device
    dtype: torch.dtype | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What a load will do: decided from the config and the sizes alone, before any weight is read."""

    name: str
    config: PreTrainedConfig
    device: torch.device
    dtype: torch.dtype
    spread: bool  # over several devices, through accelerate


def default() -> str:
    """The name of the model to begin with: a real language model where one is on this machine, else a tiny one."""
    return packaged.NAME if packaged.is_here() else "sink"


def load(
    source: str,
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str | torch.dtype = "auto",
    on_progress: Callable[[Progress], None] | None = None,
) -> LoadedModel:
    """Load the model that `source` names: by a name of `names()`, a Hub id, a folder, or a GGUF file.

    A text of the form owner/name is always a Hub id; write ./owner/name for a folder. owner/name:file.gguf is a GGUF
    file of the Hub. A Hub model that is in the local cache loads from there when the Hub does not answer.

    Args:
        source: "smollm2", a bundled name ("sink"), a Hub id, or the path of a folder or of a GGUF file.
        revision: branch, tag or commit of a Hub model; None is its main branch.
        device: "auto" (CUDA when there), "cpu", "cuda" or "cuda:1". A model that is larger than the CUDA
            device is spread over all devices through accelerate, unless the device has a number.
        dtype: "float32", "bfloat16", "float16" or "auto". "auto" on CUDA is bfloat16. On the CPU it is
            bfloat16 where the CPU has instructions for it and it was measured to gain, from 64 MiB of float32
            weights on; otherwise float32, and from 1 GiB on the checkpoint's own, with float32 for float16.
            The weights of a GGUF file are unpacked, and count as bfloat16 where they have fewer bits.
        on_progress: called now and then, one call at a time, from threads of the download too. To stop a
            load, raise a StreamingError.

    Raises:
        SettingsError: an argument is out of range.
        ModelError: the model cannot be used; the subclass says why and the message names the remedy.
    """
    place = _Place(_device(device), _dtype(dtype))
    report = on_progress or (lambda progress: None)
    found = sources.find(source)
    if found.path is not None and revision is not None:
        raise SettingsError(f"{shown(source)} is on this machine and has no revisions: leave revision out.")
    commit = sources.check_revision(revision)
    if found.name == packaged.NAME:
        return _load_packaged(found, commit, place, report)
    if found.file or (found.path and found.path.is_file()):
        return _load_gguf(found, commit, place, report)
    return _load_folder(found, commit, place, report)


def _load_packaged(found: Source, commit: str, place: _Place, report: _Report) -> LoadedModel:
    """From the package's file where that is here, else the original of the Hub."""
    folder = packaged.folder(report)
    try:
        return _load_folder(replace(found, path=folder), commit, place, report)
    except HubUnreachable as error:
        raise packaged.absent() from error


def _load_folder(found: Source, commit: str, place: _Place, report: _Report) -> LoadedModel:
    """A checkpoint with safetensors."""

    def admit(folder: Path, sizes: Mapping[str, int]) -> _Plan:
        return _admit(found.name, read_config(found.name, folder), weight_bytes(sizes), place)

    folder = found.path or fetch(found.hub_id, commit, admit, report)
    sizes = sizes_of(found.name, folder)
    plan = admit(folder, sizes)
    report(Progress(stage="loading", done_bytes=0, total_bytes=weight_bytes(sizes)))
    with explained(plan.name):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = _read_model(plan, AutoModelForCausalLM.from_pretrained, folder, use_safetensors=True, local_files_only=True)
    report(Progress(stage="loading", done_bytes=weight_bytes(sizes), total_bytes=weight_bytes(sizes)))
    return _ready(plan, model, tokenizer)


def _load_gguf(found: Source, commit: str, place: _Place, report: _Report) -> LoadedModel:
    """A GGUF file."""

    def admit(described: gguf_file.Described) -> _Plan:
        size = described.parameters * described.dtype.itemsize
        return _admit(found.name, described.config, size, place)

    path = found.path or fetch_gguf(found.hub_id, found.file, commit, admit, report)
    described = gguf_file.describe_file(found.name, path)
    plan = admit(described)
    total = described.parameters * plan.dtype.itemsize
    gguf_file.set_factors(path, described)
    tokenizer = gguf_file.read_tokenizer(found.name, path, described.header)

    def tell(numbers: int) -> None:
        report(Progress(stage="loading", done_bytes=min(total, numbers * plan.dtype.itemsize), total_bytes=total))

    tell(0)
    with explained(plan.name):
        weights = gguf_file.read_weights(path, described, plan.dtype, tell)
    model = _read_model(plan, described.model_class.from_pretrained, None, state_dict=weights)
    gguf_file.stretch(path, described, model)
    return _ready(plan, model, tokenizer)


def _device(text: str) -> torch.device:
    if not isinstance(text, str) or not _DEVICE.fullmatch(text):
        raise SettingsError(f"device is 'auto', 'cpu', 'cuda' or 'cuda:0', not {shown(text)}.")
    if text == "auto":
        text = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(text)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsError(f"there is no device {text} here: use device='auto' or device='cpu'.")
    return device


def _dtype(dtype: str | torch.dtype) -> torch.dtype | None:
    name = str(dtype).removeprefix("torch.")
    if name != "auto" and name not in _DTYPES:
        raise SettingsError(f"dtype is 'auto', {', '.join(map(repr, _DTYPES))}, not {shown(dtype)}.")
    return _DTYPES.get(name)


def _admit(name: str, config: PreTrainedConfig, stored_bytes: int, place: _Place) -> _Plan:
    """Decide how to load `stored_bytes` (0 if unknown), or refuse: for the family, for the memory."""
    device = place.device
    try:
        families.check(config)
    except ModelUnsupported as error:
        raise ModelUnsupported(f"'{name}': {error}") from error
    architectures = getattr(config, "architectures", None) or ["ForCausalLM"]
    causal = any(kind.endswith(("ForCausalLM", "LMHeadModel")) for kind in architectures)
    if not causal or type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ModelUnsupported(f"'{name}' is not a causal language model: choose one that continues a text.")
    if getattr(config, "quantization_config", None) is not None:
        raise ModelUnsupported(f"'{name}' is quantised: choose the model that it was made of.")
    stored = getattr(config, "dtype", None) or torch.float32
    dtype = place.dtype or auto_dtype(device, stored, stored_bytes, fast_bfloat16=fast_bfloat16())
    needed = stored_bytes * dtype.itemsize // stored.itemsize
    free = (free_bytes(device), free_bytes_everywhere())
    spread = must_spread(name, needed, free, device, dtype)
    return _Plan(name=name, config=config, device=device, dtype=dtype, spread=spread)


def _read_model(
    plan: _Plan, from_pretrained: Callable[..., Any], folder: Path | None, **weights: object
) -> PreTrainedModel:
    """The model on its device, in eval mode.

    The dtype is given to the library, never set afterwards: a cast would round the rotary frequencies too.
    """
    model: Any  # the library's own methods are not typed
    with _ONE_AT_A_TIME, _without_bars(), explained(plan.name):
        model, info = from_pretrained(
            folder,
            config=plan.config,
            dtype=plan.dtype,
            device_map="auto" if plan.spread else None,
            trust_remote_code=False,
            output_loading_info=True,
            **weights,
        )
    if info["missing_keys"] or info["mismatched_keys"]:  # the library fills these with random numbers
        raise damaged(plan.name)
    if not plan.spread:
        with explained(plan.name):
            model.to(plan.device)
    ready: PreTrainedModel = model.eval().requires_grad_(False)
    return ready


def _ready(plan: _Plan, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> LoadedModel:
    return LoadedModel(
        name=plan.name,
        model=model,
        tokenizer=tokenizer,
        context=families.context(model.config),
        start_token=families.start_token(model.config, tokenizer),
    )


@contextmanager
def _without_bars() -> Iterator[None]:
    """Progress is told to whoever asks for it; the library would draw it on the terminal, too."""
    shown = library_logging.is_progress_bar_enabled()
    library_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the library's
    try:
        yield
    finally:
        if shown:
            library_logging.enable_progress_bar()  # type: ignore[no-untyped-call]  # the library's
