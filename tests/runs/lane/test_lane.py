from __future__ import annotations

import copy
import math
import random
import time
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from comparisons.runs.frames import TAIL_POINTS, TAIL_TOKENS, LaneFrame
from comparisons.runs.lane.answers import PromptAnswers
from comparisons.runs.lane.cursor import Asked
from comparisons.runs.lane.lane import Lane, lane_journal
from comparisons.runs.lane.questions import Question, Questions
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import LaneSettings, LiveSettings
from comparisons.text.facts import says
from comparisons.text.feeds import PromptFeed, TextFeed
from comparisons.text.prompts import as_prompt, turn
from comparisons.text.prompts import turns as prompt_turns
from streaming.errors import SettingsError, StreamingError
from streaming.generate import Sampling, decode
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.share import SinkShare
from streaming.stream import open_stream
from tests.support import tiny
from tests.support.speaking import BYTES_PER_TOKEN, PatientFeed, by_rote, ids_of, loaded, tokenizer

POLICIES = ("dense", "sinks:4+28", "window:32", "recompute:16")
QUIET = {"answers": False, "perplexity_window": 64, "stride": 8}


def open_lane(policy: str, *, model: LoadedModel | None = None, feed=None, memory=None, **settings) -> Lane:
    model = model or loaded()
    feed = feed or PromptFeed(model.tokenizer, model.start_token, seed=0)
    chosen, lane_settings = Policy.parse(policy), LaneSettings(**settings)
    journal = lane_journal(model, chosen, lane_settings)
    return Lane.open(model, chosen, feed, lane_settings, journal, memory=memory)


def drive(lane: Lane, most=lambda: 256) -> Lane:
    while not lane.ended:
        lane.advance(most())
    return lane


def offline_nats(policy: str, count: int) -> tuple[list[int], np.ndarray]:
    ids = ids_of(PromptFeed(tokenizer(), 0, seed=0), count)
    return ids, open_stream(loaded(), Policy.parse(policy)).read(ids).double().numpy()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("chunk", ["1", "7", "256", "any"])
def test_the_curve_is_that_of_the_whole_text_read_at_once(policy, chunk):
    count = 100 if policy.startswith("recompute") else 300
    sizes = random.Random(0)
    most = {"any": lambda: sizes.randint(1, 90)}.get(chunk, lambda: int(chunk) if chunk != "any" else 0)
    lane = drive(open_lane(policy, max_tokens=count, **QUIET), most)
    _, nats = offline_nats(policy, count)
    points = lane.journal.snapshot(0)["curve"]["points"]
    assert [token for token, *_ in points] == list(range(8, count + 1, 8))
    for token, perplexity, *_ in points:
        assert perplexity == pytest.approx(math.exp(np.nanmean(nats[max(0, token - 64) : token])), rel=1e-4)
    total = lane.journal.snapshot(0)["perplexity_total"]
    assert total == pytest.approx(math.exp(np.nanmean(nats)), rel=1e-4)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_memory_curve_is_what_the_cache_holds_token_by_token(policy):
    lane = drive(open_lane(policy, max_tokens=96, **{**QUIET, "stride": 1}), lambda: 41)
    points = lane.journal.snapshot(0)["curve"]["points"]
    stream = open_stream(loaded(), Policy.parse(policy))
    for place, token in enumerate(ids_of(PromptFeed(tokenizer(), 0, seed=0), 96)):
        stream.read([token])
        assert points[place][2] == stream.peak_nbytes
    frame = lane.journal.snapshot(0)
    assert (frame["kv_bytes"], frame["cache_tokens"]) == (stream.peak_nbytes, len(stream.held()))


def test_points_carry_rising_seconds_and_the_work_of_their_own_stride():
    lane = drive(open_lane("dense", max_tokens=200, **QUIET), lambda: 50)
    points = lane.journal.snapshot(0)["curve"]["points"]
    seconds = [point[4] for point in points]
    assert seconds == sorted(seconds)
    assert all(point[3] > 0 for point in points)
    assert sum(point[3] * 8 for point in points) / 1000 < 1.1 * (seconds[-1] - seconds[0]) + 0.2


