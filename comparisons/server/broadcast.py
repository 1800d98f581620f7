"""What a session tells, and to whom: its readers come and go, and each hears how it stands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Literal

from comparisons.runs.dialogue.frames import DialogueFrame
from comparisons.runs.frames import Frame, Loading, Waiting
from comparisons.server.backpressure import Audience

__all__ = ["Broadcast", "State", "Told"]

State = Literal["new", "queued", "loading", "running", "ended"]

Told = Frame | DialogueFrame | Loading | Waiting

_BEGINS_WITHIN_SECONDS = 60.0
"""How long a session may take to say anything at all, on a machine that is very busy."""


_CLEANS_UP_WITHIN_SECONDS = 60.0
"""How long a session may take to end after its run."""


class Broadcast:
    """One session's. From any thread.

    Attributes:
        audience: whether anybody reads.
        state: where the session is.
        ended_at: when it ended, by the monotonic clock; 0 while it has not.
    """

    def __init__(self, token: str) -> None:
        """Nothing is told yet.

        Args:
            token: told with everything that comes first, to whoever may take the session up again.
        """
        self.audience = Audience()
        self.state: State = "new"
        self.ended_at = 0.0
        self._token = token
        self._changed = threading.Condition()
        self._telling = threading.Lock()
        self._tell: Callable[[], Told] | None = None
        self._period_seconds = 0.0
        self._error: BaseException | None = None

    def become(self, state: State, tell: Callable[[], Told] | None = None, period_seconds: float = 0.0) -> None:
        """The session is in this state now.

        Args:
            state: where it is.
            tell: how it stands from now on; by default as before.
            period_seconds: how often readers hear of it.
        """
        with self._changed:
            self.state = state
            self._tell = tell or self._tell
            self._period_seconds = period_seconds
            self.ended_at = time.monotonic() if state == "ended" else 0.0
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Readers hear of this instead of how it stands."""
        self._error = error

    def wait(self, until: Callable[[], bool], seconds: float) -> None:
        """Wait until this holds, which is looked at when the state changes, or for so long."""
        with self._changed:
            self._changed.wait_for(until, max(0.0, seconds))

    def notify(self) -> None:
        """Let those that wait look again."""
        with self._changed:
            self._changed.notify_all()

    def frames(
        self, unread: Callable[[], int], rewind: Callable[[], None] = lambda: None
    ) -> Generator[Told, None, None]:
        """How it stands, until it has ended; an earlier reader is told no more.

        Args:
            unread: how many messages lie ready for the reader and were not taken.
            rewind: called before the first.
        """
        with self._telling:
            reader = self.audience.enter()
            rewind()
        self.notify()
        return self._frames(reader, unread)

    def _frames(self, reader: int, unread: Callable[[], int]) -> Generator[Told, None, None]:
        due = time.monotonic()
        self.wait(lambda: self.state != "new", _BEGINS_WITHIN_SECONDS)
        while True:
            state = self.state
            with self._telling:
                if not self.audience.reads(reader):
                    return
                message = self._message()
                self.audience.tell()
            yield message
            self.audience.ask_on(unread())
            if state != "ended" and message["state"] == "finished":
                self.wait(lambda: self.state == "ended", _CLEANS_UP_WITHIN_SECONDS)
                return
            if state == "ended":
                return
            due = max(time.monotonic(), due + self._period_seconds)
            self.wait(partial(self._is_past, state, reader), due - time.monotonic())

    def _is_past(self, state: State, reader: int) -> bool:
        return self.state != state or not self.audience.reads(reader)

    def _message(self) -> Told:
        if self._error is not None:
            raise self._error
        assert self._tell is not None, "told before it began"
        message = self._tell()
        if "lanes" not in message or "header" in message:
            message["token"] = self._token
        return message
