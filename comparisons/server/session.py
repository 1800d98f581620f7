"""One visitor's run, from the queue to its end: queued, loading, running, ended.

A thread takes it from state to state and looks after it. What was measured is in the lanes' journals, so a reader who
comes back after a while is told all that was missed.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass

from comparisons.allocator import give_freed_memory_back
from comparisons.runs.cores import Cores
from comparisons.runs.dialogue.run import Dialogue
from comparisons.runs.dialogue.telling import DialogueTeller
from comparisons.runs.frames import Reason
from comparisons.runs.memory import KvMemory
from comparisons.runs.runner import Run
from comparisons.runs.settings import LiveSettings
from comparisons.runs.telling import Teller
from comparisons.server.backpressure import Patience
from comparisons.server.broadcast import Broadcast, Told
from comparisons.server.fits import Fits
from comparisons.server.model_cache import Copy, ModelCache
from comparisons.server.orders import Order
from comparisons.server.queue import RunQueue
from comparisons.server.waits import check_memory, restarting, told_loading, told_waiting
from streaming.errors import StreamError
from streaming.models import LoadedModel

__all__ = ["Session", "Shared"]

_LOG = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
"""How often a session is looked after; how often a visitor hears of a load."""

_QUEUE_SECONDS = 0.5
"""How often a visitor hears of the queue."""

_MAKES_WAY_SECONDS = 5.0
"""How long to wait for a visitor's earlier run to give its memory back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """What the sessions of a server share."""

    queue: RunQueue
    models: ModelCache
    memory: KvMemory
    fits: Fits
    cores: Cores | None
    patience: Patience


@contextmanager
def _logged(run: str, teller: Teller | DialogueTeller, **about: object) -> Iterator[None]:
    """A run from its beginning to its end, in the log."""
    began = time.monotonic()
    _LOG.info("run begins", extra={"run": run, **about})
    yield
    _LOG.info("run ends", extra={"run": run, "seconds": round(time.monotonic() - began, 1), **teller.ending()})


