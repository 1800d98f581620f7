from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from comparisons.runs.cores import Cores
from comparisons.runs.frames import Frame
from comparisons.runs.lane.questions import Question
from comparisons.runs.pacing import Pacer
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from comparisons.text.feeds import PromptFeed, TextFeed
from streaming.errors import SettingsError, StreamError
from streaming.policy import Policy
from tests.support import short_of_memory
from tests.support.forked import Forked
from tests.support.speaking import (
    BYTES_PER_TOKEN,
    FailingFeed,
    PatientFeed,
    loaded,
    streams_left,
    tokenizer,
    wait_until,
)

BOTH = (Policy.parse("dense"), Policy.parse("sinks:4+28"))
ENDLESS = {"max_tokens": 10**9, "kv_budget_bytes": 2**36}


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def make(lanes=BOTH, feed=None, **settings) -> Run:
    settings = {"frames_per_second": 20.0, "answers": False, **settings}
    return Run(loaded(), RunSettings(lanes=lanes, **settings), feed)


def told(run: Run) -> list[Frame]:
    frames = list(run.frames())
    for frame in frames:
        json.dumps(frame, allow_nan=False)
    return frames


def whole_curve(frames: list[Frame], lane: int) -> list[tuple]:
    """Put together from the frames' tails, which must leave no hole."""
    points: list[tuple] = []
    for frame in frames:
        tail = frame["lanes"][lane]["curve"]
        assert tail["from"] <= len(points)
        assert [*tail["points"]][: len(points) - tail["from"]] == points[tail["from"] :][: len(tail["points"])]
        points[tail["from"] :] = tail["points"]
    return points


def test_a_run_is_told_from_its_header_to_its_end():
    frames = told(make(max_tokens=600, seed=7, answers=True, answer_tokens=4))
    first, last = frames[0], frames[-1]
    assert [frame["seq"] for frame in frames] == list(range(len(frames)))
    assert [frame["state"] for frame in frames] == ["running"] * (len(frames) - 1) + ["finished"]
    assert len({frame["run"] for frame in frames}) == 1
    assert ["header" in frame for frame in frames] == [True] + [False] * (len(frames) - 1)
    header = first["header"]
    assert (header["model"], header["context"], header["seed"], header["lanes"]) == (
        "tiny",
        64,
        7,
        ["dense", "sinks:4+28"],
    )
    assert (header["source"], header["source_characters"]) == ("prompts", 0)
    assert header["bytes_per_token"] == BYTES_PER_TOKEN
    assert header["settings"]["lanes"] == ["dense", "sinks:4+28"]
    assert [lane["tokens"] for lane in last["lanes"]] == [600, 600]
    assert [(lane["status"], lane["reason"]) for lane in last["lanes"]] == [("stopped", "tokens")] * 2
    assert [lane["answers"]["items"][-1]["done"] for lane in last["lanes"]] == [True, True]
    assert last["rss_bytes"] > 10 * 2**20
    assert [frame["seconds"] for frame in frames] == sorted(frame["seconds"] for frame in frames)


def test_every_reader_can_miss_every_other_frame():
    frames = told(make(max_tokens=4000, stride=2, frames_per_second=30.0))
    assert len(frames) > 4
    for lane in (0, 1):
        every = whole_curve(frames, lane)
        assert len(every) == 2000
        some = frames[::2] if frames[-1] in frames[::2] else [*frames[::2], frames[-1]]
        assert whole_curve(some, lane) == every
    rss = [point for frame in frames for point in frame["rss"]["points"][-1:]]
    assert [point[0] for point in rss] == sorted(point[0] for point in rss)


def test_both_lanes_read_the_same_stream_and_dense_stops_at_its_budget():
    budget = 200 * BYTES_PER_TOKEN
    last = told(make(max_tokens=500, kv_budget_bytes=budget))[-1]
    dense, sinks = last["lanes"]
    assert (dense["tokens"], dense["reason"], dense["kv_bytes"]) == (200, "kv-budget", budget)
    assert (sinks["tokens"], sinks["reason"], sinks["kv_bytes"]) == (500, "tokens", 32 * BYTES_PER_TOKEN)
    shorter = told(make(max_tokens=200))[-1]["lanes"][1]
    assert [p for p, _ in dense["text"]["pieces"]] == [p for p, _ in shorter["text"]["pieces"]]


