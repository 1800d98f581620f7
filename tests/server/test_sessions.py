from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest

from comparisons.page.chat_form import settings_of
from comparisons.page.forms import Form
from comparisons.runs.memory import KvMemory
from comparisons.server.backpressure import Patience
from comparisons.server.queue import RunQueue
from comparisons.server.sessions import Sessions
from comparisons.text.choices import Reading
from streaming.errors import ModelNotFound, ServerBusy, SettingsError, StreamError
from tests.support.hub_server import HubServer, Repository, as_the_hub, files_of
from tests.support.speaking import BYTES_PER_TOKEN, loaded, save, wait_until

SETTINGS = Form(recent=28, pace=200).settings()


HASTY = Patience(hold_seconds=0.3, grace_seconds=0.8)

pytestmark = pytest.mark.usefixtures("made")


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(loaded())


def test_a_run_ends_a_while_after_its_visitor_has_left():
    sessions = Sessions(loaded(), patience=HASTY)
    before = threading.active_count()
    frames = sessions.frames("anna", SETTINGS)
    run = next(frames)["run"]
    assert threading.active_count() == before + 3
    next(frames)
    frames.close()
    left = time.monotonic()
    wait_until(lambda: threading.active_count() == before)
    assert time.monotonic() - left > 0.4
    assert not sessions.control({"run": run, "action": "stop"})
    assert sessions.queue.counts == (0, 0)


@pytest.mark.parametrize("read", [0, 1])
def test_a_connection_lost_at_the_very_beginning_is_kept_as_long_as_any(read):
    """It may have brought the first frame, and with it the token, although nobody has asked for a second one."""
    sessions = Sessions(loaded(), patience=Patience(hold_seconds=0.1, grace_seconds=1.2))
    frames = sessions.frames("anna", SETTINGS, unread=lambda: 1)
    for _ in range(read):
        next(frames)
    began = time.monotonic()
    wait_until(lambda: sessions.queue.counts == (1, 0))
    wait_until(lambda: sessions.queue.counts == (0, 0))
    assert time.monotonic() - began > 1.0


def test_what_nobody_takes_holds_the_lanes_and_then_ends_the_run():
    sessions = Sessions(loaded(), patience=HASTY)
    unread = [0]
    frames = sessions.frames("anna", SETTINGS, unread=lambda: unread[0])
    states = []
    for frame in frames:
        states.append(frame["state"])
        unread[0] += len(states) > 3
    assert "paused" in states[4:] and states[-1] == "finished"
    assert {lane["reason"] for lane in frame["lanes"]} == {"idle"}


def test_a_held_run_goes_on_when_its_reader_takes_it_again():
    sessions = Sessions(loaded(), patience=Patience(hold_seconds=0.3, grace_seconds=60))
    frames = sessions.frames("anna", SETTINGS)
    next(frames), next(frames)
    time.sleep(0.8)
    held = next(frames)
    assert held["state"] == "paused"
    seen = next(frame for frame in frames if frame["state"] == "running")
    wait_until(lambda: next(frames)["lanes"][0]["tokens"] > seen["lanes"][0]["tokens"])


def token_of(frame: dict) -> str:
    return frame["token"]


def points_of(frames: list[dict], lane: int) -> dict[int, tuple]:
    """The curve by index, put together from what arrived."""
    points: dict[int, tuple] = {}
    for frame in frames:
        tail = frame["lanes"][lane]["curve"]
        for index, point in enumerate(tail["points"], start=tail["from"]):
            assert points.setdefault(index, point) == point
    return points


@pytest.mark.parametrize("away", [0.0, 0.1, 1.5])
@pytest.mark.parametrize("arrived", ["all", "some", "unknown"])
def test_a_lost_connection_loses_nothing(away, arrived):
    settings = replace(SETTINGS, stride=4, tokens_per_second=400.0, answer_tokens=2)
    sessions = Sessions(loaded(), patience=Patience(hold_seconds=0.5, grace_seconds=60))
    frames = sessions.frames("anna", settings)
    seen = [next(frames) for _ in range(8)]
    frames.close()
    time.sleep(away)
    if arrived == "some":  # what was on its way when the connection broke
        seen = seen[:3]
    again = sessions.take_up("anna again", token_of(seen[0]), None if arrived == "unknown" else seen[-1]["seq"])
    later = [next(again) for _ in range(6)]
    assert later[0]["header"] == seen[0]["header"] and later[0]["run"] == seen[0]["run"]
    assert all("header" not in frame for frame in later[1:])
    told = later if arrived == "unknown" else seen + later
    for lane in (0, 1):
        points = points_of(told, lane)
        assert sorted(points) == list(range(len(points)))
        assert len(points) == later[-1]["lanes"][lane]["tokens"] // 4
        answered = {a["turn"] for frame in told for a in frame["lanes"][lane]["answers"]["items"]}
        count = later[-1]["lanes"][lane]["answers"]
        assert len(answered) == count["from"] + len(count["items"])
    assert later[-1]["lanes"][1]["tokens"] > seen[-1]["lanes"][1]["tokens"]


