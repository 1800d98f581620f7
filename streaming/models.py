"""Load a checkpoint safely: a bundled model, a local folder, or a repository of the Hugging Face Hub.

A checkpoint is data here and never code: weights come from safetensors alone, code that a repository brings
along is neither run nor downloaded, and what is downloaded is a short list of file names.

A Hub model passes these stations, the cheap ones first, so that one that cannot be used here is refused
before its weights travel: look it up (names and sizes of its files), fetch `config.json`, check family and
memory, download, load from the local copy without any further request.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
import psutil
import torch
from huggingface_hub import HfApi, hf_hub_download, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo
from tqdm import tqdm
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as library_logging

from streaming import families
from streaming.errors import (
    HubUnreachable,
    ModelDamaged,
    ModelError,
    ModelGated,
    ModelNotFound,
    ModelTooLarge,
    ModelUnsafe,
    ModelUnsupported,
    SettingsError,
    StreamingError,
)

__all__ = ["LoadedModel", "Progress", "available", "check_hub_id", "load"]

BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "models"

LOOKUP_SECONDS = 10.0
SMALL_BYTES = 2**30  # a model below this size in float32 stays in float32 on the CPU

CONFIG = "config.json"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
TEXT_FILES = (
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")

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
class Progress:
    """How far a load has come.

    `stage` is "looking up", "downloading" or "loading". Bytes count from 0 in each stage; `total_bytes` is
    None where the total is not known.
    """

    stage: str
    done_bytes: int
    total_bytes: int | None


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
        raise SettingsError(f"{_shown(text)} is not the id of a Hub model: write owner/name, without a host.")
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
        return _admit(name, _read_config(name, folder), _weight_bytes(sizes), target, chosen)

    name, folder = _local_folder(source)
    if folder is None:
        _keep_quiet()
        folder = _fetch(check_hub_id(name), _revision(revision), admit, report)
    elif revision is not None:
        raise SettingsError(f"{_shown(source)} is a folder and has no revisions: leave revision out.")
    sizes = _sizes(name, folder)
    return _open(admit(name, folder, sizes), folder, _weight_bytes(sizes), report)


# ---------------------------------------------------------------------------------------------- arguments


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
            f"{_shown(source)} is no folder, no Hub id (owner/name, without a host) and no bundled model; "
            f"bundled: {', '.join(available()) or 'none'}."
        )
    return Path(folder).resolve().name, Path(folder)


def _revision(revision: str | None) -> str:
    """Check a revision's form: the client makes a file name in its cache of it."""
    if revision is None:
        return "main"
    if not isinstance(revision, str) or ".." in revision or not _REVISION.fullmatch(revision):
        raise SettingsError(f"{_shown(revision)} cannot be a revision: give a branch, a tag or a commit.")
    return revision


def _device(text: str) -> torch.device:
    if not isinstance(text, str) or not _DEVICE.fullmatch(text):
        raise SettingsError(f"device is 'auto', 'cpu', 'cuda' or 'cuda:0', not {_shown(text)}.")
    if text == "auto":
        text = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(text)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsError(f"there is no device {text} here: use device='auto' or device='cpu'.")
    return device


def _dtype(dtype: str | torch.dtype) -> torch.dtype | None:
    name = str(dtype).removeprefix("torch.")
    if name != "auto" and name not in _DTYPES:
        raise SettingsError(f"dtype is 'auto', {', '.join(map(repr, _DTYPES))}, not {_shown(dtype)}.")
    return _DTYPES.get(name)


def _shown(value: object) -> str:
    """A caller's text for a message: quoted, on one line, at most 80 characters of it."""
    return repr(value if not isinstance(value, str) or len(value) <= 80 else value[:80] + "…")


# -------------------------------------------------------------------------- what a checkpoint is made of


