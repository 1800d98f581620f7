"""What suits a model is measured once, and a model that is not here is not fetched for it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from comparisons.page.forms import Form
from comparisons.runs.memory import KvMemory
from comparisons.server.fits import Fits, Suited
from comparisons.server.queue import RunQueue
from comparisons.server.sessions import Sessions
from tests.support.speaking import loaded

MB = 10**6

pytestmark = pytest.mark.usefixtures("made")


def test_a_model_is_measured_once_and_its_limits_are_the_servers():
    fits = Fits(KvMemory(8 * MB), runs=2, cores=2)
    assert fits.known("tiny") is None
    found = fits.of(loaded())
    assert fits.of(loaded()) is found is fits.known(found.model)
    wide = Fits(KvMemory(800 * MB), runs=2, cores=2).of(loaded())
    assert found.fit.most_budget_mb <= 4 < wide.fit.most_budget_mb <= 400
    many = Fits(KvMemory(800 * MB), runs=8, cores=2).of(loaded())
    assert many.fit.most_budget_mb == pytest.approx(wide.fit.most_budget_mb / 4, rel=0.2)


def test_what_is_on_this_machine_is_loaded_and_nothing_else_is_fetched():
    sessions = Sessions(loaded(), queue=RunQueue(2), memory=KvMemory(800 * MB))
    assert sessions.measured() is None
    own = sessions.suited()
    assert own is sessions.measured() and own.facts.context == loaded().context
    assert sessions.suited("vanilla").facts.context == 256
    assert sessions.suited("someone/a-model") is None and sessions.suited("nothing of the kind") is None


def test_settings_follow_from_a_model_that_nothing_was_known_of():
    def suits(suited: Suited):
        seen.append(suited)
        return replace(Form(recent=16).settings(), stride=16)

    seen: list[Suited] = []
    sessions = Sessions(loaded())
    frames = sessions.frames("anna", Form(recent=28).settings(), suits=suits)
    header = next(frame["header"] for frame in islice(frames, 3) if "header" in frame)
    frames.close()
    assert header["lanes"] == ["dense", "sinks:4+16"] and header["stride"] == 16
    assert seen == [sessions.measured()]