def test_the_first_tokens_are_the_same_for_both_until_something_is_evicted():
    frames = told(make(max_tokens=32, stride=1))
    dense, sinks = (np.array([p[1] for p in whole_curve(frames, lane)], dtype=float) for lane in (0, 1))
    assert dense == pytest.approx(sinks, rel=1e-4, nan_ok=True)


def test_a_slow_lane_does_not_hold_a_fast_one_up():
    run = make(lanes=(Policy.parse("recompute:300"), Policy.parse("sinks:4+28")), **ENDLESS)
    for frame in run.frames():
        slow, fast = frame["lanes"]
        if slow["tokens"] > 100:
            break
    run.close()
    assert fast["tokens"] > 3 * slow["tokens"]


def reading(run: Run) -> Iterator[Frame]:
    frames = run.frames()
    for frame in frames:
        if all(lane["tokens"] > 40 or lane["status"] == "answering" for lane in frame["lanes"]):
            return frames
    raise AssertionError("the run ended by itself")


def by_stop(run: Run) -> None:
    frames = reading(run)
    run.stop()
    *_, last = frames
    assert last["state"] == "finished"
    assert [lane["reason"] for lane in last["lanes"]] == ["user", "user"]


def by_closing_the_frames(run: Run) -> None:
    reading(run).close()


def by_leaving_the_block(run: Run) -> None:
    with run:
        reading(run)


def by_an_exception(run: Run) -> None:
    def fail() -> None:
        with run:
            reading(run)
            raise KeyError

    with pytest.raises(KeyError):
        fail()


def by_stop_in_a_pause(run: Run) -> None:
    frames = reading(run)
    run.pause()
    wait_until(lambda: all(lane["status"] == "paused" for lane in next(frames)["lanes"]))
    began = time.perf_counter()
    run.stop()
    assert [frame["state"] for frame in frames][-1] == "finished"
    assert time.perf_counter() - began < 1.0


ENDS = [by_stop, by_closing_the_frames, by_leaving_the_block, by_an_exception, by_stop_in_a_pause]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
@pytest.mark.parametrize("answers", [False, True], ids=["reading", "answering"])
def test_a_run_ends_at_once_and_leaves_nothing(end, answers):
    before = streams_left()
    run = make(**ENDLESS, answers=answers, answer_every=1, answer_tokens=200, chunk=4096)
    end(run)
    assert run.state == "finished"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(run.id)]
    assert streams_left() == before
    with pytest.raises(StreamError, match="begun already"):
        next(run.frames())


def test_stopping_takes_less_than_a_second():
    run = make(**ENDLESS, chunk=4096)
    reading(run)
    began = time.perf_counter()
    run.close()
    assert time.perf_counter() - began < 1.0


def test_a_run_that_never_started_can_be_closed():
    with make() as run:
        run.pause()
        run.resume()
    with pytest.raises(StreamError, match="new one"):
        next(run.frames())


def test_a_run_that_is_stopped_before_it_starts_tells_that_it_has_ended():
    run = make(**ENDLESS)
    run.stop()
    last = told(run)[-1]
    assert last["state"] == "finished"
    assert [lane["reason"] for lane in last["lanes"]] == ["user", "user"]
    assert last["lanes"][0]["tokens"] == 0


def test_a_run_is_told_once():
    run = make(max_tokens=50)
    frames = run.frames()
    next(frames)
    with pytest.raises(StreamError, match="already"):
        next(run.frames())
    frames.close()


