"""The page's live panel as Gradio has it: one `gr.HTML`, its style and its theme.

Its markup, style and scripts are files under `assets/panels/`. Nothing that a model or a visitor wrote is ever put
into markup: it travels as JSON, see `payloads`, and is drawn as text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from comparisons.page.gradio_internals import gr
from comparisons.page.scripts import asset, escaped

__all__ = ["fonts", "live_panel", "theme"]

SHELL = '<div data-place="top"></div>@children<div data-place="rest"></div>'
FONT = gr.themes.LocalFont("Source Sans Pro", weights=(400, 700))


def live_panel(script_url: str, control: Callable[[Any], Any]) -> gr.HTML:
    """The live panel; components made inside its `with` stand between the header and the lanes.

    It triggers "start", "preset" (with a name), "suit" and "link", and calls `control` as
    `Sessions.control` and `Values.expect` say; where that raises, {"refused": why} is the answer.

    Args:
        script_url: where the browser finds the `script_file`.
        control: steers the run that is on show.
    """
    return gr.HTML(
        html_template=SHELL,
        js_on_load=f"const scripts = {escaped(script_url)};\n{asset('js/hosts/gradio.js')}",
        apply_default_css=False,
        server_functions=[control],
        elem_id="panel",
    )


def fonts() -> str:
    """The style that makes the page's font known before Gradio does; where it is late, another stands in for it."""
    return str(FONT.stylesheet()["css"]).replace("font-style:", "font-display: swap; font-style:")


def theme() -> gr.themes.Base:
    """Gradio's plain theme in the page's fonts; the overrides lift its contrast to what can be read."""
    fonts: list[str | gr.themes.LocalFont] = [FONT, "system-ui", "sans-serif"]
    base = gr.themes.Base(primary_hue="blue", neutral_hue="slate", font=fonts, font_mono=["ui-monospace", "monospace"])
    return base.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
    )
