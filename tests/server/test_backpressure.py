from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from comparisons.server.backpressure import while_read
from streaming.errors import ServerBusy


def numbers(count: int) -> Generator[str, None, None]:
    yield from map(str, range(count))


class Reader:
    """Takes so many of what is told at each step, while a clock goes on by a second."""

    def __init__(self, takes: int) -> None:
        self.takes, self.piled, self.now = takes, 0, 0.0

    def read(self, count: int) -> int:
        told = while_read(numbers(count), lambda: self.piled, seconds=5, clock=lambda: self.now)
        number = 0
        for number, _ in enumerate(told, start=1):  # noqa: B007
            self.now += 1
            self.piled = max(0, self.piled + 1 - self.takes)
        return number


def test_what_is_taken_is_told_to_its_end():
    assert Reader(takes=1).read(1000) == 1000


def test_what_nobody_takes_ends_within_seconds():
    assert Reader(takes=0).read(1000) == 6


def test_who_takes_it_late_is_told_on_and_who_stops_taking_is_not():
    reader = Reader(takes=0)
    told = while_read(numbers(1000), lambda: reader.piled, seconds=5, clock=lambda: reader.now)
    for number, _ in enumerate(told, start=1):
        reader.now += 1
        reader.piled = number - number // 2 if number < 100 else reader.piled + 1
    assert 100 < number < 110


def test_what_is_told_is_closed_with_its_reader_who_does_not_wait_for_it():
    slow, closed = threading.Event(), threading.Event()

    def telling():
        try:
            yield "one"
            yield "two"
        finally:
            slow.wait(10)
            closed.set()

    told = while_read(telling(), lambda: 0)
    next(told)
    began = time.monotonic()
    told.close()
    assert time.monotonic() - began < 1
    assert not closed.is_set()
    slow.set()
    assert closed.wait(10)


def test_what_is_told_is_closed_when_nobody_asks_on_whoever_still_holds_it():
    closed = threading.Event()

    def telling():
        try:
            yield from map(str, range(1000))
        finally:
            closed.set()

    held = while_read(telling(), lambda: 0, seconds=0.2)
    assert next(held) == "0"
    assert closed.wait(10)
    assert list(held) == []


def test_what_telling_raises_reaches_the_reader():
    def telling():
        yield "one"
        raise ServerBusy("come back")

    told = while_read(telling(), lambda: 0)
    assert next(told) == "one"
    with pytest.raises(ServerBusy, match="come back"):
        next(told)
