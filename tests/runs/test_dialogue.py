from __future__ import annotations

import json
import threading
import time
from itertools import islice

import pytest
import torch

from comparisons.metrics import perplexity
from comparisons.runs.dialogue.lane import DialogueLane
from comparisons.runs.dialogue.run import Dialogue
from comparisons.runs.dialogue.settings import DialogueSettings
from comparisons.runs.memory import KvMemory
from comparisons.text.chat import ChatForm
from comparisons.text.requests import Request
from comparisons.text.told import told_history, told_requests
from streaming import load, open_stream
from streaming.errors import SettingsError
from streaming.generate import Sampling, decode
from streaming.policy import Policy

POLICIES = tuple(map(Policy.parse, ("dense", "window:64", "sinks:4+60")))
GREEDY = Sampling()


@pytest.fixture(scope="module")
def loaded():
    return load("sink")


def lane(loaded, policy="sinks:4+60", **settings):
    given = {"sampling": GREEDY, "answer_tokens": 24} | settings
    return DialogueLane(loaded, Policy.parse(policy), ChatForm.of(loaded), **given)


def run(loaded, **settings):
    with Dialogue(loaded, DialogueSettings(**{"lanes": POLICIES, "turns": 4, "answer_tokens": 16} | settings)) as one:
        frames = list(one.frames())
    return one, frames


@pytest.mark.parametrize("policy", ["dense", "window:64", "sinks:4+60", "recompute:40"])
def test_a_lane_says_and_measures_what_a_plain_loop_over_a_stream_does(loaded, policy):
    form, one = ChatForm.of(loaded), lane(loaded, policy)
    stream = open_stream(loaded, Policy.parse(policy), chunk=1)
    if loaded.start_token is not None:
        stream.read([loaded.start_token])
    for turn, asked in enumerate(islice(told_requests(5), 5)):
        message = form.message(asked.text, first=turn == 0)
        nats = stream.read(message.ids)[message.asked.start : message.asked.stop]
        said = ""
        for token in decode(stream.fork(), sampling=GREEDY, max_tokens=24, stop=form.stop):
            said += loaded.tokenizer.decode([token])
            if "\n" in said:
                break
            stream.step(token)
        list(one.answer(asked, turn))
        record = one.records[turn]
        assert record["answer"] == said.partition("\n")[0].strip()
        assert record["perplexity"] == pytest.approx(perplexity(nats.tolist()), rel=1e-3)
        assert record["tokens"] == stream.tokens


def test_lanes_are_asked_the_same_and_answer_for_themselves(loaded):
    one, frames = run(loaded)
    records = one.records()
    assert list(records) == ["dense", "window:64", "sinks:4+60"]
    asked = [[r["message"] for r in lane] for lane in records.values()]
    assert asked[0] == asked[1] == asked[2] and len(asked[0]) == 4
    assert records["window:64"][-1]["answer"] != records["sinks:4+60"][-1]["answer"]
    assert frames[-1]["state"] == "finished" and {f["status"] for f in frames[-1]["lanes"]} == {"stopped"}
    assert {f["reason"] for f in frames[-1]["lanes"]} == {"turns"}
    json.dumps(frames, allow_nan=False)


def test_the_same_seed_says_the_same_and_memory_stays(loaded):
    hot = Sampling(temperature=0.9, top_p=0.9, repetition_penalty=1.2, seed=3)
    again = [run(loaded, lanes=POLICIES[2:], sampling=hot, turns=8)[0].records()["sinks:4+60"] for _ in range(2)]
    texts = [[r["answer"] for r in records] for records in again]
    assert texts[0] == texts[1] and len({r["kv_bytes"] for r in again[0][4:]}) == 1


