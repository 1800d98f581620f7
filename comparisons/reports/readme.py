"""What was measured, in the README and in the cards of the bundled models, and whole pages of it in `docs/results/`.

What stands between two markers of a page is made of `quality.json` beside each bundled model. `python -m comparisons
report` rewrites it all; a test fails where a page and the files that it is made of disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from comparisons.files import write_whole
from comparisons.paths import ROOT
from comparisons.reports.cards import card, headlines
from comparisons.reports.results_pages import headline, page, quality, result_pages
from streaming import models
from streaming.errors import SettingsError
from streaming.loading import packaged

__all__ = ["pages", "rewrite", "with_sections"]

_SECTION = re.compile(r"(<!-- (\w+): python -m comparisons report -->\n).*?(\n<!-- end of \2 -->)", re.DOTALL)
Sections = Mapping[str, Callable[[], str]]
"""What makes the text of a section, by the section's name."""


def with_sections(page: str, sections: Sections) -> str:
    """A page with what is between its markers made anew.

    Raises:
        SettingsError: a section lacks its markers.
    """
    for name in sections.keys() - {name for _, name, _ in _SECTION.findall(page)}:
        raise SettingsError(
            f"A page has no section {name!r}: put `<!-- {name}: python -m comparisons report -->` and "
            f"`<!-- end of {name} -->` on lines of their own."
        )
    return _SECTION.sub(lambda found: f"{found[1]}\n{sections[found[2]]()}\n{found[3]}", page)


def pages() -> dict[Path, str]:
    """The README, the cards and the pages of results, as they must be."""
    cards = {models.BUNDLED / name / "README.md": {"measured": partial(_card, name)} for name in models.available()}
    every: dict[Path, Sections] = {
        ROOT / "README.md": {"figures": _figures, "real": partial(headline, packaged.NAME)},
        **cards,
    }
    whole = {ROOT / "docs" / "results" / name: page(name) for name in result_pages()}
    return {path: with_sections(path.read_text("utf-8"), sections) for path, sections in every.items()} | whole


def rewrite() -> None:
    """Bring all pages up to date."""
    for path, text in pages().items():
        write_whole(path, text)


def _card(name: str) -> str:
    return card(quality(name))


def _figures() -> str:
    return headlines([quality(name) for name in models.available()])