def test_all_policies_read_the_same_tokens():
    tails = [drive(open_lane(policy, max_tokens=120)).journal.snapshot(0)["text"] for policy in POLICIES]
    assert all([p for p, _ in tail["pieces"]] == [p for p, _ in tails[0]["pieces"]] for tail in tails)


@pytest.mark.parametrize("most", [1, 7, 256])
def test_the_memory_budget_is_used_to_the_last_token_that_fits(most):
    budget = 300 * BYTES_PER_TOKEN + BYTES_PER_TOKEN - 1
    lane = drive(open_lane("dense", kv_budget_bytes=budget), lambda: most)
    frame = lane.journal.snapshot(0)
    assert frame["tokens"] == 300
    assert frame["tokens"] * BYTES_PER_TOKEN <= budget < (frame["tokens"] + 1) * BYTES_PER_TOKEN
    assert (frame["status"], frame["reason"], frame["kv_bytes"]) == ("stopped", "kv-budget", 300 * BYTES_PER_TOKEN)
    assert [(e["kind"], e["at"]) for e in frame["events"][-2:]] == [("kv-budget", 300), ("stopped", 300)]
    assert lane.advance(5) == 0


def test_the_memory_budget_stops_a_window_only_where_the_window_does_not_fit():
    budget = 100 * BYTES_PER_TOKEN
    fits = drive(open_lane("sinks:4+96", kv_budget_bytes=budget, max_tokens=400)).journal.snapshot(0)
    assert (fits["tokens"], fits["reason"], fits["kv_bytes"]) == (400, "tokens", budget)
    larger = drive(open_lane("sinks:4+97", kv_budget_bytes=budget, max_tokens=400)).journal.snapshot(0)
    assert (larger["tokens"], larger["reason"]) == (100, "kv-budget")
    none = drive(open_lane("recompute:16", kv_budget_bytes=budget, max_tokens=150)).journal.snapshot(0)
    assert (none["tokens"], none["reason"], none["kv_bytes"]) == (150, "tokens", 17 * BYTES_PER_TOKEN)


def test_milestones_are_noted_where_they_happen():
    frame = drive(open_lane("sinks:4+28", max_tokens=90, **QUIET)).journal.snapshot(0)
    noted = [(event["kind"], event["at"]) for event in frame["events"]]
    assert noted == [("first-eviction", 33), ("training-length", 64), ("stopped", 90)]
    seconds = [event["seconds"] for event in frame["events"]]
    assert seconds == sorted(seconds)


def test_a_text_ends_the_lane_at_its_last_token():
    feed = TextFeed(tokenizer(), 0, "A lantern, a boat and a key. " * 20)
    frame = drive(open_lane("sinks:4+28", feed=feed)).journal.snapshot(0)
    assert (frame["status"], frame["reason"]) == ("stopped", "end-of-text")
    assert frame["tokens"] == len(ids_of(feed, 10**6))


def test_text_and_likelihoods_stand_at_their_tokens():
    lane = drive(open_lane("sinks:4+28", max_tokens=400, **QUIET), lambda: 37)
    ids, nats = offline_nats("sinks:4+28", 400)
    text = lane.journal.snapshot(0)["text"]
    assert text["from"] == 400 - TAIL_TOKENS
    assert "".join(piece for piece, _ in text["pieces"]) == tokenizer().decode(ids[-TAIL_TOKENS:])
    assert [nat for _, nat in text["pieces"]] == pytest.approx(nats[-TAIL_TOKENS:], rel=1e-3, abs=1e-3)


def test_the_first_token_has_no_likelihood():
    lane = open_lane("dense", **QUIET)
    assert lane.journal.snapshot(0)["text"] == {"from": 0, "pieces": []}
    lane.advance(1)
    frame = lane.journal.snapshot(0)
    assert frame["text"] == {"from": 0, "pieces": [("<s>", None)]}
    assert (frame["perplexity"], frame["perplexity_total"]) == (None, None)


