"""StreamingLLM, side by side: the page. `python app.py` serves it."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from comparisons.limits import limits
from comparisons.page import export, panels
from comparisons.page import words as page_words
from comparisons.page.forms import MORE_LANES, PRESETS, Form
from comparisons.page.gradio_internals import gr
from comparisons.page.library import KeptRun, library
from comparisons.page.static import StaticFile, plotly_file
from comparisons.page.words import ENGLISH, Words
from comparisons.recordings.player import overview
from comparisons.runs.memory import KvMemory
from comparisons.server.backpressure import Patience
from comparisons.server.config import Config, read_config
from comparisons.server.connections import close_silent
from comparisons.server.guard import Calls, Guard
from comparisons.server.health import PATH as HEALTH_PATH
from comparisons.server.health import health_route
from comparisons.server.logs import log_to_stderr
from comparisons.server.queue import RunQueue
from comparisons.server.sessions import Sessions
from comparisons.server.zerogpu import on_gpu
from streaming import models
from streaming.errors import StreamingError
from streaming.models import LoadedModel

_LOG = logging.getLogger("app")

RECORDINGS = Path(__file__).resolve().parent / "assets" / "recordings"
FIRST_PAINT = "first-paint"
FIELDS = tuple(Form().values())
RUNNING = {"preprocess": False, "show_progress": "hidden", "trigger_mode": "multiple"}
PRIVATE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
FAILED = "() => { document.dispatchEvent(new Event('sl-failed')); }"
LINK = "(...values) => { document.dispatchEvent(new CustomEvent('sl-link', { detail: values })); }"

SPARE_CALLS = 32
"""Calls at the same time beside those that run or wait: commands, settings, and starts that are refused."""

FAREWELL_SECONDS = 1.5
"""How long visitors may take to hear that the server is restarting."""


def build(
    loaded: LoadedModel,
    *,
    scripts: Mapping[str, str],
    first_paint: str | None = None,
    sessions: Sessions | None = None,
) -> gr.Blocks:
    """The page, in English at the root and in Italian at /it.

    Args:
        loaded: the model that every run reads with.
        scripts: by language, where its page finds the panel's scripts.
        first_paint: the payload of a recorded run, shown until the visitor starts one.
        sessions: the runs of its visitors; by default its own, with the usual limits.
    """
    sessions = sessions or Sessions(loaded)
    english, *others = page_words.languages().values()
    with gr.Blocks(title=english["title"], analytics_enabled=False, fill_width=True) as page:
        _fill(page, english, sessions, loaded.name, scripts[ENGLISH], first_paint)
    for words in others:
        with page.route(words["title"], f"/{words.language}", show_in_navbar=False):
            _fill(page, words, sessions, loaded.name, scripts[words.language], first_paint)
    _keep_signatures(page)
    return page


def _keep_signatures(page: gr.Blocks) -> None:
    """Gradio asks for those of all components for every new visitor, which is half the work of letting one in."""
    for component in {type(block) for block in page.blocks.values()}:
        component.__init__.__signature__ = inspect.signature(component.__init__)


def _fill(
    page: gr.Blocks,
    words: Words,
    sessions: Sessions,
    model: str,
    script_url: str,
    first_paint: str | None,
) -> None:
    """Put one language's components on the page, and connect them; `model` is what the server's own is called."""

    def control(request: object) -> object:
        try:
            return sessions.control(request)
        except StreamingError as error:
            return {"refused": words.explain(error)}

    def start(
        sinks: object, recent: object, budget_mb: object, pace: object, seed: object, lanes: object, positions: object,
        model_name: object, source: object, after: object, event: gr.EventData, request: gr.Request,
    ) -> Iterator[str]:  # fmt: skip
        """Read one endless text with a dense cache and with StreamingLLM, side by side."""
        chosen = "" if model_name == model else model_name
        given = (sinks, recent, budget_mb, pace, seed, lanes, positions, chosen, source, after)
        visitor, lost = request.session_hash or "", _sent(event, "resume")
        unread = partial(_unread, page, visitor)
        try:
            if isinstance(lost, dict):
                frames = sessions.take_up(visitor, lost.get("token"), lost.get("seq"), unread)
            else:
                form = Form(**dict(zip(FIELDS, given, strict=True)))
                reading = form.reading(_sent(event, "text"))
                frames = sessions.frames(visitor, form.settings(), model=form.model, reading=reading, unread=unread)
            yield from panels.payloads(frames)
        except StreamingError as error:
            raise _said(words, words.explain(error)) from None

    def preset(event: gr.EventData) -> list[Any]:
        """The values of the preset that the visitor chose; the model stays."""
        form = PRESETS.get(str(_sent(event, "name")))
        if form is None:
            raise _said(words, f"There is no such preset; there are {', '.join(PRESETS)}.")
        return list({**form.values(), "model": gr.skip()}.values())

    def restore(request: gr.Request) -> list[Any]:
        """The values of the link that the visitor came by."""
        form = Form.of_query(request.query_params)
        return list({**form.values(), "model": form.model or model}.values())

    with panels.live_panel(script_url, control, first_paint) as panel:
        inputs = _inputs(words, model)
    run = {"fn": on_gpu(start), "inputs": inputs, "outputs": panel, "concurrency_id": "runs", **RUNNING}
    public = {"api_name": "start"} if words.language == ENGLISH else {"api_visibility": "private"}
    started = panel.start(**run, **public)
    chosen = panel.preset(preset, None, inputs, **PRIVATE)
    for event in (started, chosen, chosen.success(**run, api_visibility="private")):
        event.failure(None, js=FAILED)
    panel.link(None, inputs, None, js=LINK)
    panel.refuse(_refusal(words), None, None, **PRIVATE)
    page.load(restore, None, inputs, **PRIVATE)


def _unread(page: gr.Blocks, visitor: str) -> int:
    """How many messages lie ready for a visitor and were not taken."""
    messages = page._queue.pending_messages_per_session.get(visitor)
    return 0 if messages is None else messages.qsize()


def _refusal(words: Words) -> Callable[[gr.EventData], None]:
    """What says, as every error is said, why a browser did not take a text."""
    refusals = words.group("refusals")

    def refuse(event: gr.EventData) -> None:
        why = str(_sent(event, "why"))
        raise _said(words, refusals.get(why, refusals["encoding"]))

    return refuse


def _said(words: Words, message: str) -> gr.Error:
    """What Gradio shows to the visitor who caused it, and to nobody else."""
    return gr.Error(message, title=words["error"], print_exception=False)


def _sent(event: gr.EventData, name: str) -> object:
    """What the panel sent along with an event; None where it sent no such thing."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def _inputs(words: Words, model: str) -> list[gr.components.Component]:
    """The form, one component per field, in the order of its fields."""
    form, ranges = Form(), limits(Form)

    def slider(name: str, label: str, step: int) -> gr.Slider:
        return gr.Slider(ranges[name].min, ranges[name].max, getattr(form, name), step=step, label=label)

    def radio(name: str, label: str, choices: Mapping[str, str]) -> gr.Radio:
        named = [(text, value) for value, text in choices.items()]
        return gr.Radio(named, value=getattr(form, name), label=label, elem_id=name)

    paces = [(name, int(pace)) for pace, name in words.group("paces").items()]
    with gr.Row(elem_id="settings"):
        first = [
            slider("sinks", words["sinks"], 1),
            slider("recent", words["recent"], 4),
            slider("budget_mb", words["budget"], 1),
            gr.Dropdown(paces, value=form.pace, label=words["pace"]),
            gr.Number(form.seed, precision=0, minimum=0, maximum=9999, label=words["seed"]),
        ]
    with gr.Row(elem_id="more"):
        more = [(words.group("lane_names")[kind], kind) for kind in MORE_LANES]
        return [
            *first,
            gr.CheckboxGroup(more, value=list(form.lanes), label=words["more_lanes"]),
            radio("positions", words["sink_positions"], words.group("positions")),
            gr.Dropdown(list(dict.fromkeys([model, *models.names()])), value=model,
                        label=words["model_choice"], allow_custom_value=True, elem_id="model"),
            radio("source", words["source"], words.group("sources")),
            radio("after", words["after"], words.group("afters")),
        ]  # fmt: skip


