"""Text to token ids, a little at a time, with the ids that the whole text would have.

Many tokenizers put a mark in front of every text that they are given, and all of them may join what stands on both
sides of a cut. So a text is never cut and its pieces tokenised alone: a piece is tokenised with some text in front of
it, whose tokens are taken off again, and it ends only where a look at both sides shows that no token lies across.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from transformers import PreTrainedTokenizerBase

from comparisons.text.detokenise import Detokeniser

__all__ = ["PIECE_CHARACTERS", "Encoder", "Encoding", "Token"]

PIECE_CHARACTERS = 2000
"""About how much of a text is tokenised at a time."""

CONTEXT_CHARACTERS = 128
"""How much text on either side of a cut is looked at."""

LONGEST_PIECE = 2**17
"""Characters after which a text is cut although no cut was found that leaves its tokens as they are."""

RUN_CHARACTERS = 32
"""A letter that stands there so often is a run, which is not cut."""

CUTS_TRIED = 8
"""Of either kind: in front of words, and anywhere."""

NEUTRAL = ("\n", ".", "a", "")
"""What may stand in front of a text in place of what really does, where that would join its first letters."""

Token = tuple[int, int]
"""A token's id, and where it ends: the characters up to there."""


class Encoder:
    """The tokenizer as plainly as it goes: no special tokens added, none recognised in the text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Take a model's tokenizer."""
        self._tokenizer = tokenizer
        # The first call may change the tokenizer's own options (truncation, padding), which must not happen
        # later, while another lane's thread is inside it.
        self("a")

    def __call__(self, text: str) -> tuple[int, ...]:
        """The ids of a text that nothing stands in front of."""
        return _ids(self.tokens(text)[0])

    def tokens(self, *texts: str) -> list[list[Token]]:
        """The tokens of texts that nothing stands in front of, and where they end."""
        ends = self._tokenizer.is_fast
        encoded = self._tokenizer(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            return_offsets_mapping=ends,
            verbose=False,
        )
        if not ends:
            return [self._counted(ids) for ids in encoded["input_ids"]]
        spans = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        return [[(token, end) for token, (_, end) in zip(*both, strict=True)] for both in spans]

    def after(self, before: Sequence[str], text: str) -> list[Token]:
        """The tokens of a text that stands after another, and where they end in it.

        Args:
            before: what may stand in front; the first one counts whose own tokens stay as they are.
            text: what is read.
        """
        for context in (*before, *NEUTRAL):
            front, tokens = self.tokens(context, context + text)
            if _ids(tokens[: len(front)]) == _ids(front):
                break
        return [(token, end - len(context)) for token, end in tokens[len(front) :]]

    def _counted(self, ids: Sequence[int]) -> list[Token]:
        """For tokenizers that do not tell where their tokens end: as far as their text goes."""
        detokeniser, end, tokens = Detokeniser(self._tokenizer), 0, []
        for token in ids:
            end += len(detokeniser.push(token))
            tokens.append((token, end))
        return tokens


class Encoding:
    """A text that comes bit by bit, to tokens. Joined, they are those of the whole text.

    Attributes:
        upto: characters of the text whose tokens were given.
    """

    def __init__(self, encode: Encoder, before: str = "") -> None:
        """Nothing has come yet.

        Args:
            encode: the tokenizer.
            before: the text in front, whose tokens are not wanted.
        """
        self._encode = encode
        self.upto = 0
        self._text = before  # some text in front of `upto`, and all that has come after it
        self._front = len(before)
        self._front_ids: tuple[int, ...] | None = None if before else ()
        self._wanted = PIECE_CHARACTERS

    def push(self, text: str) -> list[Token]:
        """More of the text; the tokens that are sure by now."""
        self._text += text
        tokens: list[Token] = []
        while len(self._text) - self._front >= self._wanted + CONTEXT_CHARACTERS:
            tokens += self._advance()
        return tokens

    def pause(self) -> list[Token]:
        """Nothing may come for a long time: the tokens of all complete words. White space waits for what follows."""
        end = len(self._text.rstrip())
        if end <= self._front:
            return []
        return self._cut([end, *_word_starts(self._text, self._front + 1, end)]) or []

    def end(self) -> list[Token]:
        """There is no more: the tokens of the rest."""
        end = len(self._text)
        return self._take(end, self._encode.tokens(self._text)[0], ()) if end > self._front else []

    def _advance(self) -> list[Token]:
        end = self._front + self._wanted
        words = _word_starts(self._text, self._front + self._wanted // 2, end)
        tokens = self._cut([*words, *range(end, end - CUTS_TRIED, -1)])
        if tokens is None and self._wanted >= LONGEST_PIECE:
            left = self._encode(self._text[end - CONTEXT_CHARACTERS : end])
            tokens = self._take(end, self._encode.tokens(self._text[:end])[0], left)
        self._wanted = 2 * self._wanted if tokens is None else PIECE_CHARACTERS
        return tokens or []

    def _cut(self, places: Sequence[int]) -> list[Token] | None:
        """The tokens up to the first of these places that no token lies across; None where there is none."""
        for place in places:
            if _in_a_run(self._text, place):
                continue
            start, end = max(0, place - CONTEXT_CHARACTERS), place + CONTEXT_CHARACTERS
            cuts = (self._text[start:place], self._text[start:end], self._text[:place])
            left, around, tokens = self._encode.tokens(*cuts)
            ids = _ids(left)
            if ids and _ids(around[: len(ids)]) == ids and _agree(_ids(tokens), ids):
                return self._take(place, tokens, ids)
        return None

    def _take(self, place: int, tokens: list[Token], left: tuple[int, ...]) -> list[Token]:
        """Go on to a place.

        Args:
            place: in the text that is held.
            tokens: those of the text up to there.
            left: the ids of the text that will stand in front.
        """
        first, start = self.upto - self._front, max(0, place - CONTEXT_CHARACTERS)
        fresh = [(token, first + end) for token, end in self._fresh(place, tokens)]
        self._text, self._front, self._front_ids = self._text[start:], place - start, left
        self.upto = first + place
        return fresh

    def _fresh(self, place: int, tokens: list[Token]) -> list[Token]:
        """Those that were not given before."""
        if self._front_ids is None:
            return [(token, end) for token, end in tokens if end > self._front]
        if _ids(tokens[: len(self._front_ids)]) == self._front_ids:
            return tokens[len(self._front_ids) :]
        # what came after a pause, or after a cut of necessity, would have joined what was given
        shorter = [self._text[max(0, self._front - count) : self._front] for count in (64, 8)]
        rest = self._encode.after(shorter, self._text[self._front : place])
        return [(token, self._front + end) for token, end in rest]


def _ids(tokens: Sequence[Token]) -> tuple[int, ...]:
    return tuple(token for token, _ in tokens)


def _agree(tokens: Sequence[int], end: Sequence[int]) -> bool:
    """Whether they end alike: what begins elsewhere has found into step well before its end."""
    count = (len(end) + 1) // 2
    return tuple(tokens[-count:]) == tuple(end[-count:])


def _in_a_run(text: str, place: int) -> bool:
    """Whether one letter stands there again and again: how such a run is cut may depend on its beginning and end."""
    around = text[max(0, place - RUN_CHARACTERS) : place + 1]
    return len(around) > RUN_CHARACTERS and len(set(around)) == 1


def _word_starts(text: str, begin: int, end: int) -> list[int]:
    """Some places between words, in front of the white space, from the last one on."""
    backwards = range(end, begin - 1, -1)
    return list(
        islice((at for at in backwards if text[at : at + 1].isspace() and not text[at - 1].isspace()), CUTS_TRIED)
    )
