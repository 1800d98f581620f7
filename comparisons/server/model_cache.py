"""The models that visitors read with: loaded once for all of them, and few at a time.

The server's own model is always there, and a bundled one stays once it was asked for. Of the Hub's models only
`MOST_GUESTS` are held; the one that was borrowed longest ago makes room, unless a run still reads with it.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from streaming import models
from streaming.errors import ModelError, ModelGated, ModelNotFound, ModelTooLarge, StreamingError
from streaming.loading import packaged
from streaming.models import LoadedModel, Progress

__all__ = ["MOST_GUESTS", "Copy", "ModelCache"]

MOST_GUESTS = 2
"""Hub models in memory at a time, beside the server's own and the bundled ones."""


class _NobodyWaits(StreamingError):
    """Ends a load that its last reader has left."""


@dataclass(eq=False, kw_only=True, slots=True)
class Copy:
    """A model in the cache, or on its way there.

    Attributes:
        name: one of `models.names()`, or a Hub id.
        stays: whether it never makes room for another.
        readers: how many have borrowed it now.
        progress: of its load.
        loaded: the model, once it is there, or the reason why not.
    """

    name: str
    stays: bool
    readers: int = 0
    progress: Progress | None = None
    loaded: Future[LoadedModel] = field(default_factory=Future)


class ModelCache:
    """A server's models. Whoever borrows one gets it, or the copy that somebody else is already loading."""

    def __init__(self, own: LoadedModel) -> None:
        """Put the server's own model in the cache."""
        self._lock = threading.RLock()
        self._own = own.name
        self._copies = {own.name: Copy(name=own.name, stays=True)}  # the one borrowed last stands last
        self._copies[own.name].loaded.set_result(own)

    def is_near(self, name: str) -> bool:
        """Whether a model is here, or can be opened without a network."""
        return name in self._copies or name in models.available() or (name == packaged.NAME and packaged.is_here())

    @contextmanager
    def borrow(self, name: str = "") -> Iterator[Copy]:
        """Hold a model for as long as the block lasts; it may still be on its way.

        Args:
            name: one of `models.names()`, a Hub id ("owner/name"), or "" for the server's own; never a path.

        Raises:
            SettingsError: the name is none of these.
            ModelError: all places for Hub models are taken.
        """
        copy = self._take(name or self._own)
        try:
            yield copy
        finally:
            with self._lock:
                copy.readers -= 1

    def _take(self, name: str) -> Copy:
        with self._lock:
            copy = self._copies.pop(name, None) or self._send_for(name)
            self._copies[name] = copy
            copy.readers += 1
        return copy

    def _send_for(self, name: str) -> Copy:
        bundled = name in models.names()
        if not bundled:
            models.check_hub_id(name)
            self._make_room()
        copy = Copy(name=name, stays=bundled)
        threading.Thread(target=self._load, args=(copy,), name=f"loads {name}", daemon=True).start()
        return copy

    def _make_room(self) -> None:
        guests = [copy for copy in self._copies.values() if not copy.stays]
        if len(guests) < MOST_GUESTS:
            return
        idle = [copy for copy in guests if _is_idle(copy)]
        if not idle:
            names = " and ".join(f"'{copy.name}'" for copy in guests)
            raise ModelError(f"Others read {names} now, and there is room for no more: choose one of these, or wait.")
        del self._copies[idle[0].name]

    def _load(self, copy: Copy) -> None:
        """A load's thread, from the request to the model."""
        try:
            copy.loaded.set_result(self._fetch(copy))
        except BaseException as error:  # there is nobody above a thread to tell
            self._forget(copy)
            copy.loaded.set_exception(_for_visitors(copy.name, error))

    def _fetch(self, copy: Copy) -> LoadedModel:
        def report(progress: Progress) -> None:
            with self._lock:
                if copy.readers == 0:
                    self._forget(copy)
                    raise _NobodyWaits("Nobody waits for this model any more.")
            copy.progress = progress

        _free_what_was_dropped()
        try:
            return models.load(copy.name, on_progress=report)
        except ModelTooLarge:
            if not self._drop_idle():
                raise
        _free_what_was_dropped()
        return models.load(copy.name, on_progress=report)

    def _drop_idle(self) -> bool:
        with self._lock:
            idle = [copy for copy in self._copies.values() if not copy.stays and _is_idle(copy)]
            for copy in idle:
                self._forget(copy)
        return bool(idle)

    def _forget(self, copy: Copy) -> None:
        with self._lock:
            if self._copies.get(copy.name) is copy:
                del self._copies[copy.name]


def _is_idle(copy: Copy) -> bool:
    return copy.readers == 0 and copy.loaded.done()


def _free_what_was_dropped() -> None:
    """A model is full of cycles: without this its memory would still count as taken."""
    gc.collect()
    torch.cuda.empty_cache()


def _for_visitors(name: str, error: BaseException) -> BaseException:
    """An error in words for somebody who cannot set this server's token or open its folders."""
    if isinstance(error, ModelNotFound):
        return ModelNotFound(f"'{name}' is not on the Hugging Face Hub, or it is private: check the spelling.")
    if isinstance(error, ModelGated):
        return ModelGated(
            f"'{name}' asks for its licence to be accepted, which this server has not done: choose another model, or "
            "run this page yourself with a token (HF_TOKEN) that may read it."
        )
    return error
