from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from comparisons.runs.frames import TAIL_TOKENS
from comparisons.runs.lane.curve import KEPT_POINTS, KvUse
from comparisons.runs.lane.journal import Journal
from streaming.policy import Policy
from tests.support.speaking import tokenizer


def make(stride: int = 4) -> Journal:
    return Journal(
        policy=Policy.parse("dense"),
        milestones={"training-length": 64},
        window=16,
        stride=stride,
        tokenizer=tokenizer(),
        clock=time.monotonic,
    )


def read(journal: Journal, count: int) -> None:
    tokens = journal.tokens + count
    kv = KvUse(bytes=8 * tokens, allocated_bytes=16 * tokens, tokens=tokens, bytes_per_token=8)
    journal.add_read([50] * count, np.full(count, 2.0), 0.001 * count, kv)


def test_snapshots_are_of_one_moment_while_another_thread_writes():
    journal = make()
    writer = threading.Thread(target=lambda: [read(journal, 1 + i % 7) for i in range(2000)])
    writer.start()
    seen = 0
    while writer.is_alive() or seen == 0:
        frame = journal.snapshot(seen)
        curve, text = frame["curve"], frame["text"]
        assert frame["kv_bytes"] == 8 * frame["tokens"] == 8 * frame["cache_tokens"]
        assert curve["from"] + len(curve["points"]) == frame["tokens"] // 4
        assert [point[0] for point in curve["points"]] == [
            4 * (curve["from"] + i + 1) for i in range(len(curve["points"]))
        ]
        assert [point[2] for point in curve["points"]] == [8 * point[0] for point in curve["points"]]
        assert text["from"] + len(text["pieces"]) == frame["tokens"]
        seen = curve["from"] + len(curve["points"])
    writer.join()


def test_nothing_grows_with_the_stream():
    journal = make(stride=1)
    for _ in range(3 * KEPT_POINTS // 100):
        read(journal, 100)
    frame = journal.snapshot(0)
    assert len(frame["curve"]["points"]) == KEPT_POINTS
    assert frame["curve"]["from"] == journal.tokens - KEPT_POINTS
    assert len(frame["text"]["pieces"]) == TAIL_TOKENS


def test_an_end_is_final_and_the_first_reason_counts():
    journal = make()
    read(journal, 10)
    journal.end("stopped", "tokens")
    journal.end("failed", "error", "later")
    journal.set_status("reading")
    frame = journal.snapshot(0)
    assert (frame["status"], frame["reason"], frame["message"]) == ("stopped", "tokens", "")
    assert [event["kind"] for event in frame["events"]] == ["stopped"]


def test_numbers_that_are_not_finite_are_left_out():
    journal = make()
    journal.add_read([50] * 4, np.array([np.nan, np.inf, 1e4, 1e4]), 0.1, KvUse())
    frame = journal.snapshot(0)
    assert (frame["perplexity"], frame["perplexity_total"]) == (None, None)
    assert frame["curve"]["points"][0][:3] == (4, None, 0)
    assert [nat for _, nat in frame["text"]["pieces"]] == [None, None, 1e4, 1e4]


def test_frames_carry_six_digits():
    journal = make()
    journal.add_read([50] * 4, np.array([1.23456789] * 4), 0.123456789, KvUse())
    frame = journal.snapshot(0)
    assert frame["perplexity"] == pytest.approx(np.exp(1.23456789), rel=1e-5)
    assert len(str(frame["perplexity"])) <= 7


def test_the_time_of_a_curve_never_runs_back_even_if_a_pause_came_in_the_middle_of_a_read():
    now = [1.0]
    journal = Journal(
        policy=Policy.parse("dense"), milestones={}, window=16, stride=4, tokenizer=tokenizer(), clock=lambda: now[0]
    )  # fmt: skip
    journal.add_read([50] * 8, np.full(8, 2.0), 0.5, KvUse())
    now[0] = 1.01
    journal.add_read([50] * 8, np.full(8, 2.0), 0.4, KvUse())
    seconds = [point[4] for point in journal.snapshot(0)["curve"]["points"]]
    assert seconds == sorted(seconds) and seconds[-1] == 1.01
