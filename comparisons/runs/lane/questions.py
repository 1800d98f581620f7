"""A visitor's question: checked, made a prompt of the stream's own form, and handed to a lane by another thread.

For a model with a chat template that is the template's, as in `text.chat_feed`; for others it is a plain line.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from comparisons.runs.lane.cursor import Place
from comparisons.text.chat import ChatForm
from comparisons.text.chat_feed import form_of
from comparisons.text.encoding import Encoder
from comparisons.text.prompts import as_prompt
from streaming.errors import SettingsError
from streaming.models import LoadedModel

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
        ids: the tokens to read for it, by where in the stream it is put: what ends an open turn included.
    """

    id: int
    text: str
    ids: Mapping[Place, tuple[int, ...]]


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

    def __init__(self, loaded: LoadedModel) -> None:
        """None yet, for lanes of this model."""
        self._encode, self._form = Encoder(loaded.tokenizer), form_of(loaded)
        self._start = () if loaded.start_token is None else (loaded.start_token,)
        self._numbers = count(1)

    def make(self, text: object) -> Question:
        """The question that a stranger's text is, read as one line.

        Raises:
            SettingsError: the text is no question.
        """
        line = as_line(text)
        ids = self._in_lines(line) if self._form is None else self._in_template(self._form, line)
        return Question(id=next(self._numbers), text=line, ids=ids)

    def _in_lines(self, line: str) -> dict[Place, tuple[int, ...]]:
        blank_line, ids = prompt_ids(self._encode, line)
        after = (*blank_line, *ids)
        return {"front": (*self._start, *ids), "start": ids, "text": after, "within": after, "between": ids}

    def _in_template(self, form: ChatForm, line: str) -> dict[Place, tuple[int, ...]]:
        first, later = (form.message(line, first=first).ids for first in (True, False))
        first = first[1:] if first[:1] == self._start else first  # the template may write the start token itself
        return {"front": (*self._start, *first), "start": first, "text": first, "within": later, "between": later}


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