@pytest.mark.parametrize("most", [1, 5, 200])
def test_text_never_shows_parts_of_characters(most):
    text = "🦔 née 語り部 – ένα μικρό φανάρι 👩‍👩‍👧. " * 6
    lane = open_lane("sinks:4+28", feed=TextFeed(tokenizer(), 0, text), **QUIET)
    seen = ""
    told = 0
    while not lane.ended:
        lane.advance(most)
        tail = lane.journal.snapshot(0)["text"]
        shown = [piece for piece, _ in tail["pieces"]]
        assert "\ufffd" not in "".join(shown)
        seen += "".join(shown[told - tail["from"] :]) if most <= TAIL_TOKENS else ""
        told = tail["from"] + len(shown)
    assert text.endswith("".join(shown).removeprefix("<s>"))
    assert most > TAIL_TOKENS or seen == "<s>" + text


def test_snapshots_send_what_is_asked_for_and_at_least_the_end():
    lane = drive(open_lane("dense", max_tokens=800, **QUIET))
    assert lane.journal.snapshot(0)["curve"]["from"] == 0
    assert len(lane.journal.snapshot(0)["curve"]["points"]) == 100
    late = lane.journal.snapshot(98)["curve"]
    assert (late["from"], len(late["points"])) == (100 - TAIL_POINTS, TAIL_POINTS)
    assert lane.journal.snapshot(20)["curve"] == {
        "from": 20,
        "points": lane.journal.snapshot(0)["curve"]["points"][20:],
    }


def shapes(frame: LaneFrame) -> np.ndarray:
    """Tokens, perplexity and bytes of the curve's points (points, 3)."""
    return np.array([point[:3] for point in frame["curve"]["points"]], dtype=float)


ENOUGH = 1200
"""Tokens, with some questions among them."""


def answers_of(policy: str, **settings) -> list[dict]:
    """All answers of a run, each as it was when it was done."""
    lane, done = open_lane(policy, **settings), {}
    while not lane.ended:
        lane.advance(256)
        done |= {a["turn"]: a for a in lane.journal.snapshot(0)["answers"]["items"] if a["done"]}
    return list(done.values())


def test_all_lanes_answer_the_same_turns_and_answering_leaves_no_trace():
    settings = {"max_tokens": 1500, "perplexity_window": 64, "stride": 8, "answer_tokens": 6}
    turns = [[a["turn"] for a in answers_of(policy, **settings)] for policy in ("dense", "sinks:4+28")]
    asking = [each.index for each in islice(prompt_turns(0), 60) if each.asks is not None]
    assert turns[0] == turns[1] == asking[: len(turns[0])] and len(turns[0]) > 4
    for policy in ("dense", "sinks:4+28"):
        talking = drive(open_lane(policy, **settings)).journal.snapshot(0)
        silent = drive(open_lane(policy, answers=False, **settings)).journal.snapshot(0)
        assert shapes(talking) == pytest.approx(shapes(silent), rel=1e-4)
        assert talking["kv_bytes"] == silent["kv_bytes"]


def test_an_answer_is_the_greedy_continuation_of_the_stream_there():
    answer = answers_of("sinks:4+28", max_tokens=ENOUGH, answer_tokens=9)[1]
    asked = turn(0, answer["turn"])
    assert (answer["prompt"], answer["reference"]) == (asked.prompt, asked.reply)
    assert answer["expected"] == asked.answer
    ids = ids_of(PromptFeed(tokenizer(), 0, seed=0), answer["at"])
    assert tokenizer().decode(ids).endswith(asked.prompt_text)
    stream = open_stream(loaded(), Policy.parse("sinks:4+28"))
    stream.read(ids)
    said = list(decode(stream, sampling=Sampling(), max_tokens=9, stop=(1,)))
    assert answer["answer"] == tokenizer().decode(said).partition("\n")[0].strip()


