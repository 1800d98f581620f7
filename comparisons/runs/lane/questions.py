"""A visitor's question: checked, made a prompt of the stream's own form, and handed to a lane by another thread."""

from __future__ import annotations

import threading
import unicodedata
from dataclasses import dataclass
from itertools import count

from transformers import PreTrainedTokenizerBase

from comparisons.text.encoding import Encoder
from comparisons.text.prompts import as_prompt
from streaming.errors import SettingsError

__all__ = ["MOST_CHARACTERS", "Inbox", "Question", "Questions", "as_line", "prompt_ids"]

MOST_CHARACTERS = 500

BLANK_LINE = "\n\n"
"""What ends a turn."""

_NO_TEXT = ("Cc", "Cs")
"""Unicode's categories of control characters and of halves of surrogate pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question to all lanes of a run.

    Attributes:
        id: counts the questions of a run, from 1.
        text: one line, as the visitor typed it.
        ids: the tokens of the prompt that it is.
        blank_line: the tokens of the blank line that comes first where the stream is in the middle of a turn.
    """

    id: int
    text: str
    ids: tuple[int, ...]
    blank_line: tuple[int, ...]


def prompt_ids(encode: Encoder, line: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids of a blank line in the middle of a stream, and those of a question's prompt after it."""
    prompt = as_prompt(line)
    alone = tuple(token for token, _ in encode.after([f"a{BLANK_LINE}", BLANK_LINE], prompt))
    both = tuple(token for token, _ in encode.after(["a"], BLANK_LINE + prompt))
    if both[-len(alone) :] == alone:
        return both[: -len(alone)], alone
    return tuple(token for token, _ in encode.after(["a"], BLANK_LINE)), alone


def as_line(text: object) -> str:
    """What a stranger sent, as one line: line breaks and tabs are spaces.

    Raises:
        SettingsError: it is no text, empty, too long, or has characters that are none.
    """
    if not isinstance(text, str):
        raise SettingsError(f"A question must be text, not {type(text).__name__}.")
    if len(text) > MOST_CHARACTERS:
        raise SettingsError(f"A question may have {MOST_CHARACTERS} characters, not {len(text):,}: shorten it.")
    line = " ".join(text.split())
    if not line:
        raise SettingsError("The question is empty: type a few words.")
    for character in line:
        if unicodedata.category(character) in _NO_TEXT:
            raise SettingsError(f"The question has a character that is no text (U+{ord(character):04X}): leave it out.")
    return line


class Questions:
    """Makes questions of what a visitor types, and counts them. From any thread."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """None yet, for lanes of this tokenizer's model."""
        self._encode = Encoder(tokenizer)
        self._numbers = count(1)

    def make(self, text: object) -> Question:
        """The question that a stranger's text is, read as one line.

        Raises:
            SettingsError: the text is no question.
        """
        line = as_line(text)
        blank_line, ids = prompt_ids(self._encode, line)
        return Question(id=next(self._numbers), text=line, ids=ids, blank_line=blank_line)


class Inbox:
    """Where a question waits for its lane: the latest alone, until the lane closes it for good."""

    def __init__(self) -> None:
        """Open, and empty."""
        self._lock = threading.Lock()
        self._waiting: Question | None = None
        self._open = True

    @property
    def full(self) -> bool:
        """Whether a question waits."""
        return self._waiting is not None

    def put(self, question: Question) -> bool:
        """Let a question wait, in the place of an earlier one; False where nobody will take it any more."""
        with self._lock:
            late = self._waiting is not None and self._waiting.id > question.id
            if self._open and not late:
                self._waiting = question
            return self._open

    def take(self) -> Question | None:
        """The question that waits, if there is one."""
        with self._lock:
            question, self._waiting = self._waiting, None
            return question

    def close(self) -> Question | None:
        """Take no more questions; give back the one that nobody took."""
        with self._lock:
            self._open = False
        return self.take()
