"""StreamingLLM, side by side: the page. `python app.py` serves it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when it is imported

import gradio as gr

from comparisons import panels, recordings
from comparisons.forms import Form
from comparisons.limits import limits
from comparisons.sessions import Sessions
from comparisons.static import plotly_file
from comparisons.texts import ENGLISH, Texts
from streaming import models
from streaming.errors import SettingsError, StreamingError
from streaming.models import LoadedModel

FIRST_PAINT = Path(__file__).resolve().parent / "assets" / "recordings" / "first-paint.json"
MOST_RUNS = 4
MOST_WAITING = 32
ENDED = "() => { document.dispatchEvent(new Event('sl-ended')); }"


def build(loaded: LoadedModel, words: Texts, *, plotly_url: str, first_paint: str | None = None) -> gr.Blocks:
    """The page in one language.

    Args:
        loaded: the model that every run reads with.
        words: the language.
        plotly_url: where the page finds plotly.js.
        first_paint: the payload of a recorded run, shown until the visitor starts one.
    """
    sessions = Sessions(loaded)

    def control(request: object) -> bool:
        return sessions.control(request)

    def start(
        sinks: object, recent: object, budget_mb: object, pace: object, seed: object, request: gr.Request
    ) -> Iterator[str]:
        """Read one endless text with a dense cache and with StreamingLLM, side by side."""
        try:
            form = Form(sinks=sinks, recent=recent, budget_mb=budget_mb, pace=pace, seed=seed)
            settings = form.settings()
        except SettingsError as error:
            raise gr.Error(str(error), print_exception=False) from None
        for frame in sessions.frames(request.session_hash or "", settings):
            yield panels.payload(frame)

    with gr.Blocks(title=words.title, analytics_enabled=False, fill_width=True) as page:
        with panels.live_panel(words, plotly_url, control, first_paint) as panel:
            inputs = _inputs(words)
        started = panel.start(
            start, inputs, panel, api_name="start", preprocess=False, show_progress="hidden",
            trigger_mode="multiple", concurrency_limit=MOST_RUNS,
        )  # fmt: skip
        started.then(None, js=ENDED)
    return page


def _inputs(words: Texts) -> list[gr.components.Component]:
    """The form, one component per field, in the order of `start`."""
    form, ranges = Form(), limits(Form)

    def slider(name: str, label: str, step: int) -> gr.Slider:
        return gr.Slider(ranges[name].min, ranges[name].max, getattr(form, name), step=step, label=label)

    with gr.Row(elem_id="settings"):
        return [
            slider("sinks", words.sinks, 1),
            slider("recent", words.recent, 4),
            slider("budget_mb", words.budget, 1),
            gr.Dropdown([(name, int(pace)) for pace, name in words.paces.items()], value=form.pace, label=words.pace),
            gr.Number(form.seed, precision=0, minimum=0, maximum=9999, label=words.seed),
        ]


def first_paint() -> str | None:
    """The payload of the recorded run, if there is one."""
    if not FIRST_PAINT.is_file():
        return None
    return panels.payload(recordings.overview(recordings.load(FIRST_PAINT)))


def serve(page: gr.Blocks, plotly: object, *, host: str | None, port: int | None) -> None:
    """Serve until interrupted. Without a host and a port, gradio's environment variables decide."""
    page.queue(api_open=False, max_size=MOST_WAITING).launch(
        server_name=host,
        server_port=port,
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
    options = parser.parse_args(argv)
    try:
        loaded = models.load(options.model)
        recorded = first_paint()
    except StreamingError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    plotly = plotly_file()
    page = build(loaded, ENGLISH, plotly_url=plotly.url, first_paint=recorded)
    serve(page, plotly, host=options.host, port=options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
