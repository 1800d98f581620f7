from __future__ import annotations

import threading

import pytest

from comparisons.forms import Form
from comparisons.sessions import Sessions
from tests.speaking import loaded, wait_until

SETTINGS = Form(recent=28, pace=200).settings()


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(loaded())


def test_a_run_ends_when_its_visitor_leaves(sessions):
    before = threading.active_count()
    frames = sessions.frames("anna", SETTINGS)
    run = next(frames)["run"]
    assert threading.active_count() == before + 2
    frames.close()
    wait_until(lambda: threading.active_count() == before, seconds=1)
    assert not sessions.control({"run": run, "action": "stop"})


def test_a_visitor_who_starts_again_ends_the_run_before(sessions):
    first = sessions.frames("anna", SETTINGS)
    other = sessions.frames("berta", SETTINGS)
    next(first), next(other)
    second = sessions.frames("anna", SETTINGS)
    next(second)
    assert [frame["state"] for frame in first][-1] == "finished"
    assert next(other)["state"] == next(second)["state"] == "running"
    second.close()
    other.close()


def test_a_run_is_steered_by_its_id(sessions):
    frames = sessions.frames("anna", SETTINGS)
    run = next(frames)["run"]
    assert sessions.control({"run": run, "action": "pause"})
    assert next(frames)["state"] == "paused"
    assert sessions.control({"run": run, "action": "resume"})
    assert next(frames)["state"] == "running"
    assert sessions.control({"run": run, "action": "stop"})
    assert list(frames)[-1]["state"] == "finished"


@pytest.mark.parametrize("request_", [None, 5, [], {}, {"run": []}, {"run": "x", "action": "stop"}])
def test_anything_else_steers_nothing(sessions, request_):
    frames = sessions.frames("anna", SETTINGS)
    next(frames)
    assert not sessions.control(request_)
    assert next(frames)["state"] == "running"
    frames.close()


@pytest.mark.parametrize("action", ["close", "__class__", None, ["stop"]])
def test_a_run_does_only_what_a_visitor_may_ask(sessions, action):
    frames = sessions.frames("anna", SETTINGS)
    run = next(frames)["run"]
    assert not sessions.control({"run": run, "action": action})
    frames.close()
