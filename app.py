"""StreamingLLM, side by side: the page. `python app.py` serves it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when it is imported

import gradio as gr

from comparisons import panels, recordings
from comparisons.forms import MORE_LANES, PRESETS, Form
from comparisons.limits import limits
from comparisons.sessions import Sessions
from comparisons.static import StaticFile, plotly_file
from comparisons.texts import ENGLISH, TEXTS, Texts
from streaming import models
from streaming.errors import SettingsError, StreamingError
from streaming.models import LoadedModel

FIRST_PAINT = Path(__file__).resolve().parent / "assets" / "recordings" / "first-paint.json"
MOST_RUNS = 4
MOST_WAITING = 32
FIELDS = tuple(Form().values())
RUNNING = {"preprocess": False, "show_progress": "hidden", "trigger_mode": "multiple", "concurrency_limit": MOST_RUNS}
PRIVATE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
FAILED = "() => { document.dispatchEvent(new Event('sl-failed')); }"
LINK = "(...values) => { document.dispatchEvent(new CustomEvent('sl-link', { detail: values })); }"


def build(loaded: LoadedModel, *, plotly_url: str, first_paint: str | None = None) -> gr.Blocks:
    """The page, in English at the root and in Italian at /it.

    Args:
        loaded: the model that every run reads with.
        plotly_url: where the page finds plotly.js.
        first_paint: the payload of a recorded run, shown until the visitor starts one.
    """
    sessions = Sessions(loaded)
    with gr.Blocks(title=ENGLISH.title, analytics_enabled=False, fill_width=True) as page:
        _fill(page, ENGLISH, sessions, plotly_url, first_paint)
    for words in (text for text in TEXTS.values() if text is not ENGLISH):
        with page.route(words.title, f"/{words.language}", show_in_navbar=False):
            _fill(page, words, sessions, plotly_url, first_paint)
    return page


def _fill(page: gr.Blocks, words: Texts, sessions: Sessions, plotly_url: str, first_paint: str | None) -> None:
    """Put one language's components on the page, and connect them."""

    def control(request: object) -> bool:
        return sessions.control(request)

    def start(
        sinks: object, recent: object, budget_mb: object, pace: object, seed: object, lanes: object, positions: object,
        request: gr.Request,
    ) -> Iterator[str]:  # fmt: skip
        """Read one endless text with a dense cache and with StreamingLLM, side by side."""
        given = (sinks, recent, budget_mb, pace, seed, lanes, positions)
        try:
            settings = Form(**dict(zip(FIELDS, given, strict=True))).settings()
        except SettingsError as error:
            raise gr.Error(str(error), print_exception=False) from None
        yield from panels.payloads(sessions.frames(request.session_hash or "", settings))

    with panels.live_panel(words, plotly_url, control, first_paint) as panel:
        inputs = _inputs(words)
    run = {"fn": start, "inputs": inputs, "outputs": panel, "concurrency_id": "runs", **RUNNING}
    public = {"api_name": "start"} if words is ENGLISH else {"api_visibility": "private"}
    started = panel.start(**run, **public)
    chosen = panel.preset(_preset, None, inputs, **PRIVATE)
    for event in (started, chosen, chosen.success(**run, api_visibility="private")):
        event.failure(None, js=FAILED)
    panel.link(None, inputs, None, js=LINK)
    page.load(_restore, None, inputs, **PRIVATE)


def _inputs(words: Texts) -> list[gr.components.Component]:
    """The form, one component per field, in the order of its fields."""
    form, ranges = Form(), limits(Form)

    def slider(name: str, label: str, step: int) -> gr.Slider:
        return gr.Slider(ranges[name].min, ranges[name].max, getattr(form, name), step=step, label=label)

    with gr.Row(elem_id="settings"):
        first = [
            slider("sinks", words.sinks, 1),
            slider("recent", words.recent, 4),
            slider("budget_mb", words.budget, 1),
            gr.Dropdown([(name, int(pace)) for pace, name in words.paces.items()], value=form.pace, label=words.pace),
            gr.Number(form.seed, precision=0, minimum=0, maximum=9999, label=words.seed),
        ]
    with gr.Row(elem_id="more"):
        more = [(words.lane_names[kind], kind) for kind in MORE_LANES]
        positions = [(name, value) for value, name in words.positions.items()]
        return [
            *first,
            gr.CheckboxGroup(more, value=list(form.lanes), label=words.more_lanes),
            gr.Radio(positions, value=form.positions, label=words.sink_positions),
        ]


def _preset(event: gr.EventData) -> list[Any]:
    """The values of the preset that the visitor chose."""
    form = PRESETS.get(str(event._data.get("name")))
    if form is None:
        raise gr.Error(f"There is no such preset; there are {', '.join(PRESETS)}.", print_exception=False)
    return list(form.values().values())


def _restore(request: gr.Request) -> list[Any]:
    """The values of the link that the visitor came by."""
    return list(Form.of_query(request.query_params).values().values())


def first_paint() -> str | None:
    """The payload of the recorded run, if there is one."""
    if not FIRST_PAINT.is_file():
        return None
    return panels.payload(recordings.overview(recordings.load(FIRST_PAINT)))


def serve(page: gr.Blocks, plotly: StaticFile, *, host: str | None, port: int | None, inbrowser: bool = False) -> None:
    """Serve until interrupted. Without a host and a port, gradio's environment variables decide."""
    page.queue(api_open=False, max_size=MOST_WAITING).launch(
        server_name=host,
        server_port=port,
        inbrowser=inbrowser,
        theme=panels.theme(),
        head=panels.head(),
        app_kwargs={"routes": [plotly.route()]},
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        strict_cors=True,
        max_file_size="2mb",
        footer_links=["gradio"],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line, load the model, serve the page; 2 where that cannot be."""
    parser = argparse.ArgumentParser(prog="app.py", description="The side-by-side page of StreamingLLM.")
    parser.add_argument("--model", default="sink", help="a bundled model, a folder, or a Hub id (default: %(default)s)")
    parser.add_argument("--host", help="address to serve on (default: this machine alone)")
    parser.add_argument("--port", type=int, help="port to serve on (default: the first free one from 7860)")
    parser.add_argument("--inbrowser", action="store_true", help="open the page in a browser, too")
    options = parser.parse_args(argv)
    try:
        loaded = models.load(options.model)
        recorded = first_paint()
    except StreamingError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    plotly = plotly_file()
    page = build(loaded, plotly_url=plotly.url, first_paint=recorded)
    serve(page, plotly, host=options.host, port=options.port, inbrowser=options.inbrowser)
    return 0


if __name__ == "__main__":
    sys.exit(main())