def _wanted(name: str, files: Iterable[str]) -> list[str]:
    """The files of a checkpoint that a load reads, of all that there are."""
    files = set(files)
    weights = [SINGLE] if SINGLE in files else sorted(filter(SHARD.fullmatch, files))
    if SINGLE not in files and INDEX in files:
        weights.append(INDEX)
    if CONFIG not in files:
        raise ModelUnsupported(f"'{name}' has no {CONFIG}: choose a model in the format of transformers.")
    if not weights and any(file.endswith(PICKLES) for file in files):
        raise ModelUnsafe(
            f"'{name}' has its weights in pickle files, which can run code: choose a model with safetensors."
        )
    if not weights:
        raise ModelUnsupported(f"'{name}' has no weights in {SINGLE}: choose a model with safetensors.")
    return weights + [file for file in TEXT_FILES if file in files]


def _sizes(name: str, folder: Path) -> dict[str, int]:
    """Bytes of each file that a load reads of a folder, whose shards are those that its index names."""
    with _explained(name):
        sizes = {file: (folder / file).stat().st_size for file in _wanted(name, os.listdir(folder))}
        if INDEX in sizes:
            shards = set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values())
            if not shards <= sizes.keys():
                raise _damaged(name)
    return sizes


def _weight_bytes(sizes: Mapping[str, int]) -> int:
    return sum(size for file, size in sizes.items() if file.endswith(".safetensors"))


def _read_config(name: str, folder: Path) -> PreTrainedConfig:
    """A config object of this load's own, of a type that the library knows without the repository's code."""
    if not (folder / CONFIG).is_file():
        raise _damaged(name)
    with _explained(name):
        raw = dict(json.loads((folder / CONFIG).read_text("utf-8")))
        kind = raw.get("model_type")
        if kind in CONFIG_MAPPING:
            return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if "auto_map" in raw:
        raise ModelUnsafe(f"'{name}' needs code of its own, never run here: choose a model that transformers knows.")
    raise ModelUnsupported(
        f"'{name}' is of the type {_shown(kind)}, which transformers does not know: choose another model, "
        "or a newer transformers."
    )


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
    dtype = dtype or _auto_dtype(device, stored, stored_bytes, fast_bfloat16=_fast_bfloat16())
    needed = stored_bytes * dtype.itemsize // stored.itemsize
    free = (_free_bytes(device), _free_bytes_everywhere())
    spread = _must_spread(name, needed, free, device, dtype)
    return _Plan(name=name, config=config, device=device, dtype=dtype, spread=spread)


# ------------------------------------------------------------------------------------ dtype and memory


def _auto_dtype(device: torch.device, stored: torch.dtype, stored_bytes: int, *, fast_bfloat16: bool) -> torch.dtype:
    """The rule of `load`'s dtype="auto" for `stored_bytes` of weights in dtype `stored`."""
    if device.type == "cuda":
        return torch.bfloat16
    if stored_bytes * 4 // stored.itemsize < SMALL_BYTES:
        return torch.float32
    if fast_bfloat16:
        return torch.bfloat16
    return torch.float32 if stored == torch.float16 else stored


def _fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AVX512-BF16, AMX, Arm's BF16), as Linux tells it."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text("utf-8").split())
    except OSError:
        return False
    return not flags.isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})


def _must_spread(name: str, needed: int, free: tuple[int, int], device: torch.device, dtype: torch.dtype) -> bool:
    """False if `needed` bytes fit on the device, True if only on all devices together; else ModelTooLarge.

    `free` is the bytes that are free on the device, and on all devices together.
    """
    on_device, everywhere = free
    if needed <= on_device:
        return False
    problem = (
        f"'{name}' needs {_gigabytes(needed)} for its weights in {str(dtype).removeprefix('torch.')}, "
        f"and {_gigabytes(on_device)} are free on {device}"
    )
    if device.type == "cpu" or device.index is not None or needed > everywhere:
        raise ModelTooLarge(f"{problem}: choose a smaller model, a dtype of fewer bytes, or free memory.")
    if importlib.util.find_spec("accelerate") is None:
        raise ModelTooLarge(f"{problem}: to spread it over all devices, run `pip install accelerate`.")
    return True


