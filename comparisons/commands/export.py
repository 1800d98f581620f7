"""`export FILE --html OUT`: a recorded run as one HTML file that replays in any browser, offline."""

from __future__ import annotations

import argparse
from pathlib import Path

from comparisons.files import check_output, shown, write_whole
from comparisons.page.export import page
from comparisons.page.words import ENGLISH, language, languages
from comparisons.recordings import dialogues, files
from comparisons.recordings.dialogues import DialogueRecording
from comparisons.recordings.format import Recording
from streaming.errors import SettingsError

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`export FILE --html OUT`."""
    parser.add_argument("file", type=Path, help="a recording, as the page's JSON button, `record` or `chat` saves it")
    parser.add_argument("--html", type=Path, required=True, metavar="OUT", help="where to write the page")
    parser.add_argument("--language", choices=sorted(languages()), default=ENGLISH, help="(default: en)")
    parser.set_defaults(command=_export)


def _loaded(path: Path) -> Recording | DialogueRecording:
    """The recorded run, or dialogue, of a file."""
    is_dialogue = path.is_file() and dialogues.FORMAT.encode() in path.read_bytes()[:200]
    return dialogues.load(path) if is_dialogue else files.load(path)


def _export(arguments: argparse.Namespace) -> None:
    check_output(arguments.html, [arguments.file])
    text = page(language(arguments.language), _loaded(arguments.file))
    try:
        write_whole(arguments.html, text)
    except OSError as error:
        words = f"{shown(arguments.html)} cannot be written ({error.strerror}): choose another place."
        raise SettingsError(words) from None
    print(f"page: {shown(arguments.html)}")
