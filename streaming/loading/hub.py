"""Models of the Hugging Face Hub: brought into the local cache, the cheap questions first.

A model passes these stations, so that one that cannot be used here is refused before its weights travel: look it up
(names and sizes of its files), fetch `config.json`, let the caller check it, download.
"""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import huggingface_hub
from huggingface_hub import (
    HfApi,
    get_session,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]  # not in a list
from tqdm import tqdm

from streaming.errors import HubUnreachable, ModelDamaged, ModelNotFound
from streaming.loading import gguf_file
from streaming.loading.checkpoint import CONFIG, INDEX, SINGLE, TEXT_FILES, wanted
from streaming.loading.load_errors import damaged, explained

__all__ = ["Progress", "fetch", "fetch_gguf"]

LOOKUP_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a load has come.

    `stage` is "waiting" (nothing was asked yet), "looking up", "downloading", "converting" or "loading". Bytes count
    from 0 in each stage; `total_bytes` is None where the total is not known.
    """

    stage: Literal["waiting", "looking up", "downloading", "converting", "loading"]
    done_bytes: int
    total_bytes: int | None


def _keep_quiet() -> None:
    """Switch off what the client and the library would tell or ask of others."""
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"  # it would send the id and the token to another host
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # the client read the variable at its import


def fetch(
    name: str,
    revision: str,
    check: Callable[[Path, Mapping[str, int]], object],
    report: Callable[[Progress], None],
) -> Path:
    """Bring a Hub model into the local cache and return its folder there.

    Args:
        name: the Hub id.
        revision: a branch, a tag or a commit.
        check: called with a folder that holds `config.json`, and the bytes of each file that a load reads, before any
            weight is downloaded; to refuse the model, raise a StreamingError.
        report: called as `load`'s `on_progress` is.

    Raises:
        ModelError: the model cannot be had; the subclass says why.
    """
    try:
        info, told = _look_up(name, revision, report)
    except HubUnreachable:
        return _cached(name, revision)
    sizes = {file: told[file] for file in wanted(name, told)}
    with explained(name):
        config = hf_hub_download(name, CONFIG, revision=revision, tqdm_class=_bars(lambda count: None))
    check(Path(config).parent, sizes)
    return _download(name, info, sizes, report)


def fetch_gguf(
    name: str,
    file: str,
    revision: str,
    check: Callable[[gguf_file.Described], object],
    report: Callable[[Progress], None],
) -> Path:
    """Bring one GGUF file of a repository into the local cache and return its path there.

    As `fetch`, but `check` is called with what the file's header says, which is all that travels before.
    """
    try:
        info, told = _look_up(name, revision, report)
    except HubUnreachable:
        with explained(name):
            return Path(hf_hub_download(name, file, revision=revision, local_files_only=True))
    if file not in told:
        there = sorted(each for each in told if each.endswith(gguf_file.SUFFIX))
        raise ModelNotFound(f"'{name}' has no file {file!r}; its GGUF files: {', '.join(there[:8]) or 'none'}.")
    header = gguf_file.read_header(name, partial(_first_bytes, name, file, info.sha or revision))
    check(gguf_file.describe(name, header, told[file]))
    _download(name, info, {file: told[file]}, report)
    with explained(name):  # it is there, and the cache now notes which commit the branch was at
        return Path(hf_hub_download(name, file, revision=revision, tqdm_class=_bars(lambda count: None)))


def _first_bytes(name: str, file: str, commit: str, count: int) -> bytes:
    """The beginning of a file; at most `count` bytes travel, whatever the server sends."""
    headers = build_hf_headers() | {"Range": f"bytes=0-{count - 1}"}
    received = b""
    with explained(name):
        url = hf_hub_url(name, file, revision=commit)
        with get_session().stream("GET", url, headers=headers, timeout=LOOKUP_SECONDS, follow_redirects=True) as answer:
            hf_raise_for_status(answer)
            for block in answer.iter_bytes():
                received += block
                if len(received) >= count:
                    break
    return received[:count]


def _look_up(name: str, revision: str, report: Callable[[Progress], None]) -> tuple[ModelInfo, dict[str, int]]:
    """What the Hub says of a model, and the bytes of its files; asked once, so that a Hub that is down is known."""
    _keep_quiet()
    report(Progress(stage="looking up", done_bytes=0, total_bytes=None))
    try:
        with explained(name):
            info = HfApi().model_info(name, revision=revision, files_metadata=True, timeout=LOOKUP_SECONDS)
    except ModelDamaged as error:
        raise HubUnreachable(
            f"'{name}': what answers is not the Hub. Check the network, its proxy, and HF_ENDPOINT."
        ) from error
    return info, {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}


def _cached(name: str, revision: str) -> Path:
    """The folder of a model that was downloaded before, found without a request; else HubUnreachable."""
    files = [*TEXT_FILES, SINGLE, INDEX, "model-*-of-*.safetensors"]
    with explained(name):
        return Path(snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=files))


def _download(name: str, info: ModelInfo, sizes: Mapping[str, int], report: Callable[[Progress], None]) -> Path:
    """Download the files that the cache lacks, report their bytes, and return their folder."""
    commit = info.sha
    held = {file for file in sizes if isinstance(try_to_load_from_cache(name, file, revision=commit), str)}
    total = sum(size for file, size in sizes.items() if file not in held)

    most = 0  # the bar of bytes written may lag behind the bar of bytes received

    def tell(count: int) -> None:
        nonlocal most
        most = max(most, min(count, total))
        report(Progress(stage="downloading", done_bytes=most, total_bytes=total))

    with explained(name):
        patterns = [glob.escape(file) for file in sizes]
        folder = Path(snapshot_download(name, revision=commit, allow_patterns=patterns, tqdm_class=_bars(tell)))
    tell(total)
    if any(size not in (0, (folder / file).stat().st_size) for file, size in sizes.items()):
        raise damaged(name)
    return folder


def _bars(tell: Callable[[int], None]) -> Any:
    """A progress bar class for the client that draws nothing and tells the bytes received so far.

    The client keeps a bar of bytes received, one of bytes written and one of files.
    """

    class Bar(tqdm):  # type: ignore[type-arg]  # generic for its checker alone
        monitor_interval = 0  # a monitor is a thread for ever, and would keep what `tell` knows alive with it

        def __init__(self, *args: Any, unit: str = "it", **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})
            self.counts_bytes = unit == "B"

        def update(self, n: float | None = 1) -> None:
            with self.get_lock():  # type: ignore[no-untyped-call]  # several files arrive at a time, each in its own thread
                self.n += n or 0
                if self.counts_bytes:
                    tell(int(self.n))

    Bar.set_lock(threading.RLock())
    return Bar
