"""The page itself: for each language a form, the live panel, and what connects them."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from comparisons.limits import limits
from comparisons.page import panels
from comparisons.page.forms import MORE_LANES, Form
from comparisons.page.gradio_internals import gr, keep_signatures, sent, unread
from comparisons.page.payloads import payloads
from comparisons.page.values import Inputs, Values
from comparisons.page.words import ENGLISH, Words, languages
from comparisons.server.sessions import Sessions
from comparisons.server.zerogpu import on_gpu
from streaming import models
from streaming.errors import StreamingError
from streaming.models import LoadedModel

__all__ = ["build"]

FAILED = "() => { document.dispatchEvent(new Event('sl-failed')); }"
MOVED = "(...values) => { document.dispatchEvent(new CustomEvent('sl-moved', { detail: values })); }"
RESTORED = "() => { document.dispatchEvent(new Event('sl-restored')); }"
LINK = "(...values) => { document.dispatchEvent(new CustomEvent('sl-link', { detail: values })); }"


def build(
    loaded: LoadedModel,
    *,
    scripts: Mapping[str, str],
    sessions: Sessions | None = None,
    lacking: str = "",
) -> gr.Blocks:
    """The page, in English at the root and in every other language at its code.

    Args:
        loaded: the model that every run reads with.
        scripts: by language, where its page finds the panel's scripts.
        sessions: the runs of its visitors; by default its own, with the usual limits.
        lacking: the model that was wanted instead and could not be had, where that is so.
    """
    sessions = sessions or Sessions(loaded)
    fill = partial(_fill, sessions=sessions, own=loaded.name, lacking=lacking)
    english, *others = languages().values()
    page: gr.Blocks
    with gr.Blocks(title=english["title"], analytics_enabled=False, fill_width=True) as page:
        fill(page, english, script_url=scripts[ENGLISH])
    for words in others:
        with page.route(words["title"], f"/{words.language}", show_in_navbar=False):
            fill(page, words, script_url=scripts[words.language])
    keep_signatures(page)
    return page


def _fill(
    page: gr.Blocks,
    words: Words,
    *,
    sessions: Sessions,
    own: str,
    lacking: str,
    script_url: str,
) -> None:
    """Put one language's components on the page, and connect them; `own` is what the server's own model is called."""
    inputs: Inputs = {}
    values = Values(words=words, sessions=sessions, own=own, lacking=lacking, inputs=inputs)
    with panels.live_panel(script_url, _control(values)) as panel:
        inputs |= _inputs(words, own, sessions)
    fields = list(inputs.values())
    run = {
        "fn": on_gpu(_start(page, values)), "inputs": set(fields), "outputs": panel,
        "concurrency_id": "runs", "preprocess": False, "show_progress": "hidden", "trigger_mode": "multiple",
    }  # fmt: skip
    quietly: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    public = {"api_name": "start"} if words.language == ENGLISH else {"api_visibility": "private"}
    model = {inputs["model"]}
    started = panel.start(**run, **public)
    chosen = panel.preset(_refusing(words, values.preset), model, fields, **quietly)
    for event in (started, chosen, chosen.success(**run, api_visibility="private")):
        event.failure(None, js=FAILED)
    panel.link(None, fields, None, js=LINK)
    for asked in (inputs["model"].input, panel.suit):
        asked(values.suit, model, fields, **quietly)
    gr.on([field.change for field in fields], None, fields, None, js=MOVED)
    page.load(values.restore, None, fields, **quietly).then(None, js=RESTORED)


def _control(values: Values) -> Callable[[Any], object]:
    def control(request: object) -> object:
        try:
            if isinstance(request, dict) and request.get("action") == "expect":
                return values.expect(request)
            return values.sessions.control(request)
        except StreamingError as error:
            return {"refused": values.words.explain(error)}

    return control


def _refusing(words: Words, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose refusals the visitor hears."""

    def call(given: dict[Any, Any], event: gr.EventData) -> Any:
        try:
            return function(given, event)
        except StreamingError as error:
            raise _said(words, error) from None

    return call


def _start(page: gr.Blocks, values: Values) -> Callable[..., Iterator[str]]:
    sessions = values.sessions

    def start(given: dict[Any, Any], event: gr.EventData, request: gr.Request) -> Iterator[str]:
        """Read one endless text with a dense cache and with StreamingLLM, side by side."""
        visitor, lost = request.session_hash or "", sent(event, "resume")
        waiting = partial(unread, page, visitor)
        try:
            if isinstance(lost, dict):
                frames = sessions.take_up(visitor, lost.get("token"), lost.get("seq"), waiting)
            else:
                order = values.order({name: given[component] for name, component in values.inputs.items()}, event)
                frames = sessions.frames(visitor, **order, unread=waiting)
            yield from payloads(frames)
        except StreamingError as error:
            raise _said(values.words, error) from None

    return start


def _said(words: Words, error: StreamingError) -> gr.Error:
    """What Gradio shows to the visitor who caused it, and to nobody else.

    Gradio takes it for HTML. It may quote what a visitor typed, a Hub repository says or a model wrote: here, and
    nowhere else, all of that becomes text.
    """
    return gr.Error(html.escape(words.explain(error), quote=False), title=words["error"], print_exception=False)


def _inputs(words: Words, model: str, sessions: Sessions) -> Inputs:
    suited, ranges = sessions.suited(), limits(Form)
    form = Form() if suited is None else Form.suiting(suited.fit)
    most = {} if suited is None else {"recent": suited.fit.most_recent, "budget_mb": suited.fit.most_budget_mb}

    def slider(name: str, label: str, step: int) -> gr.Slider:
        end = most.get(name, ranges[name].max)
        return gr.Slider(ranges[name].min, end, getattr(form, name), step=step, label=label)

    def radio(name: str, label: str, choices: Mapping[str, str]) -> gr.Radio:
        named = [(text, value) for value, text in choices.items()]
        return gr.Radio(named, value=getattr(form, name), label=label, elem_id=name)

    paces = [(name, int(pace)) for pace, name in words.group("paces").items()]
    more = [(words.group("lane_names")[kind], kind) for kind in MORE_LANES]
    with gr.Row(elem_id="settings"):
        first: Inputs = {
            "sinks": slider("sinks", words["sinks"], 1),
            "recent": slider("recent", words["recent"], 4),
            "budget_mb": slider("budget_mb", words["budget"], 1),
            "pace": gr.Dropdown(paces, value=form.pace, label=words["pace"]),
            "seed": gr.Number(form.seed, precision=0, minimum=0, maximum=9999, label=words["seed"]),
        }
    with gr.Row(elem_id="more"):
        return {
            **first,
            "lanes": gr.CheckboxGroup(more, value=list(form.lanes), label=words["more_lanes"]),
            "positions": radio("positions", words["sink_positions"], words.group("positions")),
            "model": gr.Dropdown(list(dict.fromkeys([model, *models.names()])), value=model,
                                 label=words["model_choice"], allow_custom_value=True, elem_id="model"),
            "source": radio("source", words["source"], words.group("sources")),
            "after": radio("after", words["after"], words.group("afters")),
            "mode": radio("mode", words["mode"], words.group("modes")),
            "start_turn": gr.Number(form.start_turn, precision=0, minimum=0, maximum=1000, label=words["start_turn"],
                                    elem_id="start_turn"),
        }  # fmt: skip
