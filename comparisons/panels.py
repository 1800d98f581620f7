"""The page's live panel: from frames to what a browser draws.

The panel is one `gr.HTML`. Its markup, style and scripts are files under `assets/panels/`; this module puts them
together and turns a frame into the one JSON string that the panel gets. Nothing that a model or a visitor wrote is
ever put into markup: it travels as JSON and is drawn as text.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from comparisons.forms import Form
from comparisons.frames import AnswerTail, Frame
from comparisons.texts import Texts

__all__ = ["head", "live_panel", "payload", "payloads", "script", "theme"]

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "panels"
SCRIPTS = (
    *("words", "look", "history", "thin", "verdict"),
    *("text", "answers", "strip", "lanes"),
    *("marks", "charts", "chips", "downloads", "questions"),
    *("controls", "panel"),
)
SHELL = '<div data-place="top"></div>@children<div data-place="rest"></div>'
FONT = "Source Sans Pro"


def payload(frame: Frame, told: Frame | None = None) -> str:
    """A frame as the one JSON string that the panel gets; "<" is escaped, so nobody can take it for markup.

    Args:
        frame: what to tell.
        told: an earlier frame of the run whose tails need not be told again.
    """
    news = frame if told is None else _news(frame, told)
    text = json.dumps(news, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def payloads(frames: Iterable[Frame]) -> Iterator[str]:
    """A run's payloads. Each tells again what the frame before told, so that losing one loses nothing."""
    earlier: deque[Frame] = deque(maxlen=2)
    for frame in frames:
        yield payload(frame, earlier[0] if len(earlier) == 2 else None)
        earlier.append(frame)


def _news(frame: Frame, told: Frame) -> dict[str, Any]:
    lanes = [
        {
            **lane,
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


def live_panel(words: Texts, plotly_url: str, control: Callable[[Any], bool], value: str | None = None) -> gr.HTML:
    """The live panel; components made inside its `with` stand between the header and the lanes.

    It triggers "start", "preset" (with a name) and "link", and calls `control` as `Sessions.control` says.

    Args:
        words: the language.
        plotly_url: where the browser finds plotly.js.
        control: steers the run that is on show.
        value: what to show until a run begins, a payload.
    """
    return gr.HTML(
        value,
        html_template=SHELL,
        js_on_load=script(words, plotly_url),
        apply_default_css=False,
        server_functions=[control],
        elem_id="panel",
    )


def script(words: Texts, plotly_url: str) -> str:
    """What the scripts need to know of the page, then the scripts, in one scope and without globals."""
    page = {
        "markup": _asset("panel.html"),
        "words": words.as_json(),
        "plotly": plotly_url,
        "fields": list(Form().values()),
    }
    known = f"const page = {json.dumps(page, ensure_ascii=False)};"
    return "\n".join([known, *(_asset(f"js/{name}.js") for name in SCRIPTS)])


def _asset(name: str) -> str:
    return (ASSETS / name).read_text("utf-8")


def head() -> str:
    """What the head of the page gets: the style."""
    return f"<style>{_asset('panel.css')}</style>"


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
