"""StreamingLLM, side by side: the page. `python app.py` serves it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when it is imported

import gradio as gr

from comparisons import export, panels, recordings
from comparisons.config import Config, read_config
from comparisons.forms import MORE_LANES, PRESETS, Form
from comparisons.library import KeptRun, library
from comparisons.limits import limits
from comparisons.sessions import Sessions
from comparisons.static import StaticFile, plotly_file
from comparisons.texts import ENGLISH, TEXTS, Texts
from streaming import models
from streaming.errors import StreamingError
from streaming.models import LoadedModel

RECORDINGS = Path(__file__).resolve().parent / "assets" / "recordings"
FIRST_PAINT = "first-paint"
FIELDS = tuple(Form().values())
RUNNING = {"preprocess": False, "show_progress": "hidden", "trigger_mode": "multiple"}
PRIVATE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
FAILED = "() => { document.dispatchEvent(new Event('sl-failed')); }"
LINK = "(...values) => { document.dispatchEvent(new CustomEvent('sl-link', { detail: values })); }"


Offers = Mapping[str, Mapping[str, object]]
"""By language, what its page can fetch when it needs it; see `panels.script`."""


def build(
    loaded: LoadedModel, *, plotly_url: str, first_paint: str | None = None, offers: Offers | None = None
) -> gr.Blocks:
    """The page, in English at the root and in Italian at /it.

    Args:
        loaded: the model that every run reads with.
        plotly_url: where the page finds plotly.js.
        first_paint: the payload of a recorded run, shown until the visitor starts one.
        offers: what the page of each language can fetch besides.
    """
    sessions, offers = Sessions(loaded), offers or {}
    with gr.Blocks(title=ENGLISH.title, analytics_enabled=False, fill_width=True) as page:
        _fill(page, ENGLISH, sessions, loaded.name, plotly_url, first_paint, offers)
    for words in (text for text in TEXTS.values() if text is not ENGLISH):
        with page.route(words.title, f"/{words.language}", show_in_navbar=False):
            _fill(page, words, sessions, loaded.name, plotly_url, first_paint, offers)
    return page


def _fill(
    page: gr.Blocks,
    words: Texts,
    sessions: Sessions,
    model: str,
    plotly_url: str,
    first_paint: str | None,
    offers: Offers,
) -> None:
    """Put one language's components on the page, and connect them; `model` is what the server's own is called."""

    def control(request: object) -> object:
        return sessions.control(request)

    def start(
        sinks: object, recent: object, budget_mb: object, pace: object, seed: object, lanes: object, positions: object,
        model_name: object, source: object, after: object, event: gr.EventData, request: gr.Request,
    ) -> Iterator[str]:  # fmt: skip
        """Read one endless text with a dense cache and with StreamingLLM, side by side."""
        chosen = "" if model_name == model else model_name
        given = (sinks, recent, budget_mb, pace, seed, lanes, positions, chosen, source, after)
        try:
            form = Form(**dict(zip(FIELDS, given, strict=True)))
            reading = form.reading(_sent(event, "text"))
            visitor = request.session_hash or ""
            frames = sessions.frames(visitor, form.settings(), model=form.model, reading=reading)
            yield from panels.payloads(frames)
        except StreamingError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def preset(event: gr.EventData) -> list[Any]:
        """The values of the preset that the visitor chose; the model stays."""
        form = PRESETS.get(str(_sent(event, "name")))
        if form is None:
            raise gr.Error(f"There is no such preset; there are {', '.join(PRESETS)}.", print_exception=False)
        return list({**form.values(), "model": gr.skip()}.values())

    def restore(request: gr.Request) -> list[Any]:
        """The values of the link that the visitor came by."""
        form = Form.of_query(request.query_params)
        return list({**form.values(), "model": form.model or model}.values())

    with panels.live_panel(words, plotly_url, control, first_paint, offers=offers.get(words.language)) as panel:
        inputs = _inputs(words, model)
    run = {"fn": start, "inputs": inputs, "outputs": panel, "concurrency_id": "runs", **RUNNING}
    public = {"api_name": "start"} if words is ENGLISH else {"api_visibility": "private"}
    started = panel.start(**run, **public)
    chosen = panel.preset(preset, None, inputs, **PRIVATE)
    for event in (started, chosen, chosen.success(**run, api_visibility="private")):
        event.failure(None, js=FAILED)
    panel.link(None, inputs, None, js=LINK)
    panel.refuse(_refusal(words), None, None, **PRIVATE)
    page.load(restore, None, inputs, **PRIVATE)


def _refusal(words: Texts) -> Callable[[gr.EventData], None]:
    """What says, as every error is said, why a browser did not take a text."""

    def refuse(event: gr.EventData) -> None:
        why = str(_sent(event, "why"))
        raise gr.Error(words.refusals.get(why, words.refusals["encoding"]), print_exception=False)

    return refuse


def _sent(event: gr.EventData, name: str) -> object:
    """What the panel sent along with an event; None where it sent no such thing."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def _inputs(words: Texts, model: str) -> list[gr.components.Component]:
    """The form, one component per field, in the order of its fields."""
    form, ranges = Form(), limits(Form)

    def slider(name: str, label: str, step: int) -> gr.Slider:
        return gr.Slider(ranges[name].min, ranges[name].max, getattr(form, name), step=step, label=label)

    def radio(name: str, label: str, choices: Mapping[str, str]) -> gr.Radio:
        named = [(words, value) for value, words in choices.items()]
        return gr.Radio(named, value=getattr(form, name), label=label, elem_id=name)

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
        return [
            *first,
            gr.CheckboxGroup(more, value=list(form.lanes), label=words.more_lanes),
            radio("positions", words.sink_positions, words.positions),
            gr.Dropdown(list(dict.fromkeys([model, *models.available()])), value=model,
                        label=words.model_choice, allow_custom_value=True, elem_id="model"),
            radio("source", words.source, words.sources),
            radio("after", words.after, words.afters),
        ]  # fmt: skip