def _free_bytes(device: torch.device) -> int:
    """Memory that is free for weights: on the CUDA device, or here, within the container's limit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    limit = _container_limit(Path("/sys/fs/cgroup"))
    # The container's own count includes files that the system has cached: count this process instead.
    return free if limit is None else min(free, limit - psutil.Process().memory_info().rss)


def _free_bytes_everywhere() -> int:
    cuda = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return sum(map(_free_bytes, [torch.device("cpu"), *cuda]))


def _container_limit(root: Path) -> int | None:
    """Bytes that the control group allows, of version 2 or 1; None where there is no limit."""
    for file in (root / "memory.max", root / "memory" / "memory.limit_in_bytes"):
        try:
            return int(file.read_text("ascii"))
        except (OSError, ValueError):  # no such file, or the word "max"
            continue
    return None


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


# ------------------------------------------------------------------------------------------- the Hub


def _keep_quiet() -> None:
    """Switch off what the client and the library would tell or ask of others."""
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"  # it would send the id and the token to another host
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # the client read the variable at its import


def _fetch(
    name: str,
    revision: str,
    admit: Callable[[str, Path, Mapping[str, int]], _Plan],
    report: Callable[[Progress], None],
) -> Path:
    """Bring a Hub model into the local cache and return its folder there."""
    report(Progress(stage="looking up", done_bytes=0, total_bytes=None))
    try:
        info = _look_up(name, revision)
    except HubUnreachable:
        return _cached(name, revision)
    told = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    sizes = {file: told[file] for file in _wanted(name, told)}
    with _explained(name):
        config = hf_hub_download(name, CONFIG, revision=revision, tqdm_class=_bars(lambda count: None))
    admit(name, Path(config).parent, sizes)
    folder = _download(name, info.sha, sizes, report)
    if any(size not in (0, (folder / file).stat().st_size) for file, size in sizes.items()):
        raise _damaged(name)
    return folder


def _look_up(name: str, revision: str) -> ModelInfo:
    """One request, not repeated: a Hub that is down is known at once."""
    try:
        with _explained(name):
            return HfApi().model_info(name, revision=revision, files_metadata=True, timeout=LOOKUP_SECONDS)
    except ModelDamaged as error:
        raise HubUnreachable(
            f"'{name}': what answers is not the Hub. Check the network, its proxy, and HF_ENDPOINT."
        ) from error


def _cached(name: str, revision: str) -> Path:
    """The folder of a model that was downloaded before, found without a request; else HubUnreachable."""
    files = [*TEXT_FILES, SINGLE, INDEX, "model-*-of-*.safetensors"]
    with _explained(name):
        return Path(snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=files))


def _download(name: str, commit: str, sizes: Mapping[str, int], report: Callable[[Progress], None]) -> Path:
    """Download the files that the cache lacks, and report their bytes."""
    held = {file for file in sizes if isinstance(try_to_load_from_cache(name, file, revision=commit), str)}
    total = sum(size for file, size in sizes.items() if file not in held)

    most = 0  # the bar of bytes written may lag behind the bar of bytes received

    def tell(count: int) -> None:
        nonlocal most
        most = max(most, min(count, total))
        report(Progress(stage="downloading", done_bytes=most, total_bytes=total))

    with _explained(name):
        folder = snapshot_download(name, revision=commit, allow_patterns=list(sizes), tqdm_class=_bars(tell))
    tell(total)
    return Path(folder)


def _bars(tell: Callable[[int], None]) -> type[tqdm]:
    """A progress bar class for the client that draws nothing and tells the bytes received so far.

    The client keeps a bar of bytes received, one of bytes written and one of files.
    """

    class Bar(tqdm):
        monitor_interval = 0  # a monitor is a thread for ever, and would keep what `tell` knows alive with it

        def __init__(self, *args: Any, unit: str = "it", **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})
            self.counts_bytes = unit == "B"

        def update(self, n: float | None = 1) -> None:
            with self.get_lock():  # several files arrive at a time, each in its own thread
                self.n += n or 0
                if self.counts_bytes:
                    tell(int(self.n))

    Bar.set_lock(threading.RLock())
    return Bar


# -------------------------------------------------------------------------------------------- loading


def _open(plan: _Plan, folder: Path, weight_bytes: int, report: Callable[[Progress], None]) -> LoadedModel:
    """Read tokenizer and weights of a folder that has passed every check."""
    report(Progress(stage="loading", done_bytes=0, total_bytes=weight_bytes))
    with _explained(plan.name):
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
    with _ONE_AT_A_TIME, _without_bars(), _explained(plan.name):
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
        raise _damaged(plan.name)
    if not plan.spread:
        with _explained(plan.name):
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


# --------------------------------------------------------------------------------------------- errors

_UNREACHABLE = (
    HubUnreachable,
    "could not be fetched: the Hub does not answer, and the model is not in the local cache. Check the "
    "network and load it again, which goes on with the files that are still lacking.",
)
_GATED = (
    ModelGated,
    "is not open to this account: accept its licence on its page of the Hub, then set HF_TOKEN to a token of "
    "the account that accepted it.",
)
_ABSENT = (
    ModelNotFound,
    "is not on the Hub, or it is private: check the spelling; for a private model set HF_TOKEN; "
    "for a folder write ./ before its path.",
)
_NO_REVISION = (ModelNotFound, "has no such revision: see the branches, tags and commits on its Hub page.")
_DAMAGED = (
    ModelDamaged,
    "has a file that is missing, cut short, or not what it should be: delete its copy (for a Hub model, its "
    "folder in the Hub's cache) and fetch it again.",
)
_TOO_LARGE = (ModelTooLarge, "does not fit into the free memory: choose a smaller model, or free memory.")
_LACKS_PACKAGE = (ModelUnsupported, "needs a Python package that is not there; the log names it: install it.")

_Meaning = tuple[type[ModelError], str]
_BY_STATUS = {401: _GATED, 403: _GATED, 404: _ABSENT}
# The first line that fits counts: a class stands before its bases.
_BY_TYPE: tuple[tuple[tuple[type[Exception], ...], _Meaning], ...] = (
    ((GatedRepoError,), _GATED),
    ((RepositoryNotFoundError,), _ABSENT),
    ((RevisionNotFoundError,), _NO_REVISION),
    ((RemoteEntryNotFoundError,), _DAMAGED),
    ((LocalEntryNotFoundError, HTTPError, ConnectionError, TimeoutError), _UNREACHABLE),
    ((MemoryError, torch.OutOfMemoryError), _TOO_LARGE),
    ((ImportError,), _LACKS_PACKAGE),
    ((Exception,), _DAMAGED),  # what a file or a config that makes no sense can raise has no end
)
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}


def _explain(name: str, error: Exception) -> ModelError:
    """What an exception of the client or the library means, in this project's words.

    Nothing of the original message is taken over: it may hold addresses and file names of this machine.
    """
    if isinstance(error, OSError) and error.errno in _DISK:
        why = os.strerror(error.errno)
        return ModelError(f"'{name}' cannot be stored or read here ({why}): make room, or open its folder.")
    meaning = next(meaning for kinds, meaning in _BY_TYPE if isinstance(error, kinds))
    if isinstance(error, HfHubHTTPError) and meaning is _UNREACHABLE:
        meaning = _BY_STATUS.get(error.response.status_code, meaning)
    return meaning[0](f"'{name}' {meaning[1]}")


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn exceptions of the client and the library into ours."""
    try:
        yield
    except StreamingError:
        raise
    except Exception as error:
        raise _explain(name, error) from error


def _damaged(name: str) -> ModelDamaged:
    return ModelDamaged(f"'{name}' {_DAMAGED[1]}")
