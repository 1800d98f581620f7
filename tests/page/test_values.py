"""The form follows the model: what is chosen, what a link says, what is expected."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr
import pytest

from comparisons.page.build import build
from comparisons.page.forms import Form
from comparisons.page.values import Values
from comparisons.page.words import language, languages
from comparisons.runs.dialogue.settings import DialogueSettings
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import RunSettings
from comparisons.server.queue import RunQueue
from comparisons.server.sessions import Sessions
from streaming.errors import SettingsError
from tests.support.speaking import loaded


@pytest.fixture(scope="module")
def values() -> Values:
    with gr.Blocks():
        inputs = {name: gr.Slider() if name in ("recent", "budget_mb") else gr.Textbox() for name in Form().values()}
    sessions = Sessions(loaded(), queue=RunQueue(1), memory=KvMemory(100_000_000))
    return Values(words=language("en"), sessions=sessions, own=loaded().name, lacking="", inputs=inputs)


def chosen(values: Values, model: object) -> dict:
    return {values.inputs["model"]: model}


def test_another_model_brings_its_settings_and_their_limits(values):
    moved = values.suit(chosen(values, "vanilla"))
    fit = values.sessions.suited("vanilla").fit
    named = {name: moved[component] for name, component in values.inputs.items() if component in moved}
    assert set(named) == {"sinks", "recent", "budget_mb", "pace"}
    assert (named["recent"].value, named["recent"].maximum) == (124, fit.most_recent) == (124, 252)
    assert (named["budget_mb"].value, named["budget_mb"].maximum) == (32, fit.most_budget_mb)


@pytest.mark.parametrize("model", ["someone/a-model", "no such model", 3, None, ["vanilla"]])
def test_of_what_is_not_here_nothing_moves(values, model):
    assert list(values.suit(chosen(values, model))) == [values.inputs["sinks"]]


def test_a_link_may_go_beyond_a_slider_and_the_rest_suits_its_model(values):
    visit = SimpleNamespace(query_params={"model": '"vanilla"', "recent": "508", "seed": "5"})
    put = values.restore(visit)
    named = {name: put[component] for name, component in values.inputs.items()}
    assert (named["model"], named["seed"], named["recent"].value, named["recent"].maximum) == ("vanilla", 5, 508, 508)
    assert named["budget_mb"].value == 32


def test_a_preset_is_made_for_the_model_that_is_chosen(values):
    event = gr.EventData(None, {"name": "recall"})
    put = values.preset(chosen(values, "vanilla"), event)
    assert (put[values.inputs["recent"]], put[values.inputs["pace"]]) == (44, 30)
    assert values.inputs["model"] not in put
    with pytest.raises(SettingsError, match="no such preset"):
        values.preset(chosen(values, ""), gr.EventData(None, {"name": "other"}))


def test_what_to_expect_is_said_of_the_form_or_of_the_link(values):
    assert "“vanilla”" in values.expect({"query": {"model": "vanilla"}})["said"]
    assert "will stop at" in values.expect({"form": {"model": "vanilla", "budget_mb": 1}})["said"]
    own = values.expect({})
    assert f"“{loaded().name}”" in own["said"] and own["follows"] is False
    assert values.expect({"query": {"model": "a/b"}}) == {"said": values.expect({"form": {"model": "a/b"}})["said"],
                                                          "follows": True}  # fmt: skip
    with pytest.raises(SettingsError, match="recent must be"):
        values.expect({"form": {"recent": 3, "other": 1}})


def test_settings_follow_only_where_the_page_said_so(values):
    form = {**Form(recent=48, seed=7).values(), "model": "a/b"}
    plain = values.order(form, gr.EventData(None, {"text": ""}))
    assert plain["suits"] is None and plain["settings"].lanes[1].recent == 48
    follows = values.order(form, gr.EventData(None, {"text": "", "follows": True}))
    run = follows["suits"](values.sessions.suited("vanilla"))
    assert run.lanes[1].recent == 124 and run.seed == 7
    known = values.order({**form, "model": "vanilla"}, gr.EventData(None, {"follows": True}))
    assert known["suits"] is None


def test_the_mode_is_that_of_the_page_which_may_know_it_before_the_form(values):
    form = Form().values()
    sent = values.order(form, gr.EventData(None, {"text": "", "mode": "chat"}))
    assert isinstance(sent["settings"], DialogueSettings) and sent["reading"] is None
    assert isinstance(values.order(form, gr.EventData(None, {"text": ""}))["settings"], RunSettings)
    with pytest.raises(SettingsError, match="mode must be one of read, chat"):
        values.order(form, gr.EventData(None, {"mode": "other"}))


def test_where_the_real_model_could_not_be_had_the_page_says_so(values):
    lacking = Values(words=values.words, sessions=values.sessions, own=values.own, lacking="smollm2", inputs={})
    assert lacking.expect({})["said"].startswith("The real language model “smollm2” cannot be had here")
    assert "cannot be had" not in lacking.expect({"query": {"model": "vanilla"}})["said"]


def test_the_sliders_of_a_page_end_where_the_servers_memory_does():
    sessions = Sessions(loaded(), queue=RunQueue(2), memory=KvMemory(50_000_000))
    page = build(loaded(), scripts=dict.fromkeys(languages(), "panel.js"), sessions=sessions)
    most = {block.label: block.maximum for block in page.blocks.values() if isinstance(block, gr.Slider)}
    fit = sessions.suited().fit
    assert most["Recent tokens"] == fit.most_recent and most["Memory limit, MB"] == fit.most_budget_mb


def test_a_chat_may_begin_just_before_the_training_length_of_the_model_that_is_chosen(values):
    later = values.sessions.suited("vanilla").later
    put = values.preset(chosen(values, "vanilla"), gr.EventData(None, {"name": "beyond"}))
    assert (put[values.inputs["start_turn"]], put[values.inputs["mode"]]) == (later, "chat") and later > 0
    assert f"start after turn {later}." in values.expect({"form": {"model": "vanilla", "mode": "chat"}})["said"]