def spare_searches() -> None:
    """Gradio imports matplotlib around every frame of every run: where there is none, each looks for it on disk."""
    if importlib.util.find_spec("matplotlib") is None:
        sys.modules["matplotlib"] = None


def first_paint(runs: Sequence[KeptRun]) -> str | None:
    """The payload of the run that the page shows before Start, if it is among these."""
    for run in runs:
        if run.name == FIRST_PAINT:
            return panels.payload(overview(run.recording))
    return None


def offers(runs: Sequence[KeptRun], shell: StaticFile) -> dict[str, object]:
    """What a page can fetch when it needs it: recorded runs, and the shell of an exported page in its language."""
    about = [run.about() for run in runs]
    return {"recordings": about, "painted": FIRST_PAINT, "shell": {"url": shell.url, "place": export.PLACE}}


def serve(
    page: gr.Blocks,
    files: Sequence[StaticFile],
    config: Config,
    sessions: Sessions,
    *,
    host: str | None,
    port: int | None,
    inbrowser: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT. Without a host and a port, gradio's environment variables decide."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    calls = config.runs + config.waiting + SPARE_CALLS  # who may run and who waits, our own queue decides
    guard = Middleware(
        Guard, calls=lambda: _calls(page), pages=frozenset(f"/{language}" for language in page_words.languages())
    )
    page.queue(api_open=False, default_concurrency_limit=calls, max_size=calls).launch(
        server_name=host,
        server_port=port,
        inbrowser=inbrowser,
        theme=panels.theme(),
        head=panels.head(),
        app_kwargs={"routes": [health_route(sessions), *(file.route() for file in files)], "middleware": [guard]},
        max_threads=calls,
        state_session_capacity=100,  # a session holds nothing of the visitor, and is made anew in 3 ms
        prevent_thread_lock=True,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        strict_cors=True,
        max_file_size="2mb",
        footer_links=["gradio"],
    )
    close_silent(page.server, HEALTH_PATH, over)
    log_to_stderr()
    _LOG.info("serving", extra={"runs": config.runs, "waiting": config.waiting, "kv_mb": config.kv_mb})
    over.wait()
    _end(page, sessions)


def _calls(page: gr.Blocks) -> Calls:
    """What the page can be asked to do, by the numbers that Gradio gave."""
    panels_ = frozenset(number for number, block in page.blocks.items() if block.elem_id == "panel")
    inputs = {number: len(call.inputs) for number, call in page.fns.items()}
    start = next(len(call.inputs) for call in page.fns.values() if call.api_name == "start")
    return Calls(inputs=inputs, start=start, components=panels_)


def _end(page: gr.Blocks, sessions: Sessions) -> None:
    """Tell every visitor, give them the time to hear it, and close."""
    _LOG.info("restarting", extra=dict(zip(("runs", "waiting"), sessions.queue.counts, strict=True)))
    sessions.close()
    latest = time.monotonic() + FAREWELL_SECONDS
    while any(sessions.queue.counts) and time.monotonic() < latest:
        time.sleep(0.05)
    time.sleep(0.3)  # the last frames are on their way
    page.server.config.timeout_graceful_shutdown = 1
    page.close(verbose=False)


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
    spare_searches()
    plotly = plotly_file()
    languages = page_words.languages()
    shells = {words.language: export.shell_file(words) for words in languages.values()}
    scripts = {
        words.language: panels.script_file(words, plotly.url, offers(runs, shells[words.language]))
        for words in languages.values()
    }
    sessions = Sessions(
        loaded,
        queue=RunQueue(config.runs, config.waiting, turn_seconds=config.turn, pause_seconds=config.pause),
        memory=KvMemory(config.kv_mb * 1_000_000),
        cores=config.cores,
        patience=Patience(grace_seconds=config.grace),
    )
    page = build(
        loaded,
        scripts={language: file.url for language, file in scripts.items()},
        first_paint=first_paint(runs),
        sessions=sessions,
    )
    files = [plotly, *shells.values(), *scripts.values(), *(run.file for run in runs)]
    serve(page, files, config, sessions, host=options.host, port=options.port, inbrowser=options.inbrowser)
    return 0


if __name__ == "__main__":
    sys.exit(main())