def test_a_pause_holds_both_lanes_and_the_clock():
    run = make(**ENDLESS, max_seconds=600.0)
    frames = reading(run)
    run.pause()
    wait_until(lambda: all(lane["status"] == "paused" for lane in next(frames)["lanes"]))
    held = next(frames)
    time.sleep(0.3)
    later = next(frames)
    assert (held["state"], later["state"]) == ("paused", "paused")
    assert [lane["tokens"] for lane in later["lanes"]] == [lane["tokens"] for lane in held["lanes"]]
    assert later["seconds"] == held["seconds"]
    assert [lane["tokens_per_second"] for lane in later["lanes"]] == [0.0, 0.0]
    run.resume()
    wait_until(lambda: next(frames)["lanes"][0]["tokens"] > later["lanes"][0]["tokens"])
    assert next(frames)["state"] == "running"
    frames.close()


def test_a_run_stops_after_its_seconds_of_running_time():
    run = make(**ENDLESS, max_seconds=0.5)
    frames = run.frames()
    next(frames)
    run.pause()
    time.sleep(0.7)
    assert next(frames)["state"] == "paused"
    run.resume()
    *_, last = frames
    assert [lane["reason"] for lane in last["lanes"]] == ["seconds", "seconds"]
    assert 0.4 < last["seconds"] < 1.5


def test_lanes_keep_the_pace_and_follow_its_changes():
    run = make(**ENDLESS, tokens_per_second=60.0)
    frames = run.frames()
    first = next(frame for frame in frames if frame["seconds"] > 0.3)
    last = next(frame for frame in frames if frame["seconds"] > 2.3)
    for before, after in zip(first["lanes"], last["lanes"], strict=True):
        went = (after["tokens"] - before["tokens"]) / (last["seconds"] - first["seconds"])
        assert went == pytest.approx(60, rel=0.2)
        assert after["tokens_per_second"] == pytest.approx(60, rel=0.3)
    run.live.pace = None
    assert run.live.pace is None
    free = next(frame for frame in frames if frame["seconds"] > last["seconds"] + 1.0)
    assert free["lanes"][1]["tokens"] > last["lanes"][1]["tokens"] + 150
    frames.close()


def test_a_slow_pace_reads_token_by_token_and_can_be_left_at_once():
    run = make(**ENDLESS, tokens_per_second=5.0)
    frames, tokens = run.frames(), []
    for frame in frames:
        tokens.append(frame["lanes"][0]["tokens"])
        if frame["seconds"] > 1.5:
            break
    steps = np.diff(tokens)
    assert steps.max() <= 2
    assert 5 <= tokens[-1] <= 10
    run.live.pace = 0.5
    run.live.pace = 2000
    wait_until(lambda: next(frames)["lanes"][0]["tokens"] > 100, 2.0)
    frames.close()


@pytest.mark.parametrize("pace", [0, -1, math.nan, math.inf, True, "fast", 0.1])
def test_a_pace_that_means_nothing_is_refused(pace):
    run = make()
    with pytest.raises(SettingsError, match="pace"):
        run.live.pace = pace
    assert run.live.pace is None


def test_an_error_in_one_lane_is_told_there_and_the_other_goes_on(caplog):
    feed = FailingFeed(PromptFeed(tokenizer(), 0, seed=0), reader=0, after=9)
    frames = told(make(feed=feed, max_tokens=2000))
    dense, sinks = frames[-1]["lanes"]
    assert (dense["status"], dense["reason"]) == ("failed", "error")
    assert "ZeroDivisionError" in dense["message"]
    assert "the feed broke" not in dense["message"]
    assert dense["events"][-1]["kind"] == "failed"
    assert (sinks["tokens"], sinks["status"], sinks["message"]) == (2000, "stopped", "")
    assert "the feed broke" in caplog.text


def test_a_lane_that_cannot_be_opened_has_failed_and_the_other_goes_on(caplog):
    broken = FailingFeed(PromptFeed(tokenizer(), 0, seed=0), reader=1, after=0)
    dense, sinks = told(make(feed=broken, max_tokens=300))[-1]["lanes"]
    assert (dense["reason"], dense["tokens"]) == ("tokens", 300)
    assert (sinks["reason"], sinks["tokens"], sinks["perplexity"]) == ("error", 0, None)


