"""The runs that visitors have going: begun, steered, taken up again, cleaned up.

What happens is logged, without anything that a visitor wrote.

**A connection that is lost loses nothing.** Everything that a session tells first (its place in the queue, the progress
of a load, the frame with the header) carries two names beside the rest: `run`, which steers it, and `token`, a secret
which takes it up again. Frames count up in `seq`. A client whose connection breaks calls start again with
`{"resume": {"token": token, "seq": the last seq that it saw, or null}}` in the place of settings (`take_up` here):

- The first frame then holds all points, answers and events since that `seq`, whatever was lost on the way, and the
  header; with null, or where the server no longer knows that frame, it holds all that is kept. Frames go on from there.
- Lanes read on for `Patience.hold_seconds` without a reader, are then held (running time stands still), and go on when
  the reader is back; a run that nobody takes up within `Patience.grace_seconds` ends, with the reason "idle". A run
  that ends while its reader is away tells its last frame for as long.
- The latest reader is told; an earlier one's stream ends. Whoever has no token is refused, in words (`StreamError`), as
  is one who comes too late.

**Control** (`control`) takes `{"run": id, "action": …}` and gives False where there is no such run or action:

| action | more | answer |
|---|---|---|
| "pause", "resume", "stop" | | True |
| "ask" | "text": one line | {"id": the question's} |
| "sinks" | "keep": false to set them aside, true to give them back | True |
| "set" | "settings": {name: value}, the form's | {"now": [names], "next": [names]}: who act from when |

A client that leaves for good sends "stop".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

from comparisons.runs.cores import Cores
from comparisons.runs.dialogue.settings import DialogueSettings
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import RunSettings
from comparisons.server.backpressure import Patience
from comparisons.server.broadcast import Told
from comparisons.server.fits import Fits, Suited
from comparisons.server.live import change
from comparisons.server.model_cache import ModelCache
from comparisons.server.orders import Order
from comparisons.server.queue import RunQueue
from comparisons.server.session import Session, Shared
from comparisons.server.waits import restarting
from comparisons.text.choices import Reading
from streaming.errors import StreamError
from streaming.loading.machine import read_machine
from streaming.models import LoadedModel

__all__ = ["Sessions"]


class Sessions:
    """One server's. Whoever knows the id of a run, which only its own visitor gets, may steer it."""

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        queue: RunQueue | None = None,
        memory: KvMemory | None = None,
        cores: int | None = None,
        patience: Patience | None = None,
    ) -> None:
        """No runs yet.

        Args:
            loaded: what every run reads with, unless its visitor asks for another.
            queue: how many may run, and wait.
            memory: what the runs share for keys and values; by default without a limit.
            cores: how many lanes of all runs may be at work at once; by default all.
            patience: how long a run waits for a visitor whose connection is lost.
        """
        self.queue, self.memory = queue or RunQueue(), memory or KvMemory()
        self._own = loaded.name
        self._shared = Shared(
            queue=self.queue,
            models=ModelCache(loaded),
            memory=self.memory,
            fits=Fits(self.memory, runs=self.queue.runs, cores=cores or read_machine().cores),
            cores=None if cores is None else Cores(cores),
            patience=patience or Patience(),
        )
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._visitors: dict[str, Session] = {}
        self._closing = False

    @property
    def closing(self) -> bool:
        """Whether the server is about to end."""
        return self._closing

    def close(self) -> None:
        """End every run and every wait, in words, and let nobody in any more; returns at once."""
        self._closing = True
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.stop("restart")

    def measured(self, model: str = "") -> Suited | None:
        """What suits a model that has been measured; see `suited`."""
        return self._shared.fits.known(model or self._own)

    def suited(self, model: str = "") -> Suited | None:
        """What suits a model; None for one that is still to be fetched, or that is none.

        Args:
            model: see `ModelCache.borrow`. One that is on this machine is loaded.
        """
        name = model or self._own
        found = self._shared.fits.known(name)
        if found is None and self._shared.models.is_near(name):
            with self._shared.models.borrow(name) as copy:
                return self._shared.fits.of(copy.loaded.result())
        return found

    def frames(
        self,
        visitor: str,
        settings: RunSettings | DialogueSettings,
        *,
        model: str = "",
        reading: Reading | None = None,
        suits: Callable[[Suited], RunSettings | DialogueSettings] | None = None,
        start_turn: int = 0,
        unread: Callable[[], int] = lambda: 0,
    ) -> Generator[Told, None, None]:
        """Begin a run, and tell it until it ends; a visitor's earlier run makes way.

        Args:
            visitor: whose run it is.
            settings: lanes, budgets, pace; of a run that reads, or of a dialogue.
            model: see `ModelCache.borrow`.
            reading: what to read, by default the prompt stream.
            suits: the settings instead, once the model is there, for one that nothing was known of.
            start_turn: turns of a dialogue that are read and not answered.
            unread: how many messages lie ready for the visitor and were not taken.

        Raises:
            StreamingError: there is no such model here, or it cannot be used.
            ServerBusy: there is no room for one more, or the server is about to end.
        """
        order = Order(settings=settings, model=model, reading=reading or Reading(), suits=suits, start_turn=start_turn)
        with self._lock:
            if self._closing:
                raise restarting()
            self._forget()
            earlier = self._visitors.get(visitor)
            session = Session(visitor, order, self._shared, earlier)
            self._sessions[session.id] = self._visitors[visitor] = session
        if earlier is not None:
            earlier.stop()
        return session.frames(unread)

    def take_up(
        self, visitor: str, token: object, after: object = None, unread: Callable[[], int] = lambda: 0
    ) -> Generator[Told, None, None]:
        """Go on with a run whose connection was lost; see the module.

        Args:
            visitor: whose it is from now on.
            token: the run's.
            after: `seq` of the last frame that arrived.
            unread: see `frames`.

        Raises:
            StreamError: there is no such run (any more).
        """
        with self._lock:
            self._forget()
            found = [session for session in self._sessions.values() if session.token == token]
            if not found:
                raise StreamError("That run has ended, and nothing of it is kept: start a new one.")
            self._visitors = {name: one for name, one in self._visitors.items() if one is not found[0]}
            self._visitors[visitor] = found[0]
        seq = after if isinstance(after, int) and not isinstance(after, bool) else None
        return found[0].take_up(visitor, seq, unread)

    def control(self, request: Any) -> bool | dict[str, Any]:
        """Do what a visitor asks; see the module.

        Returns:
            Whether there is such a run and such an action; for a question {"id": its id}; for settings, which act.

        Raises:
            StreamingError: the question is no question, or there is nobody to answer it; a setting is out of range.
        """
        if not isinstance(request, dict):
            return False
        session, action = self._sessions.get(str(request.get("run"))), str(request.get("action"))
        if session is None or session.ended:
            return False
        match action:
            case "ask":
                return {"id": session.ask(request.get("text"))}
            case "set":
                return dict(change(session.live, request.get("settings")))
            case "sinks" if session.live is not None:
                session.live.sinks = request.get("keep") is not False
            case "pause" | "resume" | "stop":
                {"pause": session.pause, "resume": session.resume, "stop": session.stop}[action]()
            case _:
                return False
        return True

    def _forget(self) -> None:
        """Sessions that ended long ago."""
        self._sessions = {id_: one for id_, one in self._sessions.items() if not one.forgotten}
        self._visitors = {name: one for name, one in self._visitors.items() if not one.forgotten}