def test_history_is_read_and_what_it_told_is_known(loaded):
    history = told_history(5, 6)
    with Dialogue(
        loaded, DialogueSettings(lanes=POLICIES[:1], seed=5, turns=2, answer_tokens=8), history=history
    ) as one:
        frames = list(one.frames())
    first = one.records()["dense"][0]
    assert first["turn"] == 6 and first["message"] == next(told_requests(5, 6)).text
    read = loaded.tokenizer("".join(f"User: {r.text}\nAssistant: {a}\n\n" for r, a in history)).input_ids
    assert abs(first["tokens"] - first["message_tokens"] - first["answer_tokens"] - len(read)) <= 2
    assert frames[0]["header"]["heard"] == frames[-1]["lanes"][0]["heard"] == 6


@pytest.mark.parametrize("policy", ["dense", "recompute:40"])
def test_a_lane_that_heard_goes_on_as_one_that_read_token_by_token(loaded, policy):
    heard, read, form = lane(loaded, policy), lane(loaded, policy), ChatForm.of(loaded)
    for turn, (request, answer) in enumerate(told_history(5, 4)):
        heard.hear(request, answer)
        read.stream.read([*form.message(request.text, first=turn == 0).ids, *form.reply(answer)])
    assert heard.stream.tokens == heard.tokens == read.stream.tokens
    torch.testing.assert_close(heard.stream.logits, read.stream.logits, rtol=1e-3, atol=1e-3)


def test_a_fact_of_the_dialogue_is_judged_and_known_to_be_in_the_cache_or_not(loaded):
    one = lane(loaded)
    told = Request(index=0, kind="tell", text="The cat of Zelda is called Pepper.")
    asks = Request(index=9, kind="ask", text="What is the cat of Zelda called?", asks=0, answer="Pepper")
    list(one.answer(told, 0))
    list(one.answer(asks, 1))
    assert one.records[-1]["in_cache"] is True and one.records[-1]["right"] in (True, False)
    for turn, asked in enumerate(islice(told_requests(2), 4)):
        list(one.answer(Request(index=20 + turn, kind="story", text=asked.text), 2 + turn))
    list(one.answer(asks, 9))
    assert one.records[-1]["in_cache"] is False
    assert one.records[0]["right"] is None


def test_a_lane_stops_before_the_turn_that_could_break_its_budget_and_the_others_go_on(loaded):
    _, frames = run(loaded, kv_budget_bytes=1_000_000, turns=12)
    lanes = {f["label"]: f for f in frames[-1]["lanes"]}
    assert lanes["dense"]["reason"] == "kv-budget" and lanes["sinks:4+60"]["reason"] == "turns"
    assert all(f["kv_bytes"] <= 1_000_000 for frame in frames for f in frame["lanes"])


def test_a_visitors_message_is_the_next_turn_of_every_lane(loaded):
    settings = DialogueSettings(lanes=POLICIES[1:], turns=3, answer_tokens=8)
    dialogue = Dialogue(loaded, settings)
    dialogue.ask("  Where is the key?  ")
    with dialogue as one:
        list(one.frames())
    for records in one.records().values():
        assert [r["kind"] == "visitor" for r in records] == [True, False, False]
        asked = [r.text for r in islice(told_requests(0), 2)]
        assert [r["message"] for r in records] == ["Where is the key?", *asked]
    with pytest.raises(SettingsError, match="empty"):
        dialogue.ask("  ")


def test_a_dialogue_stops_at_once_and_leaves_no_thread(loaded):
    before = threading.active_count()
    with Dialogue(loaded, DialogueSettings(lanes=POLICIES, turns=1000, answer_tokens=64)) as one:
        next(one.frames())
        began = time.monotonic()
    assert time.monotonic() - began < 1 and threading.active_count() == before


def test_a_lane_that_fails_says_so_and_the_others_go_on(loaded, monkeypatch):
    real = DialogueLane.answer

    def failing(self, request, turn):
        if self.policy.kind == "window" and turn == 1:
            raise RuntimeError("no more")
        return real(self, request, turn)

    monkeypatch.setattr(DialogueLane, "answer", failing)
    _, frames = run(loaded)
    lanes = {f["label"]: f for f in frames[-1]["lanes"]}
    assert lanes["window:64"]["status"] == "failed" and "(RuntimeError)" in lanes["window:64"]["message"]
    assert lanes["dense"]["done"] == lanes["sinks:4+60"]["done"] == 4


