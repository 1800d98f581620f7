from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from comparisons.forms import Form
from comparisons.readings import Reading
from comparisons.sessions import Sessions
from streaming.errors import ModelNotFound, SettingsError
from tests.hub_server import HubServer, Repository, as_the_hub, files_of
from tests.speaking import loaded, save, wait_until

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


def test_a_question_gets_an_id_and_every_lane_says_what_it_says(sessions):
    frames = sessions.frames("anna", SETTINGS)
    run = next(frames)["run"]
    assert sessions.control({"run": run, "action": "ask", "text": "Who hid the lantern?"}) == {"id": 1}
    said = next(lanes for lanes in replies(frames) if all(one and one["done"] for one in lanes))
    assert [(one["id"], one["question"]) for one in said] == [(1, "Who hid the lantern?")] * 2
    assert sessions.control({"run": run, "action": "ask", "text": "And then?"}) == {"id": 2}
    frames.close()
    assert sessions.control({"run": run, "action": "ask", "text": "And now?"}) is False


def replies(frames):
    return ([lane["said"] for lane in frame["lanes"]] for frame in frames)


@pytest.mark.parametrize("text", [None, 5, [], {"a": 1}, "", " \n", "x" * 501, "a\x00b", "\ud800", True])
def test_what_is_no_question_is_refused_and_disturbs_nothing(sessions, text):
    frames = sessions.frames("anna", SETTINGS)
    run = next(frames)["run"]
    answer = sessions.control({"run": run, "action": "ask", "text": text})
    assert list(answer) == ["refused"] and answer["refused"].endswith(".")
    assert [lane["said"] for lane in next(frames)["lanes"]] == [None, None]
    frames.close()


class Text(str):
    """A text that can be watched."""


TEXT = "A quiet lantern hung above the door. " * 12


def test_a_text_is_read_to_its_end_and_the_header_says_which(sessions):
    *_, last = frames = list(sessions.frames("anna", SETTINGS, reading=Reading(kind="text", text=TEXT)))
    assert [lane["reason"] for lane in last["lanes"]] == ["end-of-text", "end-of-text"]
    assert (frames[0]["header"]["source"], frames[0]["header"]["source_characters"]) == ("text", len(TEXT))
    assert last["lanes"][0]["tokens"] == last["lanes"][1]["tokens"] > 80
    assert all(lane["answers"]["items"] == [] for lane in last["lanes"])


def test_a_text_that_goes_on_is_followed_by_prompts(sessions):
    reading = Reading(kind="text", text=TEXT, after="prompts")
    frames = sessions.frames("anna", Form(recent=28, pace=0).settings(), reading=reading)
    seen = next(frame for frame in frames if frame["lanes"][0]["answers"]["items"])
    assert seen["lanes"][0]["answers"]["items"][0]["at"] > 80
    frames.close()


def test_a_visitors_text_goes_with_its_run(sessions):
    text = Text(TEXT)
    gone = weakref.ref(text)
    frames = sessions.frames("anna", SETTINGS, reading=Reading(kind="text", text=text))
    next(frames)
    frames.close()
    del text, frames
    gc.collect()
    assert gone() is None


def test_another_model_is_waited_for_and_then_read_with(sessions):
    frames = sessions.frames("anna", SETTINGS, model="vanilla")
    told = next(frames)
    assert (told["state"], told["model"], told["stage"]) == ("loading", "vanilla", "waiting")
    first = next(frame for frame in frames if frame["state"] != "loading")
    assert first["seq"] == 0 and first["header"]["model"] == "vanilla"
    frames.close()
    again = sessions.frames("berta", SETTINGS, model="vanilla")
    assert next(again)["header"]["model"] == "vanilla"
    again.close()


def test_a_model_that_is_no_model_is_refused_before_anything_runs(sessions):
    before = threading.active_count()
    with pytest.raises(SettingsError, match="owner/name"):
        next(sessions.frames("anna", SETTINGS, model="/etc"))
    assert threading.active_count() == before


@pytest.fixture
def slow(tmp_path) -> Iterator[tuple[HubServer, threading.Event]]:
    """A Hub whose one model stops half-way until it is let go."""
    held = threading.Event()
    with as_the_hub(tmp_path / "cache") as server:
        server.repositories["someone/slow"] = Repository(files=files_of(save(tmp_path / "tiny")), held=held)
        yield server, held
        held.set()


def stages(frames: Iterator[dict], until: str) -> list[str]:
    seen: list[str] = []
    for frame in frames:
        stage = frame.get("stage", frame["state"])
        if stage not in seen:
            seen.append(stage)
        if stage == until:
            break
    return seen


def test_a_load_is_told_step_by_step(sessions, slow):
    frames = sessions.frames("anna", SETTINGS, model="someone/slow")
    assert stages(frames, until="downloading")[-1] == "downloading"
    told = next(frames)
    assert 0 <= told["done_bytes"] < told["total_bytes"]
    slow[1].set()
    assert stages(frames, until="running")[-1] == "running"
    frames.close()


def test_a_wait_can_be_stopped_like_a_run(sessions, slow):
    frames = sessions.frames("anna", SETTINGS, model="someone/slow")
    run = next(frames)["run"]
    assert sessions.control({"run": run, "action": "stop"})
    assert [frame["stage"] for frame in frames][-1] == "stopped"
    assert not sessions.control({"run": run, "action": "stop"})


def test_a_visitor_who_starts_again_waits_no_longer(sessions, slow):
    waiting = sessions.frames("anna", SETTINGS, model="someone/slow")
    next(waiting)
    running = sessions.frames("anna", SETTINGS)
    next(running)
    assert [frame["stage"] for frame in waiting] == ["stopped"]
    assert next(running)["state"] == "running"
    running.close()


def test_what_went_wrong_with_a_load_reaches_who_waited_for_it(sessions, slow):
    with pytest.raises(ModelNotFound, match="'someone/else' is not on the Hugging Face Hub"):
        list(sessions.frames("anna", SETTINGS, model="someone/else"))
