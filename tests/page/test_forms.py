from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparisons.page.forms import MORE_LANES, Form, presets
from comparisons.text.feeds import Source
from streaming.errors import SettingsError


def test_a_form_becomes_the_run_that_it_describes():
    run = Form(sinks=2, recent=30.0, budget_mb=3, pace=50, seed=7, lanes=["recompute", "window"]).settings()
    assert [lane.label for lane in run.lanes] == ["dense", "sinks:2+30", "window:32", "recompute:32"]
    assert (run.kv_budget_bytes, run.tokens_per_second, run.seed) == (3_000_000, 50, 7)


def test_pace_0_is_as_fast_as_the_machine_can():
    assert Form(pace=0).settings().tokens_per_second is None


def test_the_pace_of_the_story_is_a_setting_of_its_own():
    told = Form(pace=-1).settings()
    assert told.story and told.tokens_per_second is None
    assert not Form(pace=100).settings().story


def test_the_control_leaves_the_sinks_where_they_stand_in_the_text():
    assert Form(positions="text").settings().lanes[1].label == "sinks:4+124@text"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sinks": -1},
        {"sinks": True},
        {"recent": 124.5},
        {"budget_mb": float("nan")},
        {"pace": "fast"},
        {"seed": None},
        {"lanes": "window"},
        {"lanes": ["dense"]},
        {"lanes": [[]]},
        {"lanes": None},
        {"positions": "elsewhere"},
        {"positions": ["cache"]},
        {"source": "file"},
        {"source": ["text"]},
        {"after": None},
        {"model": None},
        {"model": 3},
        {"model": ["sink"]},
    ],
)
def test_what_makes_no_run_is_refused_by_name(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Form(**wrong)


@pytest.mark.parametrize("model", ["sink", "vanilla", "", "someone/a-model"])
def test_a_model_is_named_by_its_bundled_name_or_its_hub_id(model):
    assert Form(model=model).model == model


@pytest.mark.parametrize(
    "model", ["/etc", "./sink", "..", "sink/", "a/b/c", "https://example.org/a/b", "x" * 500, "é/é"]
)
def test_a_model_is_never_a_path_nor_elsewhere(model):
    with pytest.raises(SettingsError, match=r"write owner/name.*By name: smollm2, sink, vanilla") as refused:
        Form(model=model)
    assert len(str(refused.value)) < 300


def test_a_form_says_what_is_read():
    assert Form().reading("anything").source == Source()
    assert Form(source="text", after="prompts").reading("some text").source == Source(name="text+prompts", characters=9)
    with pytest.raises(SettingsError, match="no text"):
        Form(source="text").reading()


@given(st.integers(0, 8), st.integers(16, 5000), st.integers(1, 5000))
def test_every_preset_is_a_run(sinks, recent, budget_mb):
    for form in presets(Form(sinks=sinks, recent=recent, budget_mb=budget_mb)).values():
        assert form.settings().lanes and (form.sinks, form.budget_mb) == (sinks, budget_mb)


forms = st.builds(
    Form,
    sinks=st.integers(0, 8),
    recent=st.integers(16, 2**20 - 4),
    budget_mb=st.integers(1, 68_000),
    pace=st.integers(-1, 10_000),
    seed=st.integers(0, 9999),
    lanes=st.lists(st.sampled_from(MORE_LANES)),
    positions=st.sampled_from(["cache", "text"]),
    model=st.sampled_from(["", "sink", "vanilla", "someone/a-model"]),
    source=st.sampled_from(["prompts", "text", "python"]),
    after=st.sampled_from(["stop", "prompts"]),
)


@given(forms)
def test_a_link_brings_the_form_back(form):
    assert Form.of_query({name: json.dumps(value) for name, value in form.values().items()}) == form


@given(forms, forms)
def test_what_a_link_does_not_say_is_as_suits_the_model(form, usual):
    said = {name: json.dumps(value) for name, value in form.values().items() if name in ("recent", "lanes")}
    assert Form.of_query(said, usual) == replace(usual, recent=form.recent, lanes=form.lanes)


@given(st.dictionaries(st.sampled_from([*Form().values(), "other"]), st.text(max_size=20)))
def test_any_link_makes_a_form(query):
    assert Form.of_query(query).settings()


@pytest.mark.parametrize("nested", ["[" * 1500, "[" * 100_000, '{"a":' * 20_000, "1" * 5000, "-" * 5000])
def test_a_link_that_is_too_deep_or_too_long_to_be_read_leaves_the_rest_alone(nested):
    assert Form.of_query({"seed": "5", "lanes": nested, "sinks": nested}) == Form(seed=5)


def test_what_a_link_says_wrongly_leaves_the_rest_alone():
    assert Form.of_query({"sinks": "99", "seed": "5", "x": "1", "positions": "text"}) == Form(seed=5, positions="text")