class Session:
    """A run on its way.

    Attributes:
        id: names it in what is told; whoever knows it may steer it.
        token: whoever knows it may take it up again.
    """

    def __init__(self, visitor: str, order: Order, shared: Shared, earlier: Session | None) -> None:
        """Take a slot, or one in the queue, and go on from there.

        Args:
            visitor: whose it is.
            order: what they ask for.
            shared: what there is.
            earlier: the visitor's session before this one, which makes way.

        Raises:
            ServerBusy: there is no room for one more.
        """
        self.id, self.token = uuid.uuid4().hex[:12], secrets.token_urlsafe(18)
        self._slot = shared.queue.enter(visitor)
        self._shared = shared
        self._told = Broadcast(self.token)
        self._stopping: Reason | None = None
        self._held_for_reader = False
        self._run: Run | Dialogue | None = None
        self._teller: Teller | DialogueTeller | None = None
        threading.Thread(target=self._live, args=(order, earlier), name=f"session {self.id}", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to steer."""
        return self._told.state == "ended"

    @property
    def forgotten(self) -> bool:
        """Whether it ended so long ago that nobody will come back for it."""
        return self.ended and time.monotonic() - self._told.ended_at > self._shared.patience.grace_seconds

    def pause(self) -> None:
        """Hold the lanes; a wait does not pause."""
        if self._run is not None:
            self._run.pause()

    def resume(self) -> None:
        """Let them go on."""
        self._held_for_reader = False
        if self._run is not None:
            self._run.resume()

    def stop(self, why: Reason = "user") -> None:
        """End it, whatever it does."""
        self._stopping = self._stopping or why
        self._told.notify()
        if self._run is not None:
            self._run.stop(why)

    def ask(self, text: object) -> int:
        """See `Run.ask`."""
        if self._run is None:
            raise StreamError("There is nobody to answer yet: ask once the run has begun.")
        return self._run.ask(text)

    @property
    def live(self) -> LiveSettings | None:
        """What may be changed now; None before the run begins."""
        return None if self._run is None else self._run.live

    def frames(self, unread: Callable[[], int] = lambda: 0) -> Generator[Told, None, None]:
        """How it stands, a few times a second until it has ended; an earlier reader is told no more.

        Args:
            unread: how many messages lie ready for the reader and were not taken.
        """
        return self._told.frames(unread)

    def take_up(
        self, visitor: str, after: int | None, unread: Callable[[], int] = lambda: 0
    ) -> Generator[Told, None, None]:
        """Go on where a reader was lost: all that was measured since is told at once.

        Args:
            visitor: whose it is now.
            after: the `seq` of the last frame that arrived; None where all is to be told again.
            unread: see `frames`.
        """
        self._slot.visitor = visitor
        frames = self._told.frames(unread, lambda: self._teller.rewind(after) if self._teller is not None else None)
        if self._held_for_reader:
            self.resume()
        return frames

    def wait_for_end(self, seconds: float) -> None:
        """Wait until it has ended and freed what it held, or for so long."""
        self._told.wait(lambda: self.ended, seconds)

    def _live(self, order: Order, earlier: Session | None) -> None:
        try:
            if self._is_admitted():
                if earlier is not None:
                    earlier.wait_for_end(_MAKES_WAY_SECONDS)
                    earlier = None
                check_memory(self._shared.memory, order.settings)
                with self._shared.models.borrow(order.model) as copy:
                    if self._is_loaded(copy):
                        self._read(order, copy.loaded.result())
        except BaseException as error:  # its reader's to hear
            self._told.fail(error)
        finally:
            self._run = None
            if self._slot.held:
                give_freed_memory_back()  # in 1 to 3 ms
            self._slot.leave()
            self._told.become("ended")

    def _is_admitted(self) -> bool:
        """Wait for the slot; whether it is held."""
        self._told.become(
            "queued" if self._slot.number else "new",
            lambda: told_waiting(self.id, self._slot, over=self.ended),
            _QUEUE_SECONDS,
        )
        while self._slot.number and self._stopping is None:
            self._slot.wait(_LOOK_SECONDS)
            self._look_after()
        return self._slot.held and self._goes_on()

    def _is_loaded(self, copy: Copy) -> bool:
        """Wait for the model; whether it is there. A load that nobody else waits for ends with the wait."""
        if not copy.loaded.done():
            self._told.become("loading", lambda: told_loading(self.id, copy, over=self.ended), _LOOK_SECONDS)
        while not copy.loaded.done() and self._stopping is None:
            wait([copy.loaded], _LOOK_SECONDS)
            self._look_after()
        return self._goes_on()

    def _goes_on(self) -> bool:
        if self._stopping == "restart":
            raise restarting()
        return self._stopping is None

    def _read(self, order: Order, loaded: LoadedModel) -> None:
        """The run itself."""
        settings = order.settings_for(loaded, self._shared.fits)
        with order.made(settings, loaded, self.id, self._shared.memory, self._shared.cores) as run:
            self._run, self._teller = run, run.start()
            if self._stopping is not None:
                run.stop(self._stopping)
            self._told.become("running", self._teller.frame, 1 / settings.frames_per_second)
            with _logged(self.id, self._teller, lanes=len(settings.lanes), source=order.source):
                while not run.wait(_LOOK_SECONDS):
                    self._look_after()

    def _look_after(self) -> None:
        """Stop it where its turn is over or its reader does not come back; hold it while the reader is away."""
        away, patience = self._told.audience.away_seconds, self._shared.patience
        if away > patience.grace_seconds:
            self.stop("idle")
        run = self._run
        if run is None:
            return
        if away > patience.hold_seconds and run.state == "running":
            self._held_for_reader = True
            run.pause()
        elif self._held_for_reader and away <= patience.hold_seconds:
            self.resume()
        why = self._slot.overdue(paused=run.state == "paused")
        if why is not None:
            self.stop(why)
