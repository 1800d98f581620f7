"""What tables and figures measure is what a stream of the policy gives."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from comparisons.experiments.subjects import (
    Request,
    first_ids,
    line_break,
    no_bar,
    places_to_sample,
    read_nats,
    recompute_step,
    recomputed_nats,
    sinks_policy,
)
from comparisons.text.feeds import PromptFeed, TextFeed
from comparisons.text.sources import open_texts
from streaming.errors import SettingsError, StreamError
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import tiny
from tests.support.speaking import ids_of, loaded


def ids(count: int = 500) -> torch.Tensor:
    return first_ids(PromptFeed(loaded().tokenizer, loaded().start_token, seed=0), count)


def without_start() -> LoadedModel:
    return replace(loaded(), start_token=None)


@pytest.mark.parametrize("model", [loaded, without_start])
def test_sampled_recomputation_is_the_policy(model) -> None:
    """Before, at and after the point where the window begins to move."""
    read = open_stream(model(), Policy.parse("recompute:20")).read(ids(60)).numpy()
    places = np.array([1, 2, 19, 20, 21, 22, 23, 40, 59])
    assert recomputed_nats(model(), 20, ids(60), places, no_bar) == pytest.approx(read[places], abs=1e-4)


def test_a_step_of_recomputation_is_the_policys_step() -> None:
    stream = open_stream(loaded(), Policy.parse("recompute:20"))
    for token in ids(21).tolist():
        logits = stream.step(token)
    assert torch.allclose(recompute_step(loaded(), ids(21))[0].float(), logits, atol=1e-4)


def test_reading_piece_by_piece_is_reading_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comparisons.experiments.subjects.PIECE_TOKENS", 37)
    policy = Policy.parse("sinks:4+28")
    nats = read_nats(loaded(), policy, ids(), no_bar)
    assert math.isnan(nats[0])
    assert nats[1:] == pytest.approx(open_stream(loaded(), policy).read(ids())[1:].numpy(), abs=1e-4)


def test_a_bar_is_told_every_token() -> None:
    told = []

    class Bar:
        def __init__(self, label: str, total: int) -> None:
            told.append((label, total))

        def __enter__(self):
            return told.append

        def __exit__(self, *_) -> None:
            told.append("end")

    read_nats(loaded(), Policy.parse("window:16"), ids(100), Bar)
    recomputed_nats(loaded(), 16, ids(100), np.array([50, 60]), Bar)
    assert told == [("tiny, window:16", 100), 100, "end", ("tiny, recompute:16, sampled", 2), 1, 1, "end"]


def test_what_was_read_before_the_memory_ended_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comparisons.experiments.subjects.PIECE_TOKENS", 64)
    model = replace(loaded(), model=tiny.build("llama", vocab_size=len(loaded().tokenizer)))
    calls = []

    def run_out(*_) -> None:
        calls.append(1)
        if len(calls) > 3:
            raise torch.OutOfMemoryError("no memory")

    hook = model.model.register_forward_pre_hook(run_out)
    nats = read_nats(model, Policy(kind="dense"), ids(), no_bar)
    hook.remove()
    assert len(nats) == 3 * 64
    assert nats[1:] == pytest.approx(read_nats(model, Policy(kind="dense"), ids(192), no_bar)[1:], abs=1e-4)


def test_a_model_without_numbers_is_refused() -> None:
    model = tiny.load("llama", vocab_size=len(loaded().tokenizer)).model
    with torch.no_grad():
        model.lm_head.weight.fill_(math.nan)
    with pytest.raises(StreamError, match="float32"):
        read_nats(replace(loaded(), model=model), Policy.parse("window:16"), ids(40), no_bar)


def test_the_first_tokens_of_a_text_begin_with_the_start_token() -> None:
    feed = TextFeed(loaded().tokenizer, 0, "Once there was a miller.")
    assert first_ids(feed, 4).tolist() == ids_of(feed, 4)
    assert len(first_ids(feed, 1000)) == len(ids_of(feed, 1000)) < 30


def test_places_are_spread_over_what_comes_after_the_cache_is_full() -> None:
    places = places_to_sample(torch.zeros(1000), 50, 10)
    assert (places[0], places[-1], len(places)) == (100, 999, 10)
    assert len(places_to_sample(torch.zeros(110), 50, 400)) == 10


def test_no_sinks_is_a_window_of_the_same_budget() -> None:
    assert sinks_policy(0, 64).label == "window:64"
    assert sinks_policy(4, 64).label == "sinks:4+60"


def test_a_line_break_is_one_token() -> None:
    assert loaded().tokenizer.decode([line_break(loaded())]) == "\n"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tokens": 10}, "tokens must be from 64"),
        ({"seed": -1}, "seed must be from 0"),
        ({"caches": (64, 1)}, "cache must be from 2"),
        ({"sampled": 0}, "sampled must be from 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Request(**settings)


def test_a_training_seed_is_called_one() -> None:
    assert "held out" in Request(seed=3).source
    assert "a training seed" in Request(seed=1_000_000).source


def test_a_text_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("Once.")
    assert Request(texts=open_texts([str(tmp_path / "own.txt")])).source.startswith("the text own.txt, 5 bytes")
