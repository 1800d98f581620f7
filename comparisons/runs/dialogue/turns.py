"""The turns of all lanes of a dialogue: one prompt at a time, and the next once all have answered."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from comparisons.runs.pacing import TICK_SECONDS
from comparisons.text.requests import Request

__all__ = ["Turns"]


class Turns:
    """Of one dialogue. From any thread.

    A turn is made when all lanes have come to it, and then stands; a visitor's prompt is the next that is made.
    """

    def __init__(self, lanes: Iterable[str], coming: Iterator[Request] | None) -> None:
        """No turn yet.

        Args:
            lanes: who comes to each of them, by name.
            coming: the requests that come by themselves; without them, turns are visitors' alone.
        """
        self._coming, self._made = coming, list[Request]()
        self._own: deque[str] = deque()
        self._asked = 0
        self._at = dict.fromkeys(lanes, -1)
        self._changed = threading.Condition()

    def ask(self, text: str) -> int:
        """Make this the next turn that is made; how many were asked so far."""
        with self._changed:
            self._own.append(text)
            self._asked += 1
            self._changed.notify_all()
            return self._asked

    def come(self, lane: str, turn: int, over: Callable[[], bool]) -> Request | None:
        """Wait with a lane for its turn, until all others have come to it as well.

        Args:
            lane: its name.
            turn: from 0.
            over: whether to give up, looked at now and then.

        Returns:
            What to answer; None where it was given up.
        """
        with self._changed:
            self._at[lane] = turn
            self._changed.notify_all()
            while not over():
                if min(self._at.values()) >= turn and self._is_made(turn):
                    return self._made[turn]
                self._changed.wait(TICK_SECONDS)
            return None

    def leave(self, lane: str) -> None:
        """Nobody waits for this lane any more."""
        with self._changed:
            self._at.pop(lane, None)
            self._changed.notify_all()

    def _is_made(self, turn: int) -> bool:
        if len(self._made) <= turn and (self._own or self._coming is not None):
            self._made.append(self._next())
        return len(self._made) > turn

    def _next(self) -> Request:
        if self._own or self._coming is None:
            return Request(index=-1 - len(self._made), kind="visitor", text=self._own.popleft())
        return next(self._coming)