def test_lanes_are_held_while_nobody_reads_and_running_time_stands_still():
    sessions = Sessions(loaded(), patience=Patience(hold_seconds=0.3, grace_seconds=60))
    frames = sessions.frames("anna", SETTINGS)
    first, seen = next(frames), next(frames)
    frames.close()
    time.sleep(1.5)
    again = sessions.take_up("anna", token_of(first), seen["seq"])
    back = next(again)
    assert back["seconds"] - seen["seconds"] < 1.2
    assert next(frame for frame in again if frame["state"] == "running")


def test_a_second_visitor_cannot_take_a_run(sessions):
    frames = sessions.frames("anna", SETTINGS)
    first = next(frames)
    for guess in (None, "", first["run"], token_of(first)[:-1], {}, [token_of(first)], 5, True):
        with pytest.raises(StreamError, match="start a new one"):
            sessions.take_up("eve", guess, 0)
    assert next(frames)["state"] == "running"
    assert "token" not in next(frames)


def test_the_latest_reader_is_told_and_the_earlier_one_no_more(sessions):
    frames = sessions.frames("anna", SETTINGS)
    first = next(frames)
    other = sessions.take_up("anna", token_of(first))
    assert next(other)["state"] == "running"
    assert list(frames) == []
    assert next(other)["state"] == "running"


def test_a_run_that_ends_while_its_reader_is_away_tells_its_end():
    sessions = Sessions(loaded(), patience=Patience(hold_seconds=60, grace_seconds=60))
    frames = sessions.frames("anna", replace(SETTINGS, max_tokens=100, tokens_per_second=None))
    first = next(frames)
    frames.close()
    wait_until(lambda: sessions.queue.counts == (0, 0))
    [last] = sessions.take_up("anna", token_of(first), 0)
    assert [lane["reason"] for lane in last["lanes"]] == ["tokens", "tokens"] and last["state"] == "finished"
    assert last["lanes"][0]["curve"]["from"] == 0 and len(last["lanes"][0]["curve"]["points"]) == 3


def test_a_run_that_is_forgotten_cannot_be_taken_up():
    sessions = Sessions(loaded(), patience=HASTY)
    frames = sessions.frames("anna", replace(SETTINGS, max_tokens=50, tokens_per_second=None))
    token = token_of(next(frames))
    list(frames)
    time.sleep(1)
    with pytest.raises(StreamError, match="nothing of it is kept"):
        sessions.take_up("anna", token)


def test_a_place_in_the_queue_survives_a_lost_connection():
    sessions = crowded()
    first, second = sessions.frames("anna", SETTINGS), sessions.frames("berta", SETTINGS)
    next(first)
    told = next(second)
    second.close()
    again = sessions.take_up("berta anew", token_of(told))
    assert (next(again)["place"], sessions.queue.counts) == (1, (1, 1))
    first.close()
    sessions.control({"run": next(first, {}).get("run"), "action": "stop"})


def test_settings_that_are_moved_act_at_once_or_from_the_next_start(sessions):
    frames = sessions.frames("anna", replace(SETTINGS, tokens_per_second=20.0))
    run = next(frames)["run"]
    moved = {"pace": 2000, "recent": 64, "answers": False, "seed": 3}
    answer = sessions.control({"run": run, "action": "set", "settings": moved})
    assert answer == {"now": ["pace", "answers"], "next": ["recent", "seed"]}
    before = next(frames)["lanes"][1]["tokens"]
    wait_until(lambda: next(frames)["lanes"][1]["tokens"] > before + 500, seconds=5)
    tokens = next(frames)["lanes"][0]["tokens"]
    assert sessions.control({"run": run, "action": "set", "settings": {"budget_mb": 1, "pace": 0}})
    limit = 1_000_000 // BYTES_PER_TOKEN
    dense = next(frame["lanes"][0] for frame in frames if frame["lanes"][0]["status"] == "stopped")
    assert dense["reason"] == "kv-budget" and dense["tokens"] == max(limit, dense["tokens"]) >= tokens


@pytest.mark.parametrize(
    "settings", [None, [], "pace", {"pace": -2}, {"pace": "fast"}, {"pace": True}, {"budget_mb": 0}, {"answers": 1}]
)
def test_settings_that_mean_nothing_are_refused_in_words(sessions, settings):
    frames = sessions.frames("anna", SETTINGS)
    run = next(frames)["run"]
    with pytest.raises(SettingsError, match=r"\.$"):
        sessions.control({"run": run, "action": "set", "settings": settings})
    assert next(frames)["state"] == "running"


def test_sinks_are_taken_away_and_given_back_while_it_runs(sessions):
    frames = sessions.frames("anna", replace(SETTINGS, tokens_per_second=1000.0))
    run = next(frames)["run"]
    wait_until(lambda: next(frames)["lanes"][1]["tokens"] > 100)
    full = next(frames)["lanes"][1]
    assert sessions.control({"run": run, "action": "sinks", "keep": False})
    aside = next(frame["lanes"] for frame in frames if frame["lanes"][1]["sinks_aside"])
    assert not aside[0]["sinks_aside"]
    wait_until(lambda: next(frames)["lanes"][1]["cache_tokens"] == full["cache_tokens"] - 4)  # with the next read
    assert sessions.control({"run": run, "action": "sinks", "keep": True})
    back = next(frame["lanes"][1] for frame in frames if not frame["lanes"][1]["sinks_aside"])
    wait_until(lambda: next(frames)["lanes"][1]["cache_tokens"] == full["cache_tokens"])
    assert [event["kind"] for event in back["events"]][-2:] == ["sinks-aside", "sinks-back"]


