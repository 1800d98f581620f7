"""Models of the Hugging Face Hub: brought into the local cache, the cheap questions first.

A model passes these stations, so that one that cannot be used here is refused before its weights travel: look it up
(names and sizes of its files), fetch `config.json`, let the caller check it, download.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import HfApi, hf_hub_download, snapshot_download, try_to_load_from_cache
from huggingface_hub.hf_api import ModelInfo
from tqdm import tqdm

from streaming.checkpoint import CONFIG, INDEX, SINGLE, TEXT_FILES, wanted
from streaming.errors import HubUnreachable, ModelDamaged
from streaming.load_errors import damaged, explained

__all__ = ["Progress", "fetch", "keep_quiet"]

LOOKUP_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a load has come.

    `stage` is "looking up", "downloading" or "loading". Bytes count from 0 in each stage; `total_bytes` is
    None where the total is not known.
    """

    stage: str
    done_bytes: int
    total_bytes: int | None


def keep_quiet() -> None:
    """Switch off what the client and the library would tell or ask of others."""
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"  # it would send the id and the token to another host
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # the client read the variable at its import


def fetch(
    name: str,
    revision: str,
    check: Callable[[str, Path, Mapping[str, int]], object],
    report: Callable[[Progress], None],
) -> Path:
    """Bring a Hub model into the local cache and return its folder there.

    Args:
        name: the Hub id.
        revision: a branch, a tag or a commit.
        check: called with the name, a folder that holds `config.json`, and the bytes of each file that a load
            reads, before any weight is downloaded; to refuse the model, raise a StreamingError.
        report: called as `load`'s `on_progress` is.

    Raises:
        ModelError: the model cannot be had; the subclass says why.
    """
    report(Progress(stage="looking up", done_bytes=0, total_bytes=None))
    try:
        info = _look_up(name, revision)
    except HubUnreachable:
        return _cached(name, revision)
    told = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    sizes = {file: told[file] for file in wanted(name, told)}
    with explained(name):
        config = hf_hub_download(name, CONFIG, revision=revision, tqdm_class=_bars(lambda count: None))
    check(name, Path(config).parent, sizes)
    folder = _download(name, info.sha, sizes, report)
    if any(size not in (0, (folder / file).stat().st_size) for file, size in sizes.items()):
        raise damaged(name)
    return folder


def _look_up(name: str, revision: str) -> ModelInfo:
    """One request, not repeated: a Hub that is down is known at once."""
    try:
        with explained(name):
            return HfApi().model_info(name, revision=revision, files_metadata=True, timeout=LOOKUP_SECONDS)
    except ModelDamaged as error:
        raise HubUnreachable(
            f"'{name}': what answers is not the Hub. Check the network, its proxy, and HF_ENDPOINT."
        ) from error


def _cached(name: str, revision: str) -> Path:
    """The folder of a model that was downloaded before, found without a request; else HubUnreachable."""
    files = [*TEXT_FILES, SINGLE, INDEX, "model-*-of-*.safetensors"]
    with explained(name):
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

    with explained(name):
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
