from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest

from comparisons import paths
from comparisons.page.forms import MORE_LANES, Form, presets
from comparisons.page.modules import MODULES
from comparisons.page.words import Words, language, languages, load
from comparisons.runs.frames import Reason, RunState, Status
from streaming import errors
from streaming.errors import SettingsError

MARKUP = (paths.PANELS / "panel.html").read_text("utf-8")
SCRIPT = "\n".join(path.read_text("utf-8") for path in MODULES.rglob("*.js"))
PYTHON = "\n".join(
    path.read_text("utf-8") for path in [paths.ROOT / "app.py", *(paths.ROOT / "comparisons/page").glob("*.py")]
)


def phrases(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a language, with the way to it."""
    if isinstance(value, str):
        yield path, value
        return
    for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
        yield from phrases(part, f"{path}.{key}")


def changed(folder: Path, change) -> Path:
    """A folder with English, and with Italian as `change` leaves it."""
    for path in paths.WORDS.glob("*.json"):
        said = json.loads(path.read_text("utf-8"))
        if path.stem == "it":
            change(said)
        (folder / path.name).write_text(json.dumps(said), "utf-8")
    return folder


def test_english_comes_first_and_has_the_root():
    found = languages()
    assert next(iter(found)) == "en" and {"en", "it"} <= found.keys()
    assert [words.path for words in found.values()] == ["./", *list(found)[1:]]


@pytest.mark.parametrize("code", languages())
def test_every_language_says_the_same_things_with_the_same_numbers(code):
    def gaps(words: Words) -> dict[str, set[str]]:
        return {path: set(re.findall(r"\{(\w+)\}", phrase)) for path, phrase in phrases(words.all)}

    assert gaps(language(code)) == gaps(language("en"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words: words.pop("start"), "lacks start"),
        (lambda words: words["paces"].pop("8"), r"lacks paces\.8"),
        (lambda words: words.update(begin="Via"), "English has not: begin"),
        (lambda words: words["questions"].pop(), r"lacks questions\.\d"),
        (lambda words: words.update(strip_evicted="token"), "strip_evicted must have .*index"),
        (lambda words: words.update(start=["Via"]), "start"),
    ],
)
def test_a_language_that_is_not_complete_is_named_with_what_it_lacks(tmp_path, change, said):
    with pytest.raises(SettingsError, match=said) as refused:
        languages(changed(tmp_path, change))
    assert "“it”" in str(refused.value)


@pytest.mark.parametrize("content", ["", "[]", "{", '"words"'])
def test_a_file_that_holds_no_words_is_named(tmp_path, content):
    (tmp_path / "xx.json").write_text(content)
    with pytest.raises(SettingsError, match=r"xx\.json"):
        load(tmp_path / "xx.json")


def test_a_word_that_is_not_there_or_of_another_kind_is_an_error():
    words = language("en")
    assert (words["start"], words.group("paces")["0"]) == ("Start", "As fast as it can")
    for ask in (lambda: words["nothing"], lambda: words["paces"], lambda: words.group("start")):
        with pytest.raises(KeyError):
            ask()


def test_an_error_keeps_its_words_and_has_others_before_them_on_the_italian_page():
    english, italian = language("en"), language("it")
    for kind in (getattr(errors, name) for name in errors.__all__):
        error = kind("Braces {said} stay.")
        assert english.explain(error) == "Braces {said} stay."
        before, said, _ = italian.explain(error).partition("Braces {said} stay.")
        assert len(before) > 20 and said
    assert len(set(italian.group("errors").values())) == len(italian.group("errors"))


@pytest.mark.parametrize("code", languages())
def test_no_phrase_is_empty(code):
    assert all(phrase.strip() for _, phrase in phrases(language(code).all))


def test_markup_and_scripts_only_ask_for_words_that_exist():
    asked = set(re.findall(r'data-word(?:-label)?="(\w+)"', MARKUP))
    asked |= set(re.findall(r"(?<![/\w])words\.(\w+)", SCRIPT))
    assert asked <= language("en").all.keys() | {"language"}


def test_every_word_is_used():
    used = set(re.findall(r"\w+", MARKUP + SCRIPT + PYTHON))
    assert language("en").all.keys() <= used


def test_whatever_a_run_can_be_has_words():
    words = language("en")
    assert set(words.group("statuses")) == set(get_args(Status))
    assert set(words.group("states")) == set(get_args(RunState))
    read_to_the_end = {"seconds", "tokens"}
    assert set(words.group("verdict_endings")) | {"error"} | read_to_the_end == set(get_args(Reason))
    assert read_to_the_end < set(words.group("endings")) - {"recorded"} < set(get_args(Reason))
    assert set(words.group("lane_names")) == set(words.group("lane_policies")) == {"dense", "sinks", *MORE_LANES}
    assert set(words.group("presets")) == set(presets(Form()))
    assert set(words.group("errors")) == set(errors.__all__)
