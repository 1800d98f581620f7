from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest

from comparisons.page.forms import Form
from comparisons.runs.memory import KvMemory
from comparisons.server.queue import Places
from comparisons.server.sessions import Sessions
from comparisons.text.choices import Reading
from streaming.errors import ModelNotFound, ServerBusy, SettingsError
from tests.support.hub_server import HubServer, Repository, as_the_hub, files_of
from tests.support.speaking import BYTES_PER_TOKEN, loaded, save, wait_until

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
    with pytest.raises(SettingsError, match=r"\.$"):
        sessions.control({"run": run, "action": "ask", "text": text})
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


def crowded(**more: float) -> Sessions:
    return Sessions(loaded(), places=Places(1, 1, **more))


def test_who_comes_when_all_places_are_taken_hears_of_the_queue_and_then_runs():
    sessions = crowded()
    first, second = sessions.frames("anna", SETTINGS), sessions.frames("berta", SETTINGS)
    next(first)
    told = next(second)
    assert (told["state"], told["place"]) == ("queued", 1) and told["wait_seconds"] > 0
    with pytest.raises(ServerBusy, match="1 others wait"):
        next(sessions.frames("carla", SETTINGS))
    first.close()
    assert next(frame for frame in second if frame["state"] != "queued")["state"] == "running"
    second.close()
    assert sessions.places.counts == (0, 0)


def test_a_place_in_the_queue_can_be_given_up():
    sessions = crowded()
    first, second = sessions.frames("anna", SETTINGS), sessions.frames("berta", SETTINGS)
    next(first)
    run = next(second)["run"]
    assert sessions.control({"run": run, "action": "stop"})
    assert [frame["place"] for frame in second][-1] == 0
    assert sessions.places.counts == (1, 0)
    first.close()


def test_a_run_that_had_its_turn_makes_way_in_words():
    sessions = crowded(turn_seconds=0.2)
    first, second = sessions.frames("anna", SETTINGS), sessions.frames("berta", SETTINGS)
    next(first), next(second)
    assert [lane["reason"] for lane in list(first)[-1]["lanes"]] == ["turn", "turn"]
    assert next(frame for frame in second if frame["state"] != "queued")["state"] == "running"
    second.close()


def test_a_pause_that_is_too_long_gives_the_place_up_in_words():
    sessions = crowded(pause_seconds=0.2)
    first, second = sessions.frames("anna", SETTINGS), sessions.frames("berta", SETTINGS)
    run = next(first)["run"]
    next(second)
    sessions.control({"run": run, "action": "pause"})
    assert [lane["reason"] for lane in list(first)[-1]["lanes"]] == ["idle", "idle"]
    second.close()


def test_a_visitor_who_starts_again_keeps_the_place():
    sessions = crowded()
    first, second = sessions.frames("anna", SETTINGS), sessions.frames("berta", SETTINGS)
    next(first), next(second)
    again = sessions.frames("anna", SETTINGS)
    assert next(again)["state"] == "running"
    assert [frame["state"] for frame in first][-1] == "finished"
    assert next(second)["place"] == 1
    again.close(), second.close()


def test_the_end_of_the_server_is_told_to_who_runs_to_who_waits_and_to_who_comes():
    sessions = crowded()
    first, second = sessions.frames("anna", SETTINGS), sessions.frames("berta", SETTINGS)
    next(first), next(second)
    sessions.close()
    assert [lane["reason"] for lane in list(first)[-1]["lanes"]] == ["restart", "restart"]
    with pytest.raises(ServerBusy, match="restarting"):
        list(second)
    with pytest.raises(ServerBusy, match="restarting"):
        next(sessions.frames("carla", SETTINGS))
    assert sessions.places.counts == (0, 0)


def test_lanes_of_all_runs_share_the_memory_and_the_one_that_finds_none_says_so():
    memory = KvMemory(40 * 64 * BYTES_PER_TOKEN)
    sessions = Sessions(loaded(), memory=memory)
    settings = Form(recent=28, pace=0, budget_mb=512).settings()
    *_, last = sessions.frames("anna", replace(settings, max_tokens=5000))
    dense, sinks = last["lanes"]
    assert (dense["reason"], sinks["reason"]) == ("memory", "tokens")
    assert 0 < dense["kv_allocated_bytes"] <= memory.limit_bytes
    assert memory.held_bytes == 0


def test_lanes_of_all_runs_work_in_turns():
    model, at_work, most = loaded(), [], []
    hooks = [
        model.model.register_forward_pre_hook(lambda *_: (at_work.append(1), most.append(len(at_work)), None)[2]),
        model.model.register_forward_hook(lambda *_: (at_work.pop(), None)[1]),
    ]
    sessions = Sessions(model, cores=1)
    runs = [sessions.frames(name, SETTINGS) for name in ("anna", "bert")]
    for _ in range(5):
        for run in runs:
            lanes = next(run)["lanes"]
    for one in (*runs, *hooks):
        one.close() if one in runs else one.remove()
    assert max(most) == 1 and all(lane["tokens"] for lane in lanes)


def test_who_comes_when_the_memory_is_used_up_is_refused():
    memory = KvMemory(10**7)
    sessions = Sessions(loaded(), memory=memory)
    assert memory.share().hold(10**7)
    with pytest.raises(ServerBusy, match="memory that all runs on this server share is used up"):
        next(sessions.frames("anna", SETTINGS))
    assert sessions.places.counts == (0, 0)


def test_the_log_tells_of_runs_and_of_nothing_that_a_visitor_wrote(sessions, caplog):
    with caplog.at_level("INFO"):
        frames = sessions.frames("anna", SETTINGS, reading=Reading(kind="text", text="my secret letter " * 200))
        run = next(frames)["run"]
        sessions.control({"run": run, "action": "ask", "text": "what is my secret?"})
        frames.close()
    assert [record.getMessage() for record in caplog.records] == ["run begins", "run ends"]
    assert {record.run for record in caplog.records} == {run}
    assert not any("secret" in str(vars(record)) for record in caplog.records)
