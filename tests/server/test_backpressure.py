"""Whether anybody reads, by a clock that the test moves."""

from __future__ import annotations

import pytest

from comparisons.server.backpressure import Audience


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tell(audience: Audience, clock: Clock, unread: int) -> None:
    """A second goes by, one message goes out, and so many lie there untaken."""
    clock.now += 1
    audience.tell()
    audience.ask_on(unread)


def test_a_reader_who_takes_everything_is_never_away(clock):
    audience = Audience(clock)
    for _ in range(1000):
        tell(audience, clock, unread=0)
        assert audience.away_seconds == 0


def test_messages_that_pile_up_are_read_by_nobody(clock):
    audience = Audience(clock)
    for number in range(1, 50):
        tell(audience, clock, unread=number)
        assert audience.away_seconds == number


def test_a_reader_who_takes_late_is_there_until_nothing_more_is_taken(clock):
    audience = Audience(clock)
    for number in range(1, 101):
        tell(audience, clock, unread=number - number // 2)
        assert audience.away_seconds <= 2
    for number in range(1, 11):
        tell(audience, clock, unread=50 + number)
    assert 10 <= audience.away_seconds <= 11


def test_who_asks_for_nothing_is_away(clock):
    audience = Audience(clock)
    tell(audience, clock, unread=0)
    clock.now += 30
    assert audience.away_seconds == 30


def test_a_reader_who_comes_is_there_and_takes_the_place_of_the_one_before(clock):
    audience = Audience(clock)
    first = audience.enter()
    tell(audience, clock, unread=1)
    clock.now += 30
    second = audience.enter()
    assert (audience.reads(first), audience.reads(second), audience.away_seconds) == (False, True, 0)
