"""Load a checkpoint safely: a bundled model, a local folder, or a repository of the Hugging Face Hub.

A checkpoint is data here and never code: weights come from safetensors alone, code that a repository brings
along is neither run nor downloaded, and what is downloaded is a short list of file names.

Family, memory and dtype are decided from the configuration and the sizes of the files alone: one that cannot be
used here is refused before its weights are read or, from the Hub, travel.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
from streaming.checkpoint import CONFIG, read_config, sizes_of, weight_bytes
from streaming.errors import ModelNotFound, ModelUnsupported, SettingsError
from streaming.hub import Progress, fetch, keep_quiet
from streaming.load_errors import damaged, explained, shown
from streaming.placement import auto_dtype, fast_bfloat16, free_bytes, free_bytes_everywhere, must_spread

__all__ = ["LoadedModel", "Progress", "available", "check_hub_id", "load"]

BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "models"

_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_HUB_ID = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}")
_BUNDLED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What a load will do: decided from the config and the sizes alone, before any weight is read."""

    name: str
    config: PreTrainedConfig
    device: torch.device
    dtype: torch.dtype
    spread: bool  # over several devices, through accelerate


def available() -> list[str]:
    """Names of the bundled models, sorted; `load(name)` takes each."""
    if not BUNDLED.is_dir():
        return []
    return sorted(folder.name for folder in BUNDLED.iterdir() if (folder / CONFIG).is_file())


def check_hub_id(text: str) -> str:
    """Return `text` if it has the form of a Hub id, "owner/name"; for what strangers type into a page.

    A text of that form is never taken for a path: `load` asks the Hub for it, whatever folders there are.

    Raises:
        SettingsError: the text has another form.
    """
    odd = ".." in text or "--" in text or text.endswith(".git")
    if odd or not _HUB_ID.fullmatch(text):
        raise SettingsError(f"{shown(text)} is not the id of a Hub model: write owner/name, without a host.")
    return text


def load(
    source: str,
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str | torch.dtype = "auto",
    on_progress: Callable[[Progress], None] | None = None,
) -> LoadedModel:
    """Load the model that `source` names: a bundled model ("sink"), a Hub id ("owner/name"), or a folder.

    A text of the form owner/name is always a Hub id; write ./owner/name for a folder. A Hub model that is in
    the local cache loads from there when the Hub does not answer.

    Args:
        source: bundled name, Hub id, or path of a folder.
        revision: branch, tag or commit of a Hub model; None is its main branch.
        device: "auto" (CUDA when there), "cpu", "cuda" or "cuda:1". A model that is larger than the CUDA
            device is spread over all devices through accelerate, unless the device has a number.
        dtype: "float32", "bfloat16", "float16" or "auto". "auto" on CUDA is bfloat16. On the CPU it is
            float32 below 1 GiB of float32 weights (small models are compared exactly); above, bfloat16 where
            the CPU has instructions for it, otherwise the checkpoint's own, with float32 for float16.
        on_progress: called now and then, one call at a time, from threads of the download too. To stop a
            load, raise a StreamingError.

    Raises:
        SettingsError: an argument is out of range.
        ModelError: the model cannot be used; the subclass says why and the message names the remedy.
    """
    target, chosen = _device(device), _dtype(dtype)
    report = on_progress or (lambda progress: None)

    def admit(name: str, folder: Path, sizes: Mapping[str, int]) -> _Plan:
        return _admit(name, read_config(name, folder), weight_bytes(sizes), target, chosen)

    name, folder = _local_folder(source)
    if folder is None:
        keep_quiet()
        folder = fetch(check_hub_id(name), _revision(revision), admit, report)
    elif revision is not None:
        raise SettingsError(f"{shown(source)} is a folder and has no revisions: leave revision out.")
    sizes = sizes_of(name, folder)
    return _open(admit(name, folder, sizes), folder, weight_bytes(sizes), report)


def _local_folder(source: str) -> tuple[str, Path | None]:
    """The visitor's name of a model and its folder; None for the folder of a Hub id."""
    if not isinstance(source, str) or not source or not source.isprintable():
        raise SettingsError("name a model by its bundled name, Hub id (owner/name) or folder.")
    if _BUNDLED_NAME.fullmatch(source) and (BUNDLED / source).is_dir():
        return source, BUNDLED / source
    if _HUB_ID.fullmatch(source):
        return source, None
    folder = os.path.expanduser(source)
    if not os.path.isdir(folder):
        raise ModelNotFound(
            f"{shown(source)} is no folder, no Hub id (owner/name, without a host) and no bundled model; "
            f"bundled: {', '.join(available()) or 'none'}."
        )
    return Path(folder).resolve().name, Path(folder)


def _revision(revision: str | None) -> str:
    """Check a revision's form: the client makes a file name in its cache of it."""
    if revision is None:
        return "main"
    if not isinstance(revision, str) or ".." in revision or not _REVISION.fullmatch(revision):
        raise SettingsError(f"{shown(revision)} cannot be a revision: give a branch, a tag or a commit.")
    return revision


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


def _admit(
    name: str, config: PreTrainedConfig, stored_bytes: int, device: torch.device, dtype: torch.dtype | None
) -> _Plan:
    """Decide how to load `stored_bytes` (0 if unknown), or refuse: for the family, for the memory."""
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
    dtype = dtype or auto_dtype(device, stored, stored_bytes, fast_bfloat16=fast_bfloat16())
    needed = stored_bytes * dtype.itemsize // stored.itemsize
    free = (free_bytes(device), free_bytes_everywhere())
    spread = must_spread(name, needed, free, device, dtype)
    return _Plan(name=name, config=config, device=device, dtype=dtype, spread=spread)


def _open(plan: _Plan, folder: Path, weight_bytes: int, report: Callable[[Progress], None]) -> LoadedModel:
    """Read tokenizer and weights of a folder that has passed every check."""
    report(Progress(stage="loading", done_bytes=0, total_bytes=weight_bytes))
    with explained(plan.name):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = _read_model(plan, folder)
    families.prepare(model)
    report(Progress(stage="loading", done_bytes=weight_bytes, total_bytes=weight_bytes))
    return LoadedModel(
        name=plan.name,
        model=model,
        tokenizer=tokenizer,
        context=families.context(model.config),
        start_token=families.start_token(model.config, tokenizer),
    )


def _read_model(plan: _Plan, folder: Path) -> PreTrainedModel:
    """The model on its device, in eval mode.

    The dtype is given to the library, never set afterwards: a cast would round the rotary frequencies too.
    """
    attention = families.attn_implementation(plan.config)
    with _ONE_AT_A_TIME, _without_bars(), explained(plan.name):
        model, info = AutoModelForCausalLM.from_pretrained(
            folder,
            config=plan.config,
            dtype=plan.dtype,
            attn_implementation=attention,
            device_map="auto" if plan.spread else None,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    if info["missing_keys"] or info["mismatched_keys"]:  # the library fills these with random numbers
        raise damaged(plan.name)
    if not plan.spread:
        with explained(plan.name):
            model.to(plan.device)
    return model.eval().requires_grad_(False)


@contextmanager
def _without_bars() -> Iterator[None]:
    """Progress is told to whoever asks for it; the library would draw it on the terminal, too."""
    shown = library_logging.is_progress_bar_enabled()
    library_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            library_logging.enable_progress_bar()
