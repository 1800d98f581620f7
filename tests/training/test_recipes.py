from __future__ import annotations

import json
from dataclasses import replace

import pytest

from comparisons.training.recipes import RECIPES, described
from comparisons.training.tokens import Mix
from streaming import models
from streaming.errors import SettingsError

SINK, VANILLA = RECIPES["sink-1"], RECIPES["vanilla-1"]


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"rows": -1}, "rows must be at least 1"),
        ({"cost_from": 1.5}, "cost_from is a share"),
        ({"texts_last": float("nan")}, "texts_last is a share"),
        ({"context": 4}, "context must be at least"),
        ({"width": 100, "heads": 3}, "even number of dimensions"),
        ({"last_rate": 1.0}, "last_rate must be"),
        ({"attention_cost": -0.1}, "must not be negative"),
        ({"seed": -1}, "seed must not be negative"),
        ({"start": False}, "needs the start token"),
    ],
)
def test_settings_out_of_range_are_refused_with_the_remedy(changes, remedy):
    with pytest.raises(SettingsError, match=remedy):
        replace(SINK, **changes)


@pytest.mark.parametrize("changes", [{"vocabulary": 256}, {"vocabulary": 70_000}, {"stream_tokens": 10}])
def test_a_mix_out_of_range_is_refused(changes):
    with pytest.raises(SettingsError, match=next(iter(changes))):
        Mix(**changes)


@pytest.mark.parametrize("stage", ["-1", "-2", "-3", ""])
def test_vanilla_is_sink_without_token_and_cost(stage):
    sink, vanilla = RECIPES[f"sink{stage}"], RECIPES[f"vanilla{stage}"]
    same = {"name": vanilla.name, "follows": vanilla.follows, "start": False, "attention_cost": 0.0}
    assert replace(sink, **same) == vanilla


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_counts_the_steps_before_it(name):
    told = described(RECIPES[name])
    before, steps = told, []
    while before := before["follows"]:
        steps.append(before["steps"])
    assert told["steps_before"] == sum(steps)
    assert len(steps) == {"plain": 0}.get(name, {"-1": 1, "-2": 2, "-3": 3}.get(name[-2:], 4))


@pytest.mark.parametrize("name", models.available())
def test_a_bundled_model_comes_with_the_recipe_that_is_trained(name):
    kept = json.loads((models.BUNDLED / name / "recipe.json").read_text("utf-8"))
    assert kept == json.loads(json.dumps(described(RECIPES[name])))


def test_the_cost_is_ramped_up_and_stays():
    begin = int(SINK.cost_from * SINK.steps)
    assert SINK.cost_weight(begin) == 0
    assert SINK.cost_weight(begin + SINK.cost_ramp_steps // 2) == pytest.approx(SINK.attention_cost / 2)
    full = range(begin + SINK.cost_ramp_steps, SINK.steps)
    assert {SINK.cost_weight(step) for step in full} == {SINK.attention_cost}
    assert not any(VANILLA.cost_weight(step) for step in range(VANILLA.steps))


def test_the_learning_rate_warms_up_holds_and_decays():
    rates = [SINK.learning_rate(step) for step in range(SINK.steps)]
    hold = rates[SINK.warm_up_steps : int(SINK.decay_from * SINK.steps)]
    assert min(hold) == max(rates) == SINK.peak_rate
    assert rates[: SINK.warm_up_steps] == sorted(rates[: SINK.warm_up_steps])
    assert rates[-1] == pytest.approx(SINK.last_rate, rel=0.02)