def test_ids_that_the_model_does_not_know_are_told_in_words():
    feed = PromptFeed(tokenizer(), 10_000, seed=0)
    last = told(make(feed=feed))[-1]
    assert [lane["status"] for lane in last["lanes"]] == ["failed", "failed"]
    assert "Token ids" in last["lanes"][0]["message"]


def test_a_text_is_read_to_its_end():
    last = told(make(feed=TextFeed(tokenizer(), 0, "One lantern. " * 90), answers=True))[-1]
    assert [lane["reason"] for lane in last["lanes"]] == ["end-of-text", "end-of-text"]
    assert last["lanes"][0]["answers"] == {"from": 0, "items": []}


def test_a_real_lack_of_memory_ends_the_dense_lane_in_words():
    process = Forked(short_of_memory.main)
    assert process.wait(timeout=240) == 0, process.told()[-3000:]
    dense, sinks = json.loads(process.said().splitlines()[-1])["lanes"]
    assert (dense["status"], dense["reason"]) == ("failed", "error")
    assert "memory budget" in dense["message"]
    assert 0 < dense["tokens"] < sinks["tokens"] == 400
    assert sinks["reason"] == "tokens"


SETTING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([1]))


@given(st.dictionaries(st.sampled_from([field.name for field in fields(RunSettings)]), SETTING))
@examples(deadline=None)
def test_settings_are_right_or_refused(settings):
    try:
        made = RunSettings(**{"lanes": BOTH, **settings})
    except SettingsError:
        return
    assert 0.5 <= (made.tokens_per_second or 1) <= 100_000
    assert math.isfinite(made.max_seconds)
    assert all(isinstance(lane, Policy) for lane in made.lanes)


@pytest.mark.parametrize(
    ("lanes", "words"),
    [((), "from 1 to 8"), ((BOTH[0],) * 2, "same policy"), (list(BOTH), "tuple"), (("dense",), "tuple")],
)
def test_lanes_that_mean_nothing_are_refused(lanes, words):
    with pytest.raises(SettingsError, match=words):
        RunSettings(lanes=lanes)


def asked(frames: Iterator[Frame], number: int) -> list[dict]:
    """What the lanes have said to this question once all have done with it."""
    for frame in frames:
        said = [lane["said"] for lane in frame["lanes"]]
        if all(one is not None and one["id"] == number and one["done"] for one in said):
            return said
    raise AssertionError("the run ended by itself")


def test_all_lanes_answer_a_visitor_and_read_on_as_if_nothing_had_happened():
    run = make(max_tokens=900, seed=3, stride=4, tokens_per_second=300.0, answer_tokens=4)
    frames, told_frames, number = run.frames(), [], 0
    for frame in frames:
        told_frames.append(frame)
        if frame["lanes"][0]["tokens"] > 200 * number:
            number = run.ask(f"Who hid the lantern, {number}?")
    assert number == 5
    silent = told(make(max_tokens=900, seed=3, stride=4))
    for lane in (0, 1):
        heights = [np.array([p[1] for p in whole_curve(f, lane)], dtype=float) for f in (told_frames, silent)]
        assert heights[0] == pytest.approx(heights[1], rel=1e-4)
        assert told_frames[-1]["lanes"][lane]["perplexity_total"] == pytest.approx(
            silent[-1]["lanes"][lane]["perplexity_total"], rel=1e-4
        )


def test_paused_lanes_answer_from_where_they_stand_and_stay_paused():
    run = make(**ENDLESS, max_seconds=600.0)
    frames = reading(run)
    run.pause()
    wait_until(lambda: all(lane["status"] == "paused" for lane in next(frames)["lanes"]))
    held = next(frames)
    number = run.ask("Who hid the lantern?")
    said = asked(frames, number)
    later = next(frames)
    assert [one["at"] for one in said] == [lane["tokens"] for lane in held["lanes"]]
    assert all(one["answer"] for one in said)
    for before, after in zip(held["lanes"], later["lanes"], strict=True):
        same = ("tokens", "status", "kv_bytes", "tokens_per_second", "ms_per_token", "perplexity", "text")
        assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert (later["state"], later["seconds"]) == ("paused", held["seconds"])
    run.resume()
    wait_until(lambda: next(frames)["lanes"][0]["tokens"] > later["lanes"][0]["tokens"])
    frames.close()


