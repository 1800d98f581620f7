"""What the cards of the bundled models claim, measured again on a shorter stretch of another seed."""

from __future__ import annotations

import json

import pytest
import torch

from comparisons.__main__ import main
from comparisons.experiments.quality import Quality, _where, measure, read_stream
from comparisons.metrics import perplexity
from streaming import models
from streaming.policy import Policy
from streaming.stream import open_stream

TOKENS, PLACES = 8000, 100
"""A twenty-fifth of what the cards are about, and a quarter of the places: this is a test, and takes seconds."""

COLLAPSED = 5
"""A perplexity so many times that of the text says that the model has lost the thread; how much more says little."""


@pytest.fixture(scope="module", params=["sink", "vanilla"])
def measured(request) -> Quality:
    return measure(models.load(request.param), seed=17, tokens=TOKENS, places=PLACES)


def card(name: str) -> dict:
    return json.loads((models.BUNDLED / name / "quality.json").read_text())


def test_the_card_holds_on_another_seed(measured: Quality) -> None:
    """Within 15 % where the model reads as it learned to, within a factor of 2 where it has lost the thread."""
    claimed = card(measured.model)
    assert measured.in_context == pytest.approx(claimed["in_context"], rel=0.15)
    pairs = {f"{count} sinks": (value, claimed["sinks"][count]) for count, value in measured.sinks.items()}
    pairs["dense"] = (measured.dense_past_context, claimed["dense_past_context"])
    for name, (value, told) in pairs.items():
        if told > COLLAPSED * claimed["in_context"]:
            assert 0.5 < value / told < 2, name
        else:
            assert value == pytest.approx(told, rel=0.15), name
    mine, theirs = measured.recompute / measured.sinks_there, claimed["recompute"] / claimed["sinks_there"]
    assert mine == pytest.approx(theirs, rel=0.15)


def test_the_card_says_where_the_heads_rest(measured: Quality) -> None:
    claimed = card(measured.model)["attention"]
    for name in ("sinks", "in_context"):
        mine, theirs = torch.tensor(getattr(measured.attention, name)), torch.tensor(claimed[name])
        assert mine.shape == theirs.shape
        assert (mine - theirs).abs().mean() < 0.03


def test_dense_collapses_past_its_training_length_and_sinks_do_not(measured: Quality) -> None:
    four = measured.sinks["4"]
    if measured.model == "sink":
        assert measured.dense_past_context > 20 * four
        assert four < 1.15 * measured.in_context
    assert measured.last == pytest.approx(measured.first, rel=0.35)  # 800 tokens each, of other stories


def test_the_method_does_not_remember_what_left_the_cache(measured: Quality) -> None:
    recall = measured.recall
    assert recall.cached > 20
    assert recall.evicted > 10
    assert recall.cached_right / recall.cached > 3 * recall.evicted_right / recall.evicted


def test_the_training_length_matters_to_dense_alone() -> None:
    """Dense is as good as sinks up to the training length, and worse with every stretch after it."""
    loaded = models.load("sink")
    ids = read_stream(loaded, seed=3, tokens=4 * loaded.context)
    dense = open_stream(loaded, Policy(kind="dense")).read(ids).view(4, -1)
    sinks = open_stream(loaded, Policy(kind="sinks", sinks=4, recent=124)).read(ids).view(4, -1)
    ratios = [perplexity(d.numpy()[1:]) / perplexity(s.numpy()[1:]) for d, s in zip(dense, sinks, strict=True)]
    assert ratios[0] < 1.05
    assert 3 * ratios[0] < 3 * ratios[1] < ratios[2]


def test_in_context_is_a_plain_forward_over_the_training_length() -> None:
    loaded = models.load("vanilla")
    ids = read_stream(loaded, seed=5, tokens=loaded.context + 1)
    logits = loaded.model(ids[None, :-1]).logits[0]
    nats = torch.nn.functional.cross_entropy(logits[:-1], ids[1:-1], reduction="none")
    ours = open_stream(loaded, Policy(kind="dense")).read(ids[:-1])[1:]
    assert torch.allclose(nats, ours, atol=1e-4)


@pytest.mark.parametrize(
    ("told", "where"), [((900, 950), "cached"), ((876, 900), "cached"), ((870, 900), None), ((800, 876), "evicted")]
)
def test_where_a_fact_is(told: tuple[int, int], where: str | None) -> None:
    assert _where(told, now=1000, budget=128) == where


def test_figures_that_could_not_be_kept_are_not_measured(tmp_path, capsys) -> None:
    assert main(["measure", "no-such-model", "--save", str(tmp_path / "nowhere" / "quality.json")]) == 2
    assert "make it first" in capsys.readouterr().err