def test_an_answer_ends_with_its_line():
    model = by_rote(":", " a", "b", "\n", "never")
    answer = next(iter(answers_of("dense", model=model, max_tokens=ENOUGH)))
    assert (answer["answer"], answer["done"]) == ("ab", True)


def test_an_answer_grows_step_by_step_and_ends_at_its_length():
    lane = open_lane("dense", answer_tokens=5)
    while not lane.answering:
        lane.advance(256)
    tokens, shown = lane.journal.snapshot(0)["tokens"], []
    while lane.answering:
        assert lane.advance(256) == 0
        frame = lane.journal.snapshot(0)
        assert frame["tokens"] == tokens
        shown.append((frame["answers"]["items"][-1]["answer"], frame["answers"]["items"][-1]["done"]))
    assert [done for _, done in shown] == [False] * 5 + [True]
    assert lane.journal.snapshot(0)["status"] == "answering"
    lane.advance(1)
    assert lane.journal.snapshot(0)["status"] == "reading"


def chosen(every: int, reach: int | None, distances: list[int]) -> list[int]:
    """Which of so many questions are answered, each about something so many tokens back."""
    lane, asking = open_lane("window:32"), turn(0, 4)
    answers = PromptAnswers(lane.journal, lane.live, every, reach)
    asked = (Asked(turn=asking, told_at=1000 * n) for n in range(len(distances)))
    return [n for n, one in enumerate(asked) if answers.chooses(one, one.told_at + distances[n])]


def test_answers_get_rarer_as_the_stream_grows():
    numbers = chosen(2, None, [10] * 512)
    assert numbers[:32] == list(range(0, 64, 2))
    assert numbers[32:48] == list(range(64, 128, 4))
    assert numbers[48:64] == list(range(128, 256, 8))
    assert numbers[64:] == list(range(256, 512, 16))


def test_most_questions_that_are_answered_are_about_what_every_cache_holds():
    assert chosen(1, 100, [100, 101] * 8) == [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14]
    assert chosen(1, None, [10**6] * 4) == [0, 1, 2, 3]


@pytest.mark.parametrize(("policy", "recent"), [("dense", None), ("sinks:4+96", 96), ("window:40", 40)])
def test_answers_are_judged_and_counted_and_say_whether_the_cache_holds_what_is_asked_for(policy, recent):
    lane, judged = open_lane(policy, max_tokens=ENOUGH, answer_tokens=4), {}
    while not lane.ended:
        lane.advance(256)
        judged |= {a["turn"]: a for a in lane.journal.snapshot(0)["answers"]["items"] if a["done"]}
    ids = ids_of(PromptFeed(tokenizer(), 0, seed=0), ENOUGH)
    for answer in judged.values():
        telling = turn(0, turn(0, answer["turn"]).asks)
        assert tokenizer().decode(ids[answer["told_at"] :]).startswith(telling.text)
        assert answer["in_cache"] == (recent is None or answer["told_at"] >= answer["at"] - recent)
        assert answer["right"] == says(answer["answer"], answer["expected"])
    right = sum(answer["right"] for answer in judged.values())
    assert lane.journal.snapshot(0)["judged"] == {"asked": len(judged), "right": right}


def test_an_answer_that_holds_the_fact_is_right():
    asking = turn(0, 4)
    journal = open_lane("dense").journal
    answers = PromptAnswers(journal, LiveSettings(LaneSettings()), 1, None)
    for said, right in ((f"It was {asking.answer.upper()}.", True), ("I do not know", False)):
        answers.begin(Asked(turn=asking, told_at=0), Said(said))
        answers.step()
        assert journal.snapshot(0)["answers"]["items"][-1]["right"] is right
    assert journal.snapshot(0)["judged"] == {"asked": 2, "right": 1}


class Said:
    """An answer that is complete at once."""

    def __init__(self, text: str) -> None:
        self.text = text

    def step(self) -> bool:
        return True

    def close(self) -> None:
        pass