def test_a_lane_without_memory_says_so_while_the_other_answers():
    run = make(max_tokens=10**9, kv_budget_bytes=200 * BYTES_PER_TOKEN, tokens_per_second=2000.0)
    frames = run.frames()
    wait_until(lambda: next(frames)["lanes"][0]["status"] == "stopped")
    dense, sinks = asked(frames, run.ask("Who hid the lantern?"))
    assert (dense["reason"], dense["answer"], dense["at"]) == ("kv-budget", "", 200)
    assert (sinks["reason"], sinks["done"]) == (None, True)
    frames.close()


def test_a_question_is_refused_before_a_run_and_after_it():
    with make(**ENDLESS) as run:
        with pytest.raises(StreamError, match="start one"):
            run.ask("Who?")
        frames = reading(run)
        with pytest.raises(SettingsError, match="500 characters"):
            run.ask("x" * 501)
        assert asked(frames, run.ask("Who?"))
    with pytest.raises(StreamError, match="start one"):
        run.ask("Who?")


def test_questions_without_end_do_not_keep_a_run_from_ending():
    run = make(**ENDLESS, max_seconds=3.0)
    told_frames = []
    for frame in run.frames():
        told_frames.append(frame)
        if frame["state"] == "running":
            with contextlib.suppress(StreamError):
                run.ask("x " * 250)
    assert [lane["reason"] for lane in told_frames[-1]["lanes"]] == ["seconds", "seconds"]
    assert [lane["said"]["reason"] for lane in told_frames[-1]["lanes"]] == ["ended", "ended"]
    assert all(lane["tokens"] > 1 for lane in told_frames[-1]["lanes"])


def test_a_run_stops_at_once_in_the_middle_of_a_reply():
    before = streams_left()
    run = make(**ENDLESS, lanes=(Policy.parse("recompute:300"), Policy.parse("dense")))
    frames = reading(run)
    run.ask("語" * 500)
    next(frames)
    began = time.perf_counter()
    run.close()
    assert time.perf_counter() - began < 1.0
    *_, last = frames
    assert last["lanes"][0]["said"]["reason"] == "ended"
    assert streams_left() == before


@pytest.mark.parametrize("asks", [False, True])
def test_a_lane_that_is_stopped_while_it_waits_for_its_turn_does_no_more_work(asks):
    cores, model, forwards = Cores(1), loaded(), []
    run = Run(model, RunSettings(lanes=BOTH, frames_per_second=20.0, answers=False, max_tokens=10**6), cores=cores)
    frames = reading(run)
    if asks:
        run.pause()
        wait_until(lambda: [lane["status"] for lane in next(frames)["lanes"]] == ["paused", "paused"])
    with cores:
        if asks:
            run.ask("Who are you?")
        wait_until(lambda: len(cores._waiting) == len(BOTH))
    with cores:  # after one more turn of each, which takes the question up
        wait_until(lambda: len(cores._waiting) == len(BOTH))
        hook = model.model.register_forward_pre_hook(lambda *_: forwards.append(1))
        run.stop()
    *_, last = frames
    hook.remove()
    assert [lane["reason"] for lane in last["lanes"]] == ["user", "user"]
    assert not forwards


def test_what_goes_wrong_in_a_reply_is_told_there_and_the_lane_reads_on(caplog):
    run = make(**ENDLESS)
    frames = reading(run)
    for worker in run._workers:  # an id that the model does not know, as from a tokenizer larger than its model
        worker.replies.ask(Question(id=1, text="Who?", ids=defaultdict(lambda: (len(tokenizer()) + 5,))))
    said = asked(frames, 1)
    assert [one["reason"] for one in said] == ["error", "error"]
    assert "Token ids" in said[0]["message"]
    tokens = next(frames)["lanes"][0]["tokens"]
    wait_until(lambda: next(frames)["lanes"][0]["tokens"] > tokens)
    frames.close()
    assert "cannot reply" in caplog.text


