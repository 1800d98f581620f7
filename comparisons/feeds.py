"""From a source of text to token ids, piece by piece: what the lanes of a run read.

A feed is an iterable of segments. Each `iter(feed)` starts from the beginning again and gives the same ids,
so every lane takes its own and reads at its own speed. The model's start token comes once, alone, in front.
Text is tokenised by the segment: a source may be endless, or as long as it likes. Text that spells a special
token ("</s>") is read as the characters that it is.

What happens at the end of a text (stop, begin again) is the caller's decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from comparisons.prompts import Turn, turns
from streaming.errors import SettingsError

__all__ = ["Feed", "Part", "PromptFeed", "Segment", "TextFeed"]

Part = Literal["start", "prompt", "reply", "text"]

PIECE_CHARACTERS = 2000
"""About how much of a text is tokenised at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch of the stream.

    Attributes:
        ids: its tokens, at least one.
        part: what it is.
        turn: the turn of the prompt stream that a "prompt" or "reply" belongs to, otherwise None.
    """

    ids: tuple[int, ...]
    part: Part
    turn: Turn | None = None


Feed = Iterable[Segment]
"""Something that can be iterated again and again, each time from its beginning."""


class PromptFeed:
    """The endless prompt stream: the start token, then prompt and reply of turn after turn."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, start_token: int | None, *, seed: int = 0) -> None:
        """Choose the stream.

        Args:
            tokenizer: the model's.
            start_token: read once in front, None for models without one.
            seed: of the prompt stream.
        """
        self._encode = _Encoder(tokenizer)
        self._start_token = start_token
        self._seed = seed

    def __iter__(self) -> Iterator[Segment]:
        """From the first turn on, without end."""
        yield from _start(self._start_token)
        for turn in turns(self._seed):
            yield Segment(ids=self._encode(turn.prompt_text), part="prompt", turn=turn)
            yield Segment(ids=self._encode(turn.reply_text), part="reply", turn=turn)


class TextFeed:
    """A text of any length: the start token, then the text to its end."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, start_token: int | None, text: str) -> None:
        """Choose the text.

        Args:
            tokenizer: the model's.
            start_token: read once in front, None for models without one.
            text: whatever it is; half a surrogate pair, which is no character, is read as U+FFFD.

        Raises:
            SettingsError: for a text with nothing in it.
        """
        if not isinstance(text, str):
            raise SettingsError(f"The text must be a string, not {type(text).__name__}.")
        if not text.strip():
            raise SettingsError("The text is empty: give at least one word to read.")
        self._encode = _Encoder(tokenizer)
        self._start_token = start_token
        self._text = text

    def __iter__(self) -> Iterator[Segment]:
        """From the beginning to the end of the text."""
        yield from _start(self._start_token)
        for piece in _pieces(self._text):
            if ids := self._encode(piece):
                yield Segment(ids=ids, part="text")


class _Encoder:
    """The tokenizer as plainly as it goes: no special tokens added, none recognised in the text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        # The first call may change the tokenizer's own options (truncation, padding), which must not happen
        # later, while another lane's thread is inside it. self("a")

    def __call__(self, text: str) -> tuple[int, ...]:
        encoded = self._tokenizer(
            text,
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            verbose=False,
        )
        return tuple(encoded["input_ids"])


def _start(start_token: int | None) -> Iterator[Segment]:
    if start_token is not None:
        yield Segment(ids=(start_token,), part="start")


def _pieces(text: str) -> Iterator[str]:
    """Cut before a space, as tokenizers do, so that the ids are (nearly) those of the whole text."""
    begin = 0
    while begin < len(text):
        end = _cut(text, begin)
        yield text[begin:end].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        begin = end


def _cut(text: str, begin: int) -> int:
    end = begin + PIECE_CHARACTERS
    if end >= len(text):
        return len(text)
    space = text.rfind(" ", begin + PIECE_CHARACTERS // 2, end)
    return end if space < 0 else space
