"""What is measured off line is what a stream of the policy gives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from comparisons.experiments.measuring import (
    SINKS,
    first_ids,
    in_context,
    places_to_sample,
    read,
    recompute_step,
    recomputed,
    sinks_policy,
)
from comparisons.experiments.tables import line_break
from comparisons.metrics import perplexity
from comparisons.text.feeds import PromptFeed, TextFeed
from streaming.errors import StreamError
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
    whole = open_stream(model(), Policy.parse("recompute:20")).read(ids(60)).numpy()
    places = np.array([1, 2, 19, 20, 21, 22, 23, 40, 59])
    assert recomputed(model(), 20, ids(60), places) == pytest.approx(whole[places], abs=1e-4)


def test_a_step_of_recomputation_is_the_policys_step() -> None:
    stream = open_stream(loaded(), Policy.parse("recompute:20"))
    for token in ids(21).tolist():
        logits = stream.step(token)
    assert torch.allclose(recompute_step(loaded(), ids(21))[0].float(), logits, atol=1e-4)


def test_reading_piece_by_piece_is_reading_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comparisons.experiments.measuring.PIECE_TOKENS", 37)
    policy = Policy.parse("sinks:4+28")
    nats = read(loaded(), policy, ids()).nats
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

    read(loaded(), Policy.parse("window:16"), ids(100), bar=Bar)
    recomputed(loaded(), 16, ids(100), np.array([50, 60]), bar=Bar)
    assert told == [("tiny, window:16", 100), 100, "end", ("tiny, recompute:16, sampled", 2), 1, 1, "end"]


def test_what_was_read_before_the_memory_ended_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comparisons.experiments.measuring.PIECE_TOKENS", 64)
    model = replace(loaded(), model=tiny.build("llama", vocab_size=len(loaded().tokenizer)))
    calls = []

    def run_out(*_) -> None:
        calls.append(1)
        if len(calls) > 3:
            raise torch.OutOfMemoryError("no memory")

    hook = model.model.register_forward_pre_hook(run_out)
    nats = read(model, Policy(kind="dense"), ids()).nats
    hook.remove()
    assert len(nats) == 3 * 64
    assert nats[1:] == pytest.approx(read(model, Policy(kind="dense"), ids(192)).nats[1:], abs=1e-4)


def test_a_model_without_numbers_is_refused() -> None:
    model = tiny.load("llama", vocab_size=len(loaded().tokenizer)).model
    with torch.no_grad():
        model.lm_head.weight.fill_(math.nan)
    with pytest.raises(StreamError, match="float32"):
        read(replace(loaded(), model=model), Policy.parse("window:16"), ids(40))
    with pytest.raises(StreamError, match="float32"):
        recomputed(replace(loaded(), model=model), 16, ids(40), np.array([30]))


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


def test_what_counts_is_everything_but_the_first_four_tokens() -> None:
    measured = read(loaded(), Policy.parse("sinks:4+28"), ids(200))
    nats = open_stream(loaded(), Policy.parse("sinks:4+28")).read(ids(200)).double().numpy()
    assert measured.perplexity == pytest.approx(perplexity(nats[SINKS:]), rel=1e-6)
    assert len(measured.counted) == 200 - SINKS


def test_what_is_kept_is_the_keys_and_values_at_the_end() -> None:
    stream = open_stream(loaded(), Policy.parse("window:32"))
    stream.read(ids(100))
    assert read(loaded(), Policy.parse("window:32"), ids(100)).kv_bytes == stream.nbytes == 32 * stream.bytes_per_token


def test_a_feed_that_waits_for_its_text_is_waited_for() -> None:
    whole = TextFeed(loaded().tokenizer, 0, "Once there was a miller.")
    waiting = [one for segment in whole for one in (None, segment, None)]
    assert first_ids(waiting, 1000).tolist() == first_ids(whole, 1000).tolist()
    assert first_ids([None], 5).shape == (0,)


@pytest.mark.parametrize("model", [loaded, without_start])
@pytest.mark.parametrize("before", [1, 20, 40])
def test_in_context_each_token_is_measured_once_inside_a_training_length(model, before: int) -> None:
    """Against a plain forward over each stretch, of a model whose training length is taken to be 48."""
    start = [] if model().start_token is None else [model().start_token]
    length = 48 - len(start)
    text, expected = ids(200), []
    for begin in range(0, 200 - length, length - before):
        stretch = torch.tensor([*start, *text[begin : begin + length].tolist()])
        logits = model().model(stretch[None, :-1]).logits[0].float()
        nats = torch.nn.functional.cross_entropy(logits, stretch[1:], reduction="none")
        expected += nats[-(length - before) :].tolist()
    assert in_context(model(), text, before, context=48) == pytest.approx(np.array(expected), abs=1e-3)