def test_a_visitor_who_restarts_while_their_own_run_holds_the_memory_is_let_in():
    memory = KvMemory(1_200_000)
    sessions = Sessions(loaded(), memory=memory)
    settings = Form(recent=28, pace=0, budget_mb=1).settings()
    for _ in range(5):
        frames = sessions.frames("anna", settings)
        wait_until(lambda frames=frames: next(frames)["seconds"] >= 0 and memory.held_bytes > 200_000)
        with pytest.raises(ServerBusy, match="memory"):
            list(sessions.frames("berta", settings))


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
    assert sessions.control({"run": run, "action": "stop"})
    list(frames)
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
    sessions.control({"run": next(frames)["run"], "action": "stop"})
    list(frames)
    del text
    gc.collect()
    assert gone() is None


def test_another_model_is_waited_for_and_then_read_with(sessions):
    frames = sessions.frames("anna", SETTINGS, model="vanilla")
    told = next(frames)
    assert (told["state"], told["model"]) == ("loading", "vanilla") and told["stage"] in ("waiting", "loading")
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
    return Sessions(loaded(), queue=RunQueue(1, 1, **more))


def test_who_comes_when_all_places_are_taken_hears_of_the_queue_and_then_runs():
    sessions = crowded()
    first, second = sessions.frames("anna", SETTINGS), sessions.frames("berta", SETTINGS)
    runs = [next(first)["run"]]
    told = next(second)
    assert (told["state"], told["place"]) == ("queued", 1) and told["wait_seconds"] > 0
    with pytest.raises(ServerBusy, match="1 others wait"):
        next(sessions.frames("carla", SETTINGS))
    sessions.control({"run": runs[0], "action": "stop"})
    begun = next(frame for frame in second if frame["state"] != "queued")
    assert begun["state"] == "running" and begun["run"] == told["run"]
    sessions.control({"run": told["run"], "action": "stop"})
    list(second)
    assert sessions.queue.counts == (0, 0)


def test_a_place_in_the_queue_can_be_given_up():
    sessions = crowded()
    first, second = sessions.frames("anna", SETTINGS), sessions.frames("berta", SETTINGS)
    next(first)
    run = next(second)["run"]
    assert sessions.control({"run": run, "action": "stop"})
    assert [frame["place"] for frame in second][-1] == 0
    assert sessions.queue.counts == (1, 0)
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
    assert sessions.queue.counts == (0, 0)


def test_lanes_of_all_runs_share_the_memory_and_the_one_that_finds_none_says_so():
    memory = KvMemory(40 * 64 * BYTES_PER_TOKEN)
    sessions = Sessions(loaded(), memory=memory)
    settings = Form(recent=28, pace=0, budget_mb=512).settings()
    *_, last = sessions.frames("anna", replace(settings, max_tokens=3000))
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
    assert sessions.queue.counts == (0, 0)


def test_the_log_tells_of_runs_and_of_nothing_that_a_visitor_wrote(sessions, caplog):
    with caplog.at_level("INFO"):
        frames = sessions.frames("anna", SETTINGS, reading=Reading(kind="text", text="my secret letter " * 200))
        run = next(frames)["run"]
        sessions.control({"run": run, "action": "ask", "text": "what is my secret?"})
        sessions.control({"run": run, "action": "stop"})
        list(frames)
    assert [record.getMessage() for record in caplog.records] == ["run begins", "run ends"]
    assert {record.run for record in caplog.records} == {run}
    assert not any("secret" in str(vars(record)) for record in caplog.records)


def test_a_chat_is_a_run_like_any_other(sessions):
    settings = settings_of(Form(mode="chat", recent=28, lanes=("window",)))
    frames = sessions.frames("anna", settings, start_turn=2)
    first = next(frame for frame in frames if frame["state"] == "running")
    assert first["kind"] == "dialogue" and first["header"]["heard"] == 2 and first["token"]
    assert sessions.control({"run": first["run"], "action": "ask", "text": "Who is there?"}) == {"id": 1}
    assert sessions.control({"run": first["run"], "action": "pause"})
    wait_until(lambda: next(frames)["state"] == "paused")
    assert sessions.control({"run": first["run"], "action": "resume"})
    wait_until(lambda: next(frames)["lanes"][0]["done"] > 1)
    again = next(sessions.take_up("anna", first["token"]))
    asked = [turn["kind"] for turn in again["lanes"][0]["turns"]["items"]]
    assert "visitor" in asked and again["lanes"][0]["turns"]["items"][0]["turn"] == 2
    assert sessions.control({"run": first["run"], "action": "stop"})
    wait_until(lambda: sessions.queue.counts == (0, 0))
    assert sessions.memory.held_bytes == 0
