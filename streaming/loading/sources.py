"""What the name of a model means: a bundled one, a packaged one, a repository of the Hub, a folder, a GGUF file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from streaming.errors import ModelNotFound, SettingsError
from streaming.loading import packaged
from streaming.loading.checkpoint import CONFIG
from streaming.loading.gguf_file import SUFFIX
from streaming.loading.load_errors import shown

__all__ = ["BUNDLED", "Source", "available", "check_hub_id", "check_revision", "find", "names"]

BUNDLED = Path(__file__).resolve().parents[2] / "assets" / "models"

_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_HUB_ID = re.compile(rf"({_PART}/{_PART})(?::([A-Za-z0-9_][A-Za-z0-9_./+-]{{0,200}}\.gguf))?")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}")
_BUNDLED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a model comes from: a path, or the Hub.

    Attributes:
        name: what a visitor sees: bundled or packaged name, folder or file name, Hub id.
        path: a folder with a checkpoint, or a GGUF file; None for a model of the Hub.
        hub_id: of the repository, "" for a path.
        file: the GGUF file in the repository; "" where its safetensors are meant.
    """

    name: str
    path: Path | None = None
    hub_id: str = ""
    file: str = ""


def available() -> list[str]:
    """Names of the bundled models, sorted; `load(name)` takes each."""
    if not BUNDLED.is_dir():
        return []
    return sorted(folder.name for folder in BUNDLED.iterdir() if (folder / CONFIG).is_file())


def names() -> list[str]:
    """All names that `load` takes beside Hub ids and paths: the packaged model, then the bundled ones."""
    return [packaged.NAME, *available()]


def check_hub_id(text: str) -> str:
    """Return `text` if it has the form of a Hub id, "owner/name" or "owner/name:file.gguf"; for what strangers type.

    A text of that form is never taken for a path: `load` asks the Hub for it, whatever folders there are.

    Raises:
        SettingsError: the text has another form.
    """
    repository, _, file = text.partition(":")
    odd = ".." in text or "--" in repository or repository.endswith(".git") or "//" in file
    if odd or not _HUB_ID.fullmatch(text):
        raise SettingsError(f"{shown(text)} is not the id of a Hub model: write owner/name, without a host.")
    return text


def check_revision(revision: str | None) -> str:
    """Check a revision's form: the client makes a file name in its cache of it."""
    if revision is None:
        return "main"
    if not isinstance(revision, str) or ".." in revision or not _REVISION.fullmatch(revision):
        raise SettingsError(f"{shown(revision)} cannot be a revision: give a branch, a tag or a commit.")
    return revision


def find(text: str) -> Source:
    """What `text` names.

    Raises:
        SettingsError: it is no text, or has the form of nothing.
        ModelNotFound: there is no such path.
    """
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise SettingsError("name a model by its bundled name, Hub id (owner/name), folder or GGUF file.")
    if text == packaged.NAME:
        return Source(name=text, hub_id=packaged.HUB_ID)
    if _BUNDLED_NAME.fullmatch(text) and (BUNDLED / text).is_dir():
        return Source(name=text, path=BUNDLED / text)
    if found := _HUB_ID.fullmatch(text):
        return Source(name=check_hub_id(text), hub_id=found[1], file=found[2] or "")
    return _local(text)


def _local(text: str) -> Source:
    path = Path(os.path.expanduser(text))
    is_file = path.suffix.lower() == SUFFIX and os.path.isfile(path)
    if not is_file and not os.path.isdir(path):
        raise ModelNotFound(
            f"{shown(text)} is no folder, no GGUF file, no Hub id (owner/name, without a host) and none of the models "
            f"known by name: {', '.join(names())}."
        )
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{shown(text)} has bytes in its path that are no UTF-8: rename it.") from None
    return Source(name=path.resolve().name, path=path)
