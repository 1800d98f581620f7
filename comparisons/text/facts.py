"""Whether an answer is right: said once for tables, cards and terminal; the page's scripts say the same."""

from __future__ import annotations

import re

__all__ = ["says"]

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
"""Letters and digits of any script, with the hyphens inside: "twenty-one" is one word."""


def says(text: str, fact: str) -> bool:
    """Whether the words of a fact stand in a text one after the other, in upper or lower case.

    "twenty" is not in "twenty-one", "Anna" is in "anna's". A fact without a word is in no text.
    """
    wanted = _words(fact)
    return bool(wanted.strip()) and wanted in _words(text)


def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.lower()))} "
