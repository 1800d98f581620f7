"""What the cards of the bundled models claim, measured again on a shorter stretch of another seed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from comparisons.__main__ import main
from comparisons.experiments.catalogue import EXPERIMENTS, prepare, run
from comparisons.experiments.measuring import prompt_ids
from comparisons.experiments.quality import Quality, measure
from comparisons.experiments.subjects import Request
from comparisons.metrics import perplexity
from streaming import models
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import speaking

TOKENS, PLACES = 8000, 40
"""A small part of what the cards are about: this is a test, and takes seconds."""

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
    pairs["dense"] = (measured.dense, claimed["dense"])
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
        assert measured.dense > 20 * measured.sinks_with_dense
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
    ids = prompt_ids(loaded, seed=3, tokens=4 * loaded.context)
    dense = open_stream(loaded, Policy(kind="dense")).read(ids).view(4, -1)
    sinks = open_stream(loaded, Policy(kind="sinks", sinks=4, recent=124)).read(ids).view(4, -1)
    ratios = [perplexity(d.numpy()[1:]) / perplexity(s.numpy()[1:]) for d, s in zip(dense, sinks, strict=True)]
    assert ratios[0] < 1.05
    assert 3 * ratios[0] < 3 * ratios[1] < ratios[2]


def test_in_context_is_a_plain_forward_over_the_training_length() -> None:
    loaded = models.load("vanilla")
    ids = prompt_ids(loaded, seed=5, tokens=loaded.context + 1)
    logits = loaded.model(ids[None, :-1]).logits[0]
    nats = torch.nn.functional.cross_entropy(logits[:-1], ids[1:-1], reduction="none")
    ours = open_stream(loaded, Policy(kind="dense")).read(ids[:-1])[1:]
    assert torch.allclose(nats, ours, atol=1e-4)


@pytest.mark.parametrize("budget", [0, 8, 255, 256, 10**6])
def test_a_budget_out_of_range_is_refused_with_the_range(budget: int, capsys) -> None:
    assert main(["measure", "sink", "--tokens", "2000", "--budget", str(budget)]) == 2
    assert f"budget must be from 9 to 254 tokens, not {budget}" in capsys.readouterr().err


@pytest.mark.parametrize("budget", [9, 62])
def test_the_least_and_the_greatest_budget_can_be_measured(budget: int) -> None:
    found = measure(speaking.loaded(), tokens=300, budget=budget, places=3)
    assert found.budget == budget
    assert budget in (9, found.context - 2)
    assert found.in_context > 1


def test_what_a_card_says_is_what_the_tables_say() -> None:
    """The same stream, the same tokens: the figures are equal, not near, however few they are of."""
    loaded = models.load("sink")
    measured = measure(loaded, seed=17, tokens=2000, places=10)
    assert measured.recall.cached_right > 0 and measured.recall.evicted > 0
    request = Request(tokens=2000, seed=17, sampled=10)
    for name, mine in (("table 2", measured.sinks), ("table 6", measured.budgets)):
        rows = run(EXPERIMENTS[name], [prepare(EXPERIMENTS[name], loaded, request)]).rows
        assert {row.row: row.perplexity for row in rows} == pytest.approx(mine, rel=1e-9)
    table_7 = EXPERIMENTS["table 7"]
    recalled = run(table_7, [prepare(table_7, loaded, replace(request, caches=(128,)))]).rows
    for cached in (True, False):
        rows = [row for row in recalled if (row.end <= row.recent) == cached]
        told = (
            (measured.recall.cached, measured.recall.cached_right)
            if cached
            else (measured.recall.evicted, measured.recall.evicted_right)
        )
        assert (sum(row.asked for row in rows), sum(row.right for row in rows)) == told


def test_figures_that_could_not_be_kept_are_not_measured(tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["measure", "no-such-model", "--save", str(tmp_path / "file" / "quality.json")]) == 2
    assert "name another file" in capsys.readouterr().err