def test_the_repetition_penalty_is_that_of_its_source():
    from streaming.generate import pick

    logits = torch.tensor([2.0, 1.9, -1.0, 0.5])
    generator = torch.Generator().manual_seed(0)
    assert pick(logits, Sampling(), generator, [0]) == 0
    assert pick(logits, Sampling(repetition_penalty=1.2), generator, [0]) == 1
    assert logits.tolist() == pytest.approx([2.0, 1.9, -1.0, 0.5])


def test_the_next_prompt_comes_once_all_lanes_have_answered(loaded):
    one, _ = run(loaded)
    lanes = list(one.records().values())
    for turn in range(1, 4):
        assert min(lane[turn]["began"] for lane in lanes) >= max(lane[turn - 1]["seconds"] for lane in lanes)
    assert all(record["began"] <= record["seconds"] for lane in lanes for record in lane)


def test_frames_overlap_and_one_who_comes_back_is_told_all_again(loaded):
    with Dialogue(loaded, DialogueSettings(lanes=POLICIES[1:], turns=3, answer_tokens=8)) as one:
        teller = one.start()
        first = teller.frame()
        while not one.wait(0.02):
            frame = teller.frame()
            assert "header" not in frame and all(lane["turns"]["from"] <= lane["done"] for lane in frame["lanes"])
        for _ in range(3):
            last = teller.frame()
        assert all(lane["turns"] == {"from": 3, "items": []} for lane in last["lanes"])
        teller.rewind(first["seq"])
        again = teller.frame()
    assert again["header"] == first["header"] and [len(lane["turns"]["items"]) for lane in again["lanes"]] == [3, 3]


def test_a_dialogue_is_held_and_goes_on(loaded):
    with Dialogue(loaded, DialogueSettings(lanes=POLICIES[2:], turns=100, answer_tokens=16)) as one:
        teller = one.start()
        while not teller.frame()["lanes"][0]["done"]:
            one.wait(0.02)
        one.pause()
        one.wait(0.3)
        held = teller.whole()
        one.wait(0.3)
        assert teller.whole()["lanes"][0]["tokens"] == held["lanes"][0]["tokens"] and held["state"] == "paused"
        assert teller.whole()["seconds"] == held["seconds"]
        one.resume()
        while teller.frame()["lanes"][0]["tokens"] == held["lanes"][0]["tokens"]:
            one.wait(0.02)


def test_without_requests_lanes_wait_for_a_visitors(loaded):
    with Dialogue(loaded, DialogueSettings(lanes=POLICIES[2:], turns=2, answer_tokens=8, prompts=False)) as one:
        teller = one.start()
        one.wait(0.4)
        assert teller.frame()["lanes"][0]["status"] == "waiting"
        one.ask("Who is there?")
        one.ask("And now?")
        while not one.wait(0.05):
            pass
    assert [record["message"] for record in one.records()["sinks:4+60"]] == ["Who is there?", "And now?"]


def test_lanes_of_a_dialogue_hold_their_share_of_the_memory_and_give_it_back(loaded):
    memory = KvMemory(600_000)
    with Dialogue(loaded, DialogueSettings(lanes=POLICIES[:1], turns=50, answer_tokens=16), memory=memory) as one:
        frames = list(one.frames())
    assert frames[-1]["lanes"][0]["reason"] == "memory" and memory.held_bytes == 0


@pytest.mark.parametrize("wrong", [{"turns": 0}, {"lanes": ()}, {"lanes": (POLICIES[0],) * 2}, {"answer_tokens": 0}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(SettingsError):
        DialogueSettings(**{"lanes": POLICIES} | wrong)
