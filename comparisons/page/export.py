"""A run as one HTML file that replays in any browser, without a server and without asking for anything.

The file is `assets/panels/alone.html` filled in: the panel's markup, style and scripts, plotly.js, and the run as a
recording. The app's page makes it in the browser, from the shell that `shell_file` serves; `export` makes it here.
"""

from __future__ import annotations

import argparse
import html
from pathlib import Path
from string import Template
from typing import Any

from comparisons.files import write_whole
from comparisons.page.scripts import asset, harmless, script
from comparisons.page.static import StaticFile, plotly_source
from comparisons.page.words import ENGLISH, Words, language, languages
from comparisons.recordings import recording as recordings
from comparisons.recordings.recording import Recording
from streaming.errors import SettingsError

__all__ = ["PLACE", "add_command", "page", "shell", "shell_file"]

PLACE = "%%HERE%%"
"""Stands in a shell where the recording belongs and then where plotly.js belongs, and nowhere else."""


def page(words: Words, recording: Recording) -> str:
    """The whole file.

    Args:
        words: the language of the page.
        recording: the run.
    """
    data = harmless(recordings.dumps(recording))
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
        style=asset("panel.css") + asset("alone.css"),
        script=script(words, "alone", {"plotly": None, "fields": [], "recordings": [], "shell": None}),
        recording=recording,
        plotly=plotly,
    )


def add_command(commands: Any) -> None:
    """`export FILE --html OUT`."""
    what = "a recorded run as one HTML file that replays in any browser, offline"
    parser = commands.add_parser("export", help=what, description=what)
    parser.add_argument("file", type=Path, help="a recording, as the page's JSON button or `record` saves it")
    parser.add_argument("--html", type=Path, required=True, metavar="OUT", help="where to write the page")
    parser.add_argument("--language", choices=sorted(languages()), default=ENGLISH, help="(default: en)")
    parser.set_defaults(command=_export)


def _export(arguments: argparse.Namespace) -> None:
    text = page(language(arguments.language), recordings.load(arguments.file))
    try:
        write_whole(arguments.html, text.encode())
    except OSError as error:
        raise SettingsError(f"{arguments.html} cannot be written ({error.strerror}): choose another place.") from None
    print(f"{arguments.html}: {arguments.html.stat().st_size} bytes")
