"""The queue in front of a server's places, by a clock that the test moves."""

from __future__ import annotations

import threading

import pytest

from comparisons.server.queue import Places
from streaming.errors import ServerBusy


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def places(clock) -> Places:
    return Places(2, 3, turn_seconds=60, pause_seconds=10, clock=clock)


def test_so_many_run_so_many_wait_and_the_next_is_told_to_come_back(places):
    entered = [places.enter(str(visitor)) for visitor in range(5)]
    assert [place.held for place in entered] == [True, True, False, False, False]
    assert [place.number for place in entered] == [0, 0, 1, 2, 3]
    with pytest.raises(ServerBusy, match="All 2 places are taken and 3 others wait"):
        places.enter("one more")
    assert places.counts == (2, 3)


def test_whoever_came_first_is_next_and_who_leaves_the_queue_makes_room_in_it(places):
    _, second, third, fourth, fifth = [places.enter(str(visitor)) for visitor in range(5)]
    fourth.leave()
    assert (third.number, fourth.number, fifth.number) == (1, 0, 2)
    second.leave()
    assert (third.held, fifth.held, fifth.number) == (True, False, 1)
    second.leave()
    assert places.counts == (2, 1)


def test_a_wait_ends_when_the_place_is_given(places):
    first, _, third = [places.enter(str(visitor)) for visitor in range(3)]
    assert not third.wait(0.01)
    threading.Timer(0.05, first.leave).start()
    assert third.wait(10)


def test_a_visitor_who_starts_again_goes_on_in_the_same_place_with_what_is_left_of_the_turn(places, clock):
    first, _, third = places.enter("anna"), places.enter("berta"), places.enter("carla")
    clock.now += 59
    again = places.enter("anna")
    assert again.held and not first.held and third.number == 1
    assert again.overdue(paused=False) is None
    clock.now += 1
    assert again.overdue(paused=False) == "turn"
    first.leave()
    assert again.held, "the run before had no place left to give up"
    waiting = places.enter("carla")
    assert (waiting.number, third.number) == (1, 0)


def test_a_turn_ends_only_while_others_wait(places, clock):
    first = places.enter("anna")
    clock.now += 10_000
    assert first.overdue(paused=False) is None
    places.enter("berta"), places.enter("carla")
    assert first.overdue(paused=False) == "turn"


def test_a_pause_is_shorter_while_others_wait_and_starts_anew_after_it(places, clock):
    first, _ = places.enter("anna"), places.enter("berta")
    assert first.overdue(paused=True) is None
    clock.now += 99
    assert first.overdue(paused=True) is None
    clock.now += 1
    assert first.overdue(paused=True) == "idle"
    assert first.overdue(paused=False) is None
    places.enter("carla")
    assert first.overdue(paused=True) is None
    clock.now += 10
    assert first.overdue(paused=True) == "idle"


def test_the_wait_is_what_the_runs_before_took_and_a_turn_at_most(places, clock):
    held = [places.enter("anna"), places.enter("berta")]
    queue = [places.enter(str(visitor)) for visitor in range(3)]
    assert [place.wait_seconds for place in queue] == [60, 60, 120]
    clock.now += 20
    assert [place.wait_seconds for place in queue] == [40, 40, 100]
    held[0].leave()
    assert [place.wait_seconds for place in queue[1:]] == [0, 20], "runs take 20 seconds, as the one that ended did"


def test_the_clock_may_stand_still_or_jump_and_nobody_is_stuck(places, clock):
    held, other, queued = places.enter("anna"), places.enter("berta"), places.enter("carla")
    clock.now += 1e9
    assert queued.wait_seconds == 0
    held.leave()
    assert queued.held
    other.leave(), queued.leave()
    assert places.counts == (0, 0)
