"""What is forgotten is shown, on more than one story: a fact that left the cache, and what a dense cache loses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from comparisons.page.forms import Form, presets
from comparisons.runs.runner import Run
from streaming import models

SECONDS = 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_within_twenty_seconds_both_contrasts_are_there(seed):
    preset = presets(Form())["recall"]
    settings = replace(replace(preset, seed=seed).settings(), tokens_per_second=None, max_tokens=SECONDS * preset.pace)
    told: dict[int, dict[str, dict]] = {}
    with Run(models.load("sink"), settings) as run:
        for frame in run.frames():
            for lane in frame["lanes"]:
                for answer in filter(lambda one: one["done"], lane["answers"]["items"]):
                    told.setdefault(answer["turn"], {})[lane["kind"]] = answer
    pairs = [(both["dense"], both["sinks"]) for both in told.values() if len(both) == 2]
    assert any(dense["right"] and not ours["right"] and not ours["in_cache"] for dense, ours in pairs), "forgotten"
    assert any(not dense["right"] and ours["right"] for dense, ours in pairs), "broken down"
