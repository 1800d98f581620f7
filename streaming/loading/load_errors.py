"""What can go wrong while a checkpoint is fetched and read, in this project's words."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is that of the client it uses
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from streaming.errors import (
    HubUnreachable,
    ModelDamaged,
    ModelError,
    ModelGated,
    ModelNotFound,
    ModelTooLarge,
    ModelUnsupported,
    StreamingError,
)

__all__ = ["damaged", "explained", "shown"]

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
def explained(name: str) -> Iterator[None]:
    """Turn exceptions of the client and the library into ours."""
    try:
        yield
    except StreamingError:
        raise
    except Exception as error:
        raise _explain(name, error) from error


def damaged(name: str) -> ModelDamaged:
    """The error of a checkpoint whose files are not what they should be."""
    return ModelDamaged(f"'{name}' {_DAMAGED[1]}")


def shown(value: object) -> str:
    """A caller's text for a message: quoted, on one line, at most 80 characters of it."""
    return repr(value if not isinstance(value, str) or len(value) <= 80 else value[:80] + "…")