def first_paint(runs: Sequence[KeptRun]) -> str | None:
    """The payload of the run that the page shows before Start, if it is among these."""
    for run in runs:
        if run.name == FIRST_PAINT:
            return panels.payload(recordings.overview(run.recording))
    return None


def offers(runs: Sequence[KeptRun], shells: Mapping[str, StaticFile]) -> Offers:
    """Recorded runs, and the shell of an exported page, which is another one in each language."""
    known = {"recordings": [run.about() for run in runs], "painted": FIRST_PAINT}
    return {
        language: {**known, "shell": {"url": shell.url, "place": export.PLACE}} for language, shell in shells.items()
    }


def serve(
    page: gr.Blocks,
    files: Sequence[StaticFile],
    config: Config,
    *,
    host: str | None,
    port: int | None,
    inbrowser: bool = False,
) -> None:
    """Serve until interrupted. Without a host and a port, gradio's environment variables decide."""
    page.queue(api_open=False, default_concurrency_limit=config.runs, max_size=config.waiting).launch(
        server_name=host,
        server_port=port,
        inbrowser=inbrowser,
        theme=panels.theme(),
        head=panels.head(),
        app_kwargs={"routes": [file.route() for file in files]},
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
    parser.add_argument("--model", help="a bundled model, a folder, or a Hub id (default: STREAMING_MODEL, or sink)")
    parser.add_argument("--host", help="address to serve on (default: this machine alone)")
    parser.add_argument("--port", type=int, help="port to serve on (default: the first free one from 7860)")
    parser.add_argument("--inbrowser", action="store_true", help="open the page in a browser, too")
    options = parser.parse_args(argv)
    try:
        config = read_config()
        loaded = models.load(options.model or config.model)
        runs = library(RECORDINGS)
    except StreamingError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    plotly = plotly_file()
    shells = {words.language: export.shell_file(words) for words in TEXTS.values()}
    page = build(loaded, plotly_url=plotly.url, first_paint=first_paint(runs), offers=offers(runs, shells))
    files = [plotly, *shells.values(), *(run.file for run in runs)]
    serve(page, files, config, host=options.host, port=options.port, inbrowser=options.inbrowser)
    return 0


if __name__ == "__main__":
    sys.exit(main())
