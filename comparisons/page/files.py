"""The files that a page fetches: its style, its scripts, plotly.js, recorded runs, the shell of an export, its picture.

They are served apart: what is inside the page goes to every visitor anew. Nor would Gradio be quick with the scripts:
it looks for a component's events in all that it is given, for every visitor, which took 10 ms of the server for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from comparisons import paths
from comparisons.page import export, panels
from comparisons.page.document import Head
from comparisons.page.library import FIRST_PAINT, Kept, first_paint
from comparisons.page.scripts import page_script, style
from comparisons.page.static import StaticFile, plotly_file
from comparisons.page.words import Words, languages

__all__ = ["PageFiles", "page_files"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFiles:
    """What pages fetch.

    Attributes:
        scripts: by language, where its page finds the panel's scripts.
        heads: by language, what the head of its page says.
        all: every file.
    """

    scripts: Mapping[str, str]
    heads: Mapping[str, Head]
    all: Sequence[StaticFile]


def page_files(runs: Sequence[Kept]) -> PageFiles:
    """The files of the pages of all languages.

    Args:
        runs: the recorded runs and dialogues that they offer.
    """
    plotly = plotly_file()
    shells = {code: export.shell_file(words) for code, words in languages().items()}
    scripts = {
        code: _script_file(words, plotly.url, _offers(runs, shells[code])) for code, words in languages().items()
    }
    sheet = StaticFile(Path("panel.css"), "text/css", style().encode())
    picture = StaticFile(paths.ASSETS / "preview.png", "image/png")
    known, painted = tuple(languages().values()), first_paint(runs) or ""
    heads = {
        words.language: Head(
            words=words,
            style=sheet.url,
            fonts=panels.fonts(),
            script=scripts[words.language].url,
            picture=picture.url,
            first_paint=painted,
            others=known,
        )
        for words in known
    }
    return PageFiles(
        scripts={code: file.url for code, file in scripts.items()},
        heads=heads,
        all=[plotly, sheet, picture, *shells.values(), *scripts.values(), *(run.file for run in runs)],
    )


def _script_file(words: Words, plotly_url: str, offers: Mapping[str, object]) -> StaticFile:
    script = page_script(words, plotly_url, offers)
    return StaticFile(Path(f"panel-{words.language}.js"), "text/javascript", script.encode())


def _offers(runs: Sequence[Kept], shell: StaticFile) -> dict[str, object]:
    about = [run.about() for run in runs]
    return {"recordings": about, "painted": FIRST_PAINT, "shell": {"url": shell.url, "place": export.PLACE}}
