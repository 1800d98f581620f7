from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import get_args

import pytest

from comparisons.page.forms import MORE_LANES, PRESETS
from comparisons.page.scripts import ASSETS, SCRIPTS
from comparisons.page.words import ENGLISH, ITALIAN, TEXTS, Texts
from comparisons.runs.frames import Reason, RunState, Status
from streaming import errors

MARKUP = (ASSETS / "panel.html").read_text("utf-8")
SCRIPT = "\n".join((ASSETS / "js" / f"{name}.js").read_text("utf-8") for name in SCRIPTS)
APP = (ASSETS.parent.parent / "app.py").read_text("utf-8")


def phrases(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a language, with the way to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from phrases(part, f"{path}.{key}")
    elif is_dataclass(value):
        for field in fields(value):
            yield from phrases(getattr(value, field.name), f"{path}.{field.name}")
    else:
        for i, part in enumerate(value):
            yield from phrases(part, f"{path}.{i}")


@pytest.mark.parametrize("language", TEXTS)
def test_every_language_says_the_same_things_with_the_same_numbers(language):
    def gaps(texts: Texts) -> dict[str, set[str]]:
        return {path: set(re.findall(r"\{(\w+)\}", phrase)) for path, phrase in phrases(texts)}

    assert gaps(TEXTS[language]) == gaps(ENGLISH)


def test_an_error_keeps_its_words_and_has_others_before_them_on_the_italian_page():
    for kind in (getattr(errors, name) for name in errors.__all__):
        error = kind("Braces {said} stay.")
        assert ENGLISH.explain(error) == "Braces {said} stay."
        before, said, _ = ITALIAN.explain(error).partition("Braces {said} stay.")
        assert len(before) > 20 and said
    assert len(set(ITALIAN.errors.values())) == len(ITALIAN.errors)


@pytest.mark.parametrize("language", TEXTS)
def test_no_phrase_is_empty(language):
    assert all(phrase.strip() for _, phrase in phrases(TEXTS[language]))


def test_markup_and_scripts_only_ask_for_words_that_exist():
    names = {field.name for field in fields(Texts)}
    asked = set(re.findall(r'data-word(?:-label)?="(\w+)"', MARKUP))
    asked |= set(re.findall(r"\bwords\.(\w+)", SCRIPT))
    assert asked <= names


def test_every_word_is_used():
    used = set(re.findall(r"\w+", MARKUP + SCRIPT + APP))
    assert {field.name for field in fields(Texts)} <= used


def test_whatever_a_run_can_be_has_words():
    assert set(ENGLISH.statuses) == set(get_args(Status))
    assert set(ENGLISH.states) == set(get_args(RunState))
    assert set(ENGLISH.verdict_endings) | {"error"} == set(get_args(Reason))
    assert set(ENGLISH.lane_names) == set(ENGLISH.lane_policies) == {"dense", "sinks", *MORE_LANES}
    assert set(ENGLISH.presets) == set(PRESETS)
