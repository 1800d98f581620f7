from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path

import pytest

from comparisons.__main__ import main
from comparisons.page import export
from comparisons.page.library import FIRST_PAINT
from comparisons.page.static import plotly_source
from comparisons.page.words import language, languages
from comparisons.paths import RECORDINGS
from comparisons.recordings import files
from tests.support.recorded import altered

FILE = RECORDINGS / f"{FIRST_PAINT}.json"
MARKUP = "</script><script>alert(1)</script><!--<script>"


class Scripts(html.parser.HTMLParser):
    """The scripts of a page, as a browser tells them apart."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[dict, str]] = []
        self.sources: list[str] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag == "script":
            self.found.append((dict(attrs), ""))
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.found[-1] = (self.found[-1][0], self.found[-1][1] + data)


def test_a_page_holds_the_recording_and_plotly_and_fetches_nothing():
    scripts = Scripts(export.page(language("en"), files.load(FILE)))
    (attributes, run), (_, panel), (_, plotly) = scripts.found
    assert attributes == {"id": "recording", "type": "application/json"}
    assert json.loads(run) == json.loads(files.dumps(files.load(FILE)))
    assert "mount(" in panel and not re.search(r"^(import|export) ", panel, re.MULTILINE)
    assert plotly == plotly_source()
    assert all(source.startswith("data:") for source in scripts.sources)


def test_markup_in_a_recording_stays_text_in_its_page():
    recording = files.load(FILE)
    marked = altered(recording, header={**recording.header, "model": MARKUP})
    scripts = Scripts(export.page(language("en"), marked))
    assert len(scripts.found) == 3
    assert json.loads(scripts.found[0][1])["header"]["model"] == MARKUP


@pytest.mark.parametrize("code", languages())
def test_a_shell_has_two_places_and_becomes_the_page_when_they_are_filled(code):
    words, recording = language(code), files.load(FILE)
    before, between, after = export.shell(words).split(export.PLACE)
    data = files.dumps(recording).replace("<", "\\u003c")
    assert before + data + between + plotly_source() + after == export.page(words, recording)
    assert f'<html lang="{code}">' in before


def test_a_command_writes_the_page(tmp_path, capsys):
    out = tmp_path / "run.html"
    assert main(["export", str(FILE), "--html", str(out), "--language", "it"]) == 0
    assert language("it")["title"] in out.read_text("utf-8")
    assert str(out) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "out", "words"),
    [
        ("nowhere.json", "run.html", "check the path"),
        (FILE, "file/x", "cannot be written"),
        (FILE, "read-only", "read-only"),
    ],
)
def test_a_command_that_cannot_do_it_says_why(tmp_path, capsys, file, out, words):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "read-only").write_text("mine")
    (tmp_path / "read-only").chmod(0o400)
    assert main(["export", str(tmp_path / file), "--html", str(tmp_path / out)]) == 2
    assert words in capsys.readouterr().err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "mine", "read-only": "mine"}


def test_the_shells_file_is_told_as_text():
    file = export.shell_file(language("en"))
    assert Path(file.url).name.startswith("alone-en-") and file.url.endswith(".txt")
