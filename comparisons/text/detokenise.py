"""From token ids back to text, token by token.

A token may be a part of a character: a piece of text comes with the token that completes it, and the ones
before it give "". Joined, the pieces are the text.
"""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

__all__ = ["Detokeniser"]

REPLACEMENT = "\ufffd"

_LONGEST_WAIT = 8
"""Tokens that may be parts of one character; after so many, the bytes are no character and are shown as
U+FFFD."""

_CONTEXT = 6
"""Tokens that are decoded along, because tokenizers treat the start of a text differently (leading
spaces)."""


class Detokeniser:
    """Takes tokens one after the other and gives the text that each of them adds."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Begin at the start of a text."""
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._told = 0

    def push(self, token: int) -> str:
        """The text that this token adds; "" while it leaves a character incomplete."""
        self._ids.append(token)
        before = self._decode(self._ids[: self._told])
        now = self._decode(self._ids)
        waiting = len(self._ids) - self._told
        if now.endswith(REPLACEMENT) and waiting <= _LONGEST_WAIT:
            return ""
        self._ids = self._ids[-max(_CONTEXT, waiting) :]
        self._told = len(self._ids)
        return now[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
