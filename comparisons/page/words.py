"""The page's words: one file per language under `assets/words/`, all with the same names.

Braces name what the page fills in (`{tokens}`, `{before}`, …); the same names must stand in every language. A
language is complete or the page does not start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from comparisons import paths
from comparisons.documents import parsed
from streaming.errors import SettingsError, StreamingError

__all__ = ["ENGLISH", "Words", "language", "languages", "load"]

_Said = TypeVar("_Said", str, dict[str, str])

ENGLISH = "en"
"""The language that all others are held against, and that of the page at the root."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """All words of the page in one language.

    Attributes:
        language: its code, which is also the path of its page.
        all: every word by name, as its file has them: a text, or texts by name or in a row.
    """

    language: str
    all: Mapping[str, Any]

    def __getitem__(self, name: str) -> str:
        """The text of that name.

        Raises:
            KeyError: there is none.
        """
        return _of_type(str, self.all[name], name)

    def group(self, name: str) -> Mapping[str, str]:
        """The texts of one kind, by what they are for.

        Raises:
            KeyError: there are none.
        """
        return _of_type(dict, self.all[name], name)

    def count(self, number: float) -> str:
        """A whole number as this language writes it: "8,192"."""
        return f"{number:,.0f}".replace(",", self["separators"][1])

    def counted(self, noun: str, number: float) -> str:
        """A whole number with its noun, one of the words' `nouns`."""
        forms = self.all["nouns"][noun]
        return _of_type(str, forms["one" if round(number) == 1 else "other"], noun).format(count=self.count(number))

    @property
    def path(self) -> str:
        """Where its page is, seen from that of any language."""
        return "./" if self.language == ENGLISH else self.language

    def explain(self, error: StreamingError) -> str:
        """What to tell a visitor of an error: its own words are English, and elsewhere follow this language's."""
        errors = self.group("errors")
        kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in errors)
        return errors[kind].format(said=error)


def languages(folder: Path = paths.WORDS) -> dict[str, Words]:
    """Every language by its code, English first.

    Raises:
        SettingsError: a file cannot be read, lacks a word that English has, or has one that it lacks.
    """
    found = [load(path) for path in sorted(folder.glob("*.json"), key=lambda path: (path.stem != ENGLISH, path.stem))]
    for words in found[1:]:
        _check_same(words, found[0])
    return {words.language: words for words in found}


def language(code: str) -> Words:
    """One language; see `languages`."""
    return languages()[code]


def load(path: Path) -> Words:
    """The words of one file, which is named by its language.

    Raises:
        SettingsError: it is no JSON object.
    """
    try:
        said = parsed(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} cannot be read as words ({error}): copy {ENGLISH}.json and translate it."
        ) from None
    if not isinstance(said, dict):
        raise SettingsError(f"{path} holds no words: copy {ENGLISH}.json and translate it.")
    return Words(language=path.stem, all=said)


def _check_same(words: Words, english: Words) -> None:
    """The same names, and under each the same gaps to fill."""
    here, there = (dict(_phrases(one.all)) for one in (words, english))
    for name in here.keys() ^ there.keys():
        wrong = "lacks" if name in there else "has a word that English has not:"
        raise SettingsError(f"The words of “{words.language}”: it {wrong} {name}.")
    for name, gaps in there.items():
        if here[name] != gaps:
            raise SettingsError(f"The words of “{words.language}”: {name} must have {sorted(gaps)} to fill in.")


def _phrases(said: object, name: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every text with the way to it and the names of its gaps."""
    if isinstance(said, str):
        yield name, set(re.findall(r"\{(\w+)\}", said))
        return
    parts = said.items() if isinstance(said, Mapping) else enumerate(said) if isinstance(said, list) else ()
    for key, part in parts:
        yield from _phrases(part, f"{name}.{key}" if name else str(key))


def _of_type(kind: type[_Said], said: object, name: str) -> _Said:
    if not isinstance(said, kind):
        raise KeyError(f"{name} is no {kind.__name__}")
    return said