def test_no_answer_where_the_budget_has_ended_the_lane():
    ids = ids_of(PromptFeed(tokenizer(), 0, seed=0), 10**4)
    at = answers_of("dense", max_tokens=ENOUGH)[1]["at"]
    lane = drive(open_lane("dense", max_tokens=at))
    assert lane.journal.snapshot(0)["tokens"] == at < len(ids)
    assert len(lane.journal.snapshot(0)["answers"]["items"]) == 1


def test_an_answer_is_never_longer_than_the_memory_that_is_left():
    at = answers_of("dense", max_tokens=ENOUGH)[1]["at"]
    lane = open_lane("dense", kv_budget_bytes=(at + 2) * BYTES_PER_TOKEN)
    while lane.journal.tokens < at:
        lane.advance(256)
    steps = 0
    while lane.answering:
        lane.advance(1)
        steps += 1
    assert steps == 3  # two tokens, and the end


def test_a_budget_below_a_single_token_reads_nothing():
    wide = tiny.build("llama", vocab_size=len(tokenizer()), head_dim=2048)
    model = LoadedModel(name="wide", model=wide, tokenizer=tokenizer(), context=64, start_token=0)
    frame = drive(open_lane("dense", model=model, kv_budget_bytes=2**16)).journal.snapshot(0)
    assert (frame["tokens"], frame["reason"], frame["perplexity"]) == (0, "kv-budget", None)


def test_the_last_answer_of_a_run_is_not_cut_short():
    at = answers_of("dense", max_tokens=ENOUGH)[1]["at"]
    answers = answers_of("dense", max_tokens=at + 1, answer_tokens=9)
    longer = answers_of("dense", max_tokens=ENOUGH, answer_tokens=9)
    assert [a["answer"] for a in answers] == [a["answer"] for a in longer[:2]]


def test_a_model_that_gives_no_number_is_an_error_in_words():
    broken = copy.deepcopy(loaded().model)
    with torch.no_grad():
        broken.lm_head.weight.fill_(math.nan)
    model = LoadedModel(name="broken", model=broken, tokenizer=tokenizer(), context=64, start_token=0)
    with pytest.raises(StreamingError, match="NaN"):
        open_lane("dense", model=model).advance(10)


def test_a_closed_lane_keeps_its_measurements():
    lane = open_lane("dense", **QUIET)
    lane.advance(64)
    before = lane.journal.snapshot(0)
    lane.close()
    lane.close()
    after = lane.journal.snapshot(0)
    assert (after["tokens"], after["curve"], after["kv_bytes"]) == (64, before["curve"], before["kv_bytes"])


@pytest.mark.parametrize(
    "setting",
    [
        {"kv_budget_bytes": 10},
        {"max_tokens": 0},
        {"chunk": 1.5},
        {"stride": True},
        {"perplexity_window": "64"},
        {"answers": 1},
        {"answer_every": 0},
        {"answer_tokens": math.nan},
    ],
)
def test_settings_out_of_range_are_refused_by_name(setting):
    with pytest.raises(SettingsError, match=next(iter(setting))):
        LaneSettings(**setting)


def encoded(text: str) -> tuple[int, ...]:
    return tuple(tokenizer().encode(text, add_special_tokens=False))


def question(text: str = "Who hid the lantern?", number: int = 1) -> Question:
    return replace(Questions(loaded()).make(text), id=number)


def prompt(text: str = "Who hid the lantern?") -> tuple[int, ...]:
    return encoded(as_prompt(text))


def reply(lane: Lane, most: int = 256) -> dict:
    """The lane's reply to the question that waits, to its end."""
    while lane.replies.wanted:
        lane.reply(most)
    return lane.journal.snapshot(0)["said"]