def test_a_run_waits_for_a_feed_that_has_nothing_yet_and_stops_at_once():
    feed = PatientFeed()
    run = make(feed=feed)
    frames = run.frames()
    wait_until(lambda: [lane["status"] for lane in next(frames)["lanes"]] == ["waiting", "waiting"])
    feed.say("One lantern.")
    count = len(tokenizer().encode("One lantern."))
    wait_until(lambda: [lane["tokens"] for lane in next(frames)["lanes"]] == [count, count])
    assert asked(frames, run.ask("Who?"))
    wait_until(lambda: [lane["status"] for lane in next(frames)["lanes"]] == ["waiting", "waiting"])
    began = time.perf_counter()
    run.close()
    assert time.perf_counter() - began < 1.0
    assert [lane["reason"] for lane in list(frames)[-1]["lanes"]] == ["user", "user"]


def slowed(seconds: float):
    """A model whose every layer takes so long, and what undoes that."""
    hooks = [layer.register_forward_hook(lambda *_: time.sleep(seconds)) for layer in loaded().model.model.layers]
    return lambda: [hook.remove() for hook in hooks]


@pytest.mark.parametrize("busy", ["reading", "answering", "replying"])
def test_a_stop_acts_between_two_layers_of_a_slow_model(busy):
    run = make(**ENDLESS, answers=busy == "answering", lanes=(Policy.parse("recompute:8"), Policy.parse("dense")))
    frames = reading(run)
    undo = slowed(0.4)
    try:
        if busy == "replying":
            run.ask("Who? " * 50)
        next(frames)
        time.sleep(0.6)
        began = time.perf_counter()
        run.stop()
        *_, last = frames
        assert time.perf_counter() - began < 1.0
        assert [lane["reason"] for lane in last["lanes"]] == ["user", "user"]
    finally:
        undo()


def test_a_slow_lane_reads_long_and_a_fast_one_at_its_pace_a_little_at_a_time():
    def reads(seconds_each: float, seconds_token: float, pace: float | None, steps: int = 60) -> list[int]:
        clock, sizes = FakeClock(), []
        pacer = Pacer(clock)
        for _ in range(steps):
            size = pacer.due(pace, 256)
            if size == 0:
                clock.now += max(0.001, pacer.wait_seconds(pace))
                continue
            took = seconds_each + seconds_token * size
            clock.now += took
            pacer.took(size, took, pace)
            sizes.append(size)
        return sizes

    assert max(reads(0.001, 0.0005, 100)) <= 11, "the tiny model reads as it always did"
    assert max(reads(0.05, 0.004, None)) == 256
    assert min(reads(0.05, 0.004, None)[-20:]) == 256, "as much as is fastest"
    assert min(reads(0.1, 0.009, 100)[-10:]) >= 100, "one that hardly keeps its pace reads much at a time"
    assert max(reads(0.0, 0.5, None)) == 4, "no longer than two seconds"


class FakeClock:
    now = 0.0

    def seconds(self) -> float:
        return self.now


def test_lanes_use_the_cores_that_no_other_lane_wants(monkeypatch):
    used: dict[str, set[int]] = {}
    model = loaded().model

    def note(*_: object) -> None:
        used.setdefault(threading.current_thread().name.partition(" ")[2], set()).add(torch.get_num_threads())
        time.sleep(0.06)

    hook = model.register_forward_pre_hook(note)
    budget = 100 * BYTES_PER_TOKEN  # where dense ends
    settings = RunSettings(lanes=BOTH, answers=False, max_tokens=600, kv_budget_bytes=budget, chunk=16)
    try:
        with Run(loaded(), settings, cores=Cores(4)) as run:
            list(run.frames())
    finally:
        hook.remove()
    assert used["dense"] <= {1, 2} and 2 in used["dense"]
    assert used["sinks:4+28"] == {1, 2, 4}, "all of them once it is alone"
