"""A run as one HTML file that replays in any browser, without a server and without asking for anything.

The file is `assets/panels/alone.html` filled in: the panel's markup, style and scripts, plotly.js, and the run as a
recording. The app's page makes it in the browser, from the shell that `shell_file` serves; `export` makes it here.
"""

from __future__ import annotations

import html
from pathlib import Path
from string import Template

from comparisons.page.scripts import asset, harmless, script, style
from comparisons.page.static import StaticFile, plotly_source
from comparisons.page.words import Words
from comparisons.recordings.dialogues import DialogueRecording
from comparisons.recordings.format import Recording

__all__ = ["PLACE", "page", "shell", "shell_file"]

PLACE = "%%HERE%%"
"""Stands in a shell where the recording belongs and then where plotly.js belongs, and nowhere else."""


def page(words: Words, recording: Recording | DialogueRecording) -> str:
    """The whole file.

    Args:
        words: the language of the page.
        recording: the run, or the dialogue.
    """
    data = harmless(recording.model_dump_json())
    return _filled(words, recording=data, plotly=plotly_source().replace("</script", "<\\/script"))


def shell(words: Words) -> str:
    """The file without its run and without plotly.js, each marked with `PLACE`."""
    return _filled(words, recording=PLACE, plotly=PLACE)


def shell_file(words: Words) -> StaticFile:
    """The shell, as the app serves it; as plain text, since by itself it is no page."""
    return StaticFile(Path(f"alone-{words.language}.txt"), "text/plain; charset=utf-8", shell(words).encode())


def _filled(words: Words, *, recording: str, plotly: str) -> str:
    return Template(asset("alone.html")).substitute(
        language=words.language,
        title=html.escape(words["title"]),
        style=style() + asset("alone.css"),
        script=script(words, "alone", {"plotly": None, "fields": [], "recordings": [], "shell": None}),
        recording=recording,
        plotly=plotly,
    )