def continuation(policy: str, ids: list[int], most: int) -> str:
    """What a stream that has read these tokens says next, to the end of its line, without half a character."""
    stream = open_stream(loaded(), Policy.parse(policy))
    stream.read(ids)
    said = decode(stream, sampling=Sampling(), max_tokens=most, stop=(1,))
    return tokenizer().decode(list(said)).partition("\n")[0].rstrip("\ufffd").strip()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("most", [3, 256])
def test_questions_leave_no_trace_in_what_is_read(policy, most):
    def read(asking: bool) -> Lane:
        lane = open_lane(policy, max_tokens=120, answer_tokens=3, **QUIET)
        for number in range(1, 200):
            if asking and not lane.ended and number % 3 == 0:
                lane.replies.ask(question(number=number))
                reply(lane, most)
            lane.advance(17)
        return lane

    asked, silent = read(asking=True).journal.snapshot(0), read(asking=False).journal.snapshot(0)
    assert asked["said"] is not None and silent["said"] is None
    assert asked["text"] == silent["text"], "every token's nats, to the last digit"
    assert shapes(asked).tolist() == shapes(silent).tolist()
    assert (asked["perplexity_total"], asked["kv_bytes"]) == (silent["perplexity_total"], silent["kv_bytes"])


@pytest.mark.parametrize("most", [1, 5, 256])
def test_a_reply_is_what_the_stream_would_say_if_the_question_were_its_next_turn(most):
    lane = open_lane("sinks:4+28", answer_tokens=9, **QUIET)
    for _ in range(30):
        lane.advance(7)
    lane.replies.ask(question())
    said = reply(lane, most)
    ids = [*ids_of(PromptFeed(tokenizer(), 0, seed=0), 210), *question().ids["within"]]
    assert said["answer"] == continuation("sinks:4+28", ids, 9) != ""
    assert (said["id"], said["at"], said["question"], said["done"]) == (1, 210, "Who hid the lantern?", True)
    assert (said["reason"], said["message"]) == (None, "")


def test_between_two_turns_a_question_needs_no_blank_line():
    lane = open_lane("dense", answer_tokens=9, **QUIET)
    first = sum(len(segment.ids) for segment in islice(PromptFeed(tokenizer(), 0, seed=0), 3))
    lane.advance(first)
    lane.replies.ask(question())
    ids = [*ids_of(PromptFeed(tokenizer(), 0, seed=0), first), *prompt()]
    assert reply(lane)["answer"] == continuation("dense", ids, 9)


def test_a_question_before_the_first_token_begins_with_the_start_token():
    lane = open_lane("dense", answer_tokens=9, **QUIET)
    lane.replies.ask(question())
    said = reply(lane)
    assert (said["at"], said["answer"]) == (0, continuation("dense", [0, *prompt()], 9))


def test_a_reply_grows_token_by_token_and_ends_with_its_line():
    lane = open_lane("dense", model=by_rote(":", " a", "b", "\n", "never"), **QUIET)
    lane.advance(20)
    lane.replies.ask(question())
    shown = []
    while lane.replies.wanted:
        lane.reply(256)
        shown.append((lane.journal.snapshot(0)["said"]["answer"], lane.journal.snapshot(0)["said"]["done"]))
    assert shown == [("", False), ("", False), ("a", False), ("ab", False), ("ab", True)]


def test_a_new_question_takes_the_place_of_an_unfinished_one():
    lane = open_lane("dense", **QUIET)
    lane.advance(20)
    lane.replies.ask(question("First?", 1))
    for _ in range(4):
        lane.reply(256)
    lane.replies.ask(question("Second?", 2))
    lane.replies.ask(question("Third?", 3))
    said = reply(lane)
    assert (said["id"], said["question"], said["done"]) == (3, "Third?", True)


