"""Connections that are lost, on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support import speaking
from tests.support.clients import Site
from tests.support.serving import served


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = speaking.save(tmp_path_factory.mktemp("models") / "tiny")
    with served(str(folder), STREAMING_GRACE="40", STREAMING_RUNS="2") as (address, _):
        yield Site.at(address)


def read(frames: Iterator[dict], count: int) -> list[dict]:
    return [next(frames) for _ in range(count)]


@pytest.mark.parametrize("away", [0.1, 2.0, 30.0])
@pytest.mark.parametrize("session", ["the same page", "a page that was loaded anew"])
def test_a_connection_that_is_lost_loses_nothing(site, away, session):
    if away == 30.0 and session == "the same page":
        pytest.skip("once is enough")
    lost = site.join(pace=300, budget_mb=8)
    frames = site.frames(lost)
    seen = read(frames, 6)
    frames.close()
    time.sleep(away)
    again = lost if session == "the same page" else None
    frames = site.frames(site.join(again, resume={"token": seen[0]["token"], "seq": seen[-2]["seq"]}))
    later = read(frames, 4)
    assert {frame["run"] for frame in seen + later} == {seen[0]["run"]}
    assert later[0]["header"] == seen[0]["header"] and later[0]["state"] == "running"
    for lane in (0, 1):
        points = {}
        for frame in [*seen[:-1], *later]:
            tail = frame["lanes"][lane]["curve"]
            points |= {tail["from"] + i: point for i, point in enumerate(tail["points"])}
        assert sorted(points) == list(range(later[-1]["lanes"][lane]["tokens"] // 32))
    assert site.control(seen[0]["run"], "stop") is True
    assert [frame["state"] for frame in frames][-1] == "finished"
    site.settled()


def test_nobody_else_can_take_a_run(site):
    frames = site.frames(site.join())
    first = next(frames)
    for token in (first["run"], "", None, first["token"][:-1]):
        with pytest.raises(AssertionError, match="start a new one"):
            list(site.frames(site.join(resume={"token": token, "seq": 0})))
    assert next(frames)["state"] == "running"
    site.control(first["run"], "stop")
    list(frames)
    site.settled()


def test_a_visitor_who_restarts_again_and_again_is_never_refused(site):
    session = site.join()
    for _ in range(5):
        assert next(site.frames(session))["state"] == "running"
        session = site.join(session)
    run = next(site.frames(session))["run"]
    site.control(run, "stop")
    site.settled()
