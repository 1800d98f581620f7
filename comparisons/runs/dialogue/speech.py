"""What an answer is like, as numbers: how much of it repeats, how much of it is no words. Pure functions.

Both are shares from 0 to 1 of what was said, and neither looks at the meaning: an answer may be wrong, dull and
well-formed. A model that babbles says the same again and again, or puts pieces of words together, and these see it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

__all__ = ["GRAM", "broken_words", "repetition"]

GRAM = 4
"""Words in a row that count as a repetition when they come again."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def repetition(answers: Sequence[str]) -> float | None:
    """Share of the 4-grams of words in some answers that have come before in them: 1 - different / all.

    No 4-gram reaches from one answer into the next. None where there are fewer than two 4-grams.
    """
    grams = [gram for answer in answers for gram in _grams(answer)]
    return 1 - len(set(grams)) / len(grams) if len(grams) > 1 else None


def _grams(answer: str) -> list[tuple[str, ...]]:
    words = [word.lower() for word in _WORD.findall(answer)]
    return [tuple(words[i : i + GRAM]) for i in range(len(words) - GRAM + 1)]


def broken_words(text: str, pieces: Callable[[str], Sequence[int]]) -> float | None:
    """Share of an answer's words for which its tokenizer needs more than three pieces.

    Args:
        text: the answer.
        pieces: the token ids of a text.

    Returns:
        None for an answer without a word.
    """
    words = _WORD.findall(text)
    return sum(len(pieces(f" {word}")) > 3 for word in words) / len(words) if words else None