def test_a_question_that_the_memory_budget_cannot_hold_is_told_so_and_the_lane_reads_on():
    long = question("Who hid the lantern behind the stove, and why, and when? " * 8)
    lane = open_lane("dense", kv_budget_bytes=100 * BYTES_PER_TOKEN, **QUIET)
    lane.advance(100 - len(long.ids["within"]) // 2)
    lane.replies.ask(long)
    assert reply(lane)["reason"] == "kv-budget"
    lane.replies.ask(question("A?", 2))
    assert reply(lane)["reason"] is None, "a shorter one has room"
    assert drive(lane).journal.snapshot(0)["tokens"] == 100


def test_a_reply_is_never_longer_than_the_memory_that_is_left():
    taken = 60 + len(question().ids["within"])
    lane = open_lane("dense", kv_budget_bytes=(taken + 2) * BYTES_PER_TOKEN, **QUIET)
    lane.advance(60)
    lane.replies.ask(question())
    ids = [*ids_of(PromptFeed(tokenizer(), 0, seed=0), 60), *question().ids["within"]]
    assert reply(lane)["answer"] == continuation("dense", ids, 2)


@pytest.mark.parametrize("policy", ["sinks:4+28", "sinks:40+4", "window:32"])
def test_what_a_bounded_lane_needs_nobody_takes_away(policy):
    memory = KvMemory(10**8)
    lane = open_lane(policy, memory=memory, max_tokens=ENOUGH, answer_tokens=4)
    assert memory.share().hold(memory.limit_bytes - memory.held_bytes)
    for number in range(1, 10_000):
        lane.advance(17)
        if lane.answering:  # the moment when it needs most
            lane.replies.ask(question(number=number))
            assert reply(lane)["reason"] is None
        if lane.ended:
            break
    frame = lane.journal.snapshot(0)
    assert (frame["reason"], frame["tokens"]) == ("tokens", ENOUGH)
    assert frame["answers"]["items"]


def taken(lane: Lane) -> int:
    """Bytes of the lane's cache and of the fork that replies."""
    answer = None if lane.replies._reply is None else lane.replies._reply._answer
    return lane.stream.allocated_nbytes + (0 if answer is None else answer._fork.allocated_nbytes)


@pytest.mark.parametrize("policy", ["dense", "sinks:4+28", "sinks:40+4", "window:32"])
@pytest.mark.parametrize("most", [1, 16, 256])
def test_a_fork_never_outgrows_what_is_held_for_it_whatever_the_stream_reads_meanwhile(policy, most):
    memory = KvMemory(10**9)
    lane = open_lane(policy, memory=memory, answer_tokens=30, **QUIET)
    lane.advance(100)
    lane.replies.ask(question("Who hid the lantern behind the stove, and why, and when? " * 8))
    seen = []
    while lane.replies.wanted:
        lane.reply(most)
        seen.append((taken(lane), memory.held_bytes))
        lane.advance(3)
        seen.append((taken(lane), memory.held_bytes))
    assert len(seen) > 20 and max(seen)[0] > lane.stream.allocated_nbytes
    assert all(bytes_ <= held for bytes_, held in seen)


def test_a_bounded_lane_that_does_not_find_what_it_needs_says_so_at_once():
    memory = KvMemory(32 * BYTES_PER_TOKEN)
    assert drive(open_lane("sinks:4+28", memory=memory)).journal.snapshot(0)["tokens"] == 0
    assert drive(open_lane("sinks:4+28", memory=memory)).journal.snapshot(0)["reason"] == "memory"


@pytest.mark.parametrize(
    ("settings", "reason"), [({"kv_budget_bytes": 90 * BYTES_PER_TOKEN}, "kv-budget"), ({"max_tokens": 90}, "ended")]
)
def test_a_lane_that_has_ended_says_why_it_cannot_answer(settings, reason):
    for asked_first in (True, False):
        lane = open_lane("dense", **settings, **QUIET)
        drive(lane)
        if asked_first:
            lane.replies.ask(question())
        lane.close()
        if not asked_first:
            lane.replies.ask(question())
        said = lane.journal.snapshot(0)["said"]
        assert (said["done"], said["reason"], said["answer"], said["at"]) == (True, reason, "", 90)


def test_a_lane_that_is_closed_in_the_middle_of_a_reply_keeps_what_it_said():
    lane = open_lane("dense", model=by_rote(":", " a", "b", "c", "d"), **QUIET)
    lane.advance(20)
    lane.replies.ask(question())
    for _ in range(4):
        lane.reply(256)
    lane.close()
    said = lane.journal.snapshot(0)["said"]
    assert (said["answer"], said["done"], said["reason"]) == ("ab", True, "ended")


def test_facts_are_told_with_the_token_after_which_they_are_known():
    lane = drive(open_lane("sinks:4+28", max_tokens=700, **QUIET), lambda: 13)
    text = "".join(each.text for each in islice(prompt_turns(0), 60))
    told = lane.journal.snapshot(0)["told"]
    assert len(told) == 3 and [fact["at"] for fact in told] == sorted((fact["at"] for fact in told), reverse=True)
    for fact in told:
        known = tokenizer().decode(ids_of(PromptFeed(tokenizer(), None, seed=0), fact["at"] - 1))
        assert known.endswith("\n\n") and text.startswith(known)
        assert fact["answer"] in known.rstrip().rpartition("\n\n")[2]


def test_a_lane_waits_for_a_feed_that_has_nothing_yet_and_ends_with_it():
    feed = PatientFeed()
    lane = open_lane("dense", feed=feed, **QUIET)
    assert (lane.advance(50), lane.journal.snapshot(0)["status"]) == (0, "waiting")
    feed.say("A lantern.")
    assert lane.advance(50) == len(encoded("A lantern."))
    assert lane.journal.snapshot(0)["status"] == "reading"
    assert (lane.advance(50), lane.journal.snapshot(0)["status"], lane.ended) == (0, "waiting", False)
    lane.replies.ask(question())
    assert reply(lane)["done"]
    feed.say(" A key.")
    feed.end()
    assert lane.advance(50) == len(encoded(" A key."))
    assert lane.advance(50) == 0
    assert (lane.journal.snapshot(0)["reason"], lane.journal.snapshot(0)["tokens"]) == (
        "end-of-text",
        len(encoded("A lantern. A key.")),
    )


def test_the_attention_on_the_first_tokens_is_that_of_the_stream_and_leaves_no_trace():
    watched = {}
    for policy in ("dense", "sinks:4+28", "window:32", "recompute:16"):
        lane = drive(open_lane(policy, max_tokens=90, **QUIET), lambda: 90)
        watched[policy] = lane.journal.snapshot(0)
    for policy in ("dense", "sinks:4+28"):
        share = SinkShare(4, last=16, row=True)
        read = open_stream(loaded(), Policy.parse(policy)).read(
            ids_of(PromptFeed(tokenizer(), 0, seed=0), 90), share=share
        )
        told = watched[policy]["sink_share"]
        assert told["tokens"] == 4
        assert told["layers"] == pytest.approx(share.by_head.mean(dim=1).tolist(), abs=1e-4)
        attention = watched[policy]["attention"]
        assert (attention["at"], attention["first"]) == (89, 4)
        for row, seen in zip(attention["layers"], share.last_row.tolist(), strict=True):
            assert len(row) == min(90, 4 + 28 + 1 if policy != "dense" else 90)
            assert row == pytest.approx([10_000 * one for one in seen], abs=1)
        assert watched[policy]["perplexity_total"] == pytest.approx(math.exp(read[1:].double().mean()), rel=1e-4)
    assert watched["window:32"]["sink_share"] is None, "evicted"
    assert watched["recompute:16"]["sink_share"] is None, "no cache"


def test_attention_is_looked_at_once_a_second_at_most(monkeypatch):
    lane = open_lane("dense", max_tokens=400, **QUIET)
    looks = []
    told = lane.journal.set_attention
    monkeypatch.setattr(lane.journal, "set_attention", lambda *seen: (looks.append(time.perf_counter()), told(*seen)))
    began = time.perf_counter()
    drive(lane, lambda: 1)
    assert 1 <= len(looks) <= 1 + (time.perf_counter() - began)
