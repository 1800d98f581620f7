"""The queue in front of a server's queue, by a clock that the test moves."""

from __future__ import annotations

import threading

import pytest

from comparisons.server.queue import RunQueue
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
def queue(clock) -> RunQueue:
    return RunQueue(2, 3, turn_seconds=60, pause_seconds=10, clock=clock)


def test_so_many_run_so_many_wait_and_the_next_is_told_to_come_back(queue):
    entered = [queue.enter(str(visitor)) for visitor in range(5)]
    assert [place.held for place in entered] == [True, True, False, False, False]
    assert [place.number for place in entered] == [0, 0, 1, 2, 3]
    with pytest.raises(ServerBusy, match="All 2 places are taken and 3 others wait"):
        queue.enter("one more")
    assert queue.counts == (2, 3)


def test_whoever_came_first_is_next_and_who_leaves_the_queue_makes_room_in_it(queue):
    _, second, third, fourth, fifth = [queue.enter(str(visitor)) for visitor in range(5)]
    fourth.leave()
    assert (third.number, fourth.number, fifth.number) == (1, 0, 2)
    second.leave()
    assert (third.held, fifth.held, fifth.number) == (True, False, 1)
    second.leave()
    assert queue.counts == (2, 1)


def test_a_wait_ends_when_the_place_is_given(queue):
    first, _, third = [queue.enter(str(visitor)) for visitor in range(3)]
    assert not third.wait(0.01)
    threading.Timer(0.05, first.leave).start()
    assert third.wait(10)


def test_a_visitor_who_starts_again_goes_on_in_the_same_place_with_what_is_left_of_the_turn(queue, clock):
    first, _, third = queue.enter("anna"), queue.enter("berta"), queue.enter("carla")
    clock.now += 59
    again = queue.enter("anna")
    assert again.held and not first.held and third.number == 1
    assert again.overdue(paused=False) is None
    clock.now += 1
    assert again.overdue(paused=False) == "turn"
    first.leave()
    assert again.held, "the run before had no place left to give up"
    waiting = queue.enter("carla")
    assert (waiting.number, third.number) == (1, 0)


def test_a_turn_ends_only_while_others_wait(queue, clock):
    first = queue.enter("anna")
    clock.now += 10_000
    assert first.overdue(paused=False) is None
    queue.enter("berta"), queue.enter("carla")
    assert first.overdue(paused=False) == "turn"


def test_a_pause_is_shorter_while_others_wait_and_starts_anew_after_it(queue, clock):
    first, _ = queue.enter("anna"), queue.enter("berta")
    assert first.overdue(paused=True) is None
    clock.now += 99
    assert first.overdue(paused=True) is None
    clock.now += 1
    assert first.overdue(paused=True) == "idle"
    assert first.overdue(paused=False) is None
    queue.enter("carla")
    assert first.overdue(paused=True) is None
    clock.now += 10
    assert first.overdue(paused=True) == "idle"


def test_the_wait_is_what_the_runs_before_took_and_a_turn_at_most(queue, clock):
    held = [queue.enter("anna"), queue.enter("berta")]
    line = [queue.enter(str(visitor)) for visitor in range(3)]
    assert [place.wait_seconds for place in line] == [60, 60, 120]
    clock.now += 20
    assert [place.wait_seconds for place in line] == [40, 40, 100]
    held[0].leave()
    assert [place.wait_seconds for place in line[1:]] == [0, 20], "runs take 20 seconds, as the one that ended did"


def test_the_clock_may_stand_still_or_jump_and_nobody_is_stuck(queue, clock):
    held, other, queued = queue.enter("anna"), queue.enter("berta"), queue.enter("carla")
    clock.now += 1e9
    assert queued.wait_seconds == 0
    held.leave()
    assert queued.held
    other.leave(), queued.leave()
    assert queue.counts == (0, 0)
