"""From a source of text to token ids, piece by piece: what the lanes of a run read.

A feed is an iterable of segments. Each `iter(feed)` starts from the beginning again and gives the same ids,
so every lane takes its own and reads at its own speed. The model's start token comes once, alone, in front.
Text is tokenised a few segments at a time: a source may be endless, or as long as it likes. Text that spells a special
token ("</s>") is read as the characters that it is. Where text comes slowly, a feed gives None for "nothing to read
yet", within half a second, and is asked again later.

What happens at the end of a text (stop, or go on with prompts) is the caller's decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from transformers import PreTrainedTokenizerBase

from comparisons.text.prompts import TURNS_PER_SCENE, Turn, turns
from streaming.errors import SettingsError

__all__ = ["Encoder", "Feed", "Part", "PromptFeed", "Segment", "Source", "SourceFeed", "TextFeed", "pieces"]

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


Feed = Iterable[Segment | None]
"""Something that can be iterated again and again, each time from its beginning.

A feed that waits for its text (standard input) yields None where there is nothing to read yet, within half a second,
so that whoever reads it can look up from the waiting; it is then asked again. It ends when it ends.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What a feed reads, for whoever watches.

    Attributes:
        name: "prompts", "text", "python", one of the last two with "+prompts" where prompts follow; or a name of
            the caller's own, shown as it is.
        characters: length of the text, 0 where there is none or it is not known.
    """

    name: str = "prompts"
    characters: int = 0


class PromptFeed:
    """The endless prompt stream: the start token, then prompt and reply of turn after turn."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, start_token: int | None, *, seed: int = 0) -> None:
        """Choose the stream.

        Args:
            tokenizer: the model's.
            start_token: read once in front, None for models without one.
            seed: of the prompt stream.
        """
        self._encode = Encoder(tokenizer)
        self._start_token = start_token
        self._seed = seed

    def __iter__(self) -> Iterator[Segment]:
        """From the first turn on, without end."""
        yield from _start(self._start_token)
        yield from self.from_turn(0)

    def from_turn(self, index: int) -> Iterator[Segment]:
        """From this turn on, without the start token; the turns before it are not made."""
        endless = turns(self._seed, index)
        while some := list(islice(endless, TURNS_PER_SCENE)):  # together they take half the time
            ids = iter(self._encode.all([text for turn in some for text in (turn.prompt_text, turn.reply_text)]))
            for turn in some:
                yield Segment(ids=next(ids), part="prompt", turn=turn)
                yield Segment(ids=next(ids), part="reply", turn=turn)


class SourceFeed:
    """A text that is read as it is needed: the start token, then the pieces that a source gives, to their end."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, start_token: int | None, source: Iterable[str | None]
    ) -> None:
        """Choose the source.

        Args:
            tokenizer: the model's.
            start_token: read once in front, None for models without one.
            source: gives the same pieces of text each time that it is iterated, None where there is nothing to read
                yet. `comparisons.text.sources` has some.
        """
        self._encode = Encoder(tokenizer)
        self._start_token = start_token
        self._source = source

    def __iter__(self) -> Iterator[Segment | None]:
        """From the beginning to the end of the text."""
        yield from _start(self._start_token)
        for piece in self._source:
            if piece is None:
                yield None
            elif ids := self._encode(piece):
                yield Segment(ids=ids, part="text")


class TextFeed(SourceFeed):
    """A text of any length: the start token, then the text to its end, then prompts where they are wanted."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        start_token: int | None,
        text: str,
        *,
        prompts_seed: int | None = None,
    ) -> None:
        """Choose the text.

        Args:
            tokenizer: the model's.
            start_token: read once in front, None for models without one.
            text: whatever it is; half a surrogate pair, which is no character, is read as U+FFFD.
            prompts_seed: of the prompt stream that follows, after an empty line; None to end with the text.

        Raises:
            SettingsError: for a text with nothing in it.
        """
        if not isinstance(text, str):
            raise SettingsError(f"The text must be a string, not {type(text).__name__}.")
        if not text.strip():
            raise SettingsError("The text is empty: give at least one word to read.")
        super().__init__(tokenizer, start_token, _Whole(text))
        self._prompts = None if prompts_seed is None else PromptFeed(tokenizer, None, seed=prompts_seed)

    def __iter__(self) -> Iterator[Segment | None]:
        """From the beginning to the end of the text, and on where prompts follow."""
        yield from super().__iter__()
        if self._prompts is not None:
            yield Segment(ids=self._encode("\n\n"), part="text")
            yield from self._prompts


@dataclass(frozen=True, slots=True)
class _Whole:
    """The source of a text that is there as a whole."""

    text: str

    def __iter__(self) -> Iterator[str]:
        return pieces([self.text])


class Encoder:
    """The tokenizer as plainly as it goes: no special tokens added, none recognised in the text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Take a model's tokenizer."""
        self._tokenizer = tokenizer
        # The first call may change the tokenizer's own options (truncation, padding), which must not happen
        # later, while another lane's thread is inside it.
        self("a")

    def __call__(self, text: str) -> tuple[int, ...]:
        """The text's token ids."""
        return self.all([text])[0]

    def all(self, texts: list[str]) -> list[tuple[int, ...]]:
        """The token ids of each text."""
        encoded = self._tokenizer(
            texts,
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            verbose=False,
        )
        return [tuple(ids) for ids in encoded["input_ids"]]


def _start(start_token: int | None) -> Iterator[Segment]:
    if start_token is not None:
        yield Segment(ids=(start_token,), part="start")


def pieces(blocks: Iterable[str]) -> Iterator[str]:
    """Cut a text into pieces of up to `PIECE_CHARACTERS`, wherever its blocks begin and end.

    They are cut before a space, as tokenizers do, so that the ids are (nearly) those of the whole text.
    """
    rest = ""
    for block in blocks:
        rest, begin = rest + block, 0
        while len(rest) - begin > PIECE_CHARACTERS:
            end = _cut(rest, begin)
            yield _characters(rest[begin:end])
            begin = end
        rest = rest[begin:]
    if rest:
        yield _characters(rest)


def _characters(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _cut(text: str, begin: int) -> int:
    """The end of the piece that begins there."""
    end = begin + PIECE_CHARACTERS
    space = text.rfind(" ", begin + PIECE_CHARACTERS // 2, end)
    return end if space < 0 else space
