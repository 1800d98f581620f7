"""The page's live panel: from frames to what a browser draws.

The panel is one `gr.HTML`. Its markup, style and scripts are files under `assets/panels/`; this module puts them
together and turns a frame into the one JSON string that the panel gets. Nothing that a model or a visitor wrote is
ever put into markup: it travels as JSON and is drawn as text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from comparisons.page.forms import Form
from comparisons.page.gradio_internals import gr
from comparisons.page.scripts import asset, escaped
from comparisons.page.scripts import script as scripts
from comparisons.page.static import StaticFile
from comparisons.page.words import Words
from comparisons.runs.frames import AnswerTail, Frame, Loading, Waiting
from comparisons.text.choices import MOST_CHARACTERS, MOST_FILE_BYTES

__all__ = ["head", "live_panel", "payload", "payloads", "script", "script_file", "theme"]

SHELL = '<div data-place="top"></div>@children<div data-place="rest"></div>'
FONT = "Source Sans Pro"

_SELDOM = ("said", "sink_share", "told")
"""Parts of a lane that stay as they are for many frames; they are told again when they change."""


def payload(frame: Frame | Loading | Waiting, told: Frame | None = None) -> str:
    """A frame as the one JSON string that the panel gets; "<" is escaped, so nobody can take it for markup.

    Args:
        frame: what to tell.
        told: an earlier frame of the run whose tails need not be told again.
    """
    return escaped(frame if told is None else _news(frame, told))


def payloads(frames: Generator[Frame | Loading | Waiting, None, None]) -> Generator[str, None, None]:
    """A run's payloads. Each tells again what the frame before told, so that losing one loses nothing.

    Closing them closes the frames, and so ends the run, whoever else still holds them.
    """
    earlier: deque[Frame] = deque(maxlen=2)
    with closing(frames):
        for frame in frames:
            if frame["state"] in ("loading", "queued"):
                yield payload(frame)
                continue
            yield payload(frame, earlier[0] if len(earlier) == 2 else None)
            earlier.append(frame)


def _news(frame: Frame, told: Frame) -> dict[str, Any]:
    lanes = [
        {
            **{name: part for name, part in lane.items() if name not in _SELDOM or part != before[name]},
            "curve": _later(lane["curve"], "points", before["curve"]),
            "text": _later(lane["text"], "pieces", before["text"]),
            "answers": _unfinished(lane["answers"], before["answers"]),
        }
        for lane, before in zip(frame["lanes"], told["lanes"], strict=True)
    ]
    return {**frame, "rss": _later(frame["rss"], "points", told["rss"]), "lanes": lanes}


def _later(tail: Any, items: str, before: Any) -> dict[str, Any]:
    """The items of a tail that come after those of the tail before."""
    start = max(tail["from"], before["from"] + len(before[items]))
    return {"from": start, items: tail[items][start - tail["from"] :]}


def _unfinished(answers: AnswerTail, before: AnswerTail) -> dict[str, Any]:
    """The answers that were not told to their end before."""
    done = [answer["done"] for answer in before["items"]]
    told = done.index(False) if False in done else len(done)
    return _later(answers, "items", {"from": before["from"], "items": before["items"][:told]})


def live_panel(script_url: str, control: Callable[[Any], Any], value: str | None = None) -> gr.HTML:
    """The live panel; components made inside its `with` stand between the header and the lanes.

    It triggers "start", "preset" (with a name) and "link", and calls `control` as `Sessions.control` says; where that
    raises, {"refused": why} is the answer.

    Args:
        script_url: where the browser finds the `script_file`.
        control: steers the run that is on show.
        value: what to show until a run begins, a payload.
    """
    return gr.HTML(
        value,
        html_template=SHELL,
        js_on_load=f"const scripts = {escaped(script_url)};\n{asset('js/hosts/gradio.js')}",
        apply_default_css=False,
        server_functions=[control],
        elem_id="panel",
    )


def script_file(words: Words, plotly_url: str, offers: Mapping[str, object] | None = None) -> StaticFile:
    """What `script` says, as the app serves it: inside the page it would go to every visitor anew.

    Nor would Gradio be quick with it: it looks for a component's events in all of the scripts that it is given, for
    every visitor, which took 10 ms of the server for each.
    """
    return StaticFile(Path(f"panel-{words.language}.js"), "text/javascript", script(words, plotly_url, offers).encode())


def script(words: Words, plotly_url: str, offers: Mapping[str, object] | None = None) -> str:
    """The panel's scripts, a module.

    Args:
        words: the language.
        plotly_url: where the browser finds plotly.js.
        offers: what it finds besides: `recordings`, a list of `KeptRun.about`; `painted`, the name of the one that
            stands on the page from the start; `shell`, the `url` of an export's shell and the `place` marked in it.
    """
    known = {
        "plotly": plotly_url,
        "fields": list(Form().values()),
        "most": {"characters": MOST_CHARACTERS, "bytes": MOST_FILE_BYTES},
        "recordings": [],
        "painted": None,
        "shell": None,
    }
    return scripts(words, "module", {**known, **(offers or {})})


def head() -> str:
    """What the head of the page gets: the style."""
    return f"<style>{asset('panel.css')}</style>"


def theme() -> gr.themes.Base:
    """Gradio's plain theme in the page's fonts; the overrides lift its contrast to what can be read."""
    fonts = [gr.themes.LocalFont(FONT, weights=(400, 700)), "system-ui", "sans-serif"]
    base = gr.themes.Base(primary_hue="blue", neutral_hue="slate", font=fonts, font_mono=["ui-monospace", "monospace"])
    return base.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
    )
