"""From a source of text to token ids, piece by piece: what the lanes of a run read.

A feed is an iterable of segments. Each `iter(feed)` starts from the beginning again and gives the same ids,
so every lane takes its own and reads at its own speed. The model's start token comes once, alone, in front.
Text is tokenised as it is needed: a source may be endless, or as long as it likes; yet the ids are those of the whole,
wherever its pieces begin and end (see `encoding`). Text that spells a special token ("</s>") is read as the characters
that it is. Where text comes slowly, a feed gives None for "nothing to read yet", within half a second, and is asked
again later.

What happens at the end of a text (stop, or go on with prompts) is the caller's decision.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from comparisons.text.encoding import PIECE_CHARACTERS, Encoder, Encoding, Token
from comparisons.text.prompts import Turn, turns
from streaming.errors import SettingsError, StreamingError

__all__ = ["Feed", "Part", "PromptFeed", "Segment", "Source", "SourceFeed", "Stretch", "TextFeed", "pieces", "segments"]

Part = Literal["start", "prompt", "reply", "text"]


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


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of text, not tokenised yet.

    Attributes:
        text: its characters; "" says that nothing may follow for a long time.
        part: what it is.
        turn: see `Segment`; a turn's segment is given as a whole, other text as far as its tokens are sure.
    """

    text: str
    part: Part = "text"
    turn: Turn | None = None


def segments(encode: Encoder, stretches: Iterable[Stretch | None], before: str = "") -> Iterator[Segment | None]:
    """Tokenise a text of stretches; joined, the ids are those of the whole.

    A token that lies across the end of a stretch belongs to the next one.

    Args:
        encode: the tokenizer.
        stretches: the text; a None is passed on.
        before: the text in front of it, which is not read.
    """
    encoding, places = Encoding(encode, before), _Places()
    try:
        for stretch in stretches:
            if stretch is None:
                yield None
            elif stretch.text:
                places.add(stretch)
                yield from places.sort(encoding.push(stretch.text), encoding.upto)
            else:
                yield from places.sort(encoding.pause(), encoding.upto)
    except StreamingError:  # what was read before it is text all the same
        yield from places.sort(encoding.end(), encoding.upto)
        raise
    yield from places.sort(encoding.end(), encoding.upto)


class _Places:
    """Sorts tokens into the stretches in which they end."""

    def __init__(self) -> None:
        self._open: deque[tuple[int, Stretch]] = deque()
        self._length = 0
        self._ids: list[int] = []

    def add(self, stretch: Stretch) -> None:
        self._length += len(stretch.text)
        self._open.append((self._length, stretch))

    def sort(self, tokens: Iterable[Token], upto: int) -> Iterator[Segment]:
        """The segments that are complete when these have come, up to a place, and what can be given of a text."""
        for token, end in tokens:
            while end > self._open[0][0] and len(self._open) > 1:
                yield from self._segment(self._open.popleft()[1])
            self._ids.append(token)
        while self._open and self._open[0][0] <= upto:
            yield from self._segment(self._open.popleft()[1])
        if self._open and self._open[0][1].turn is None:
            yield from self._segment(self._open[0][1])

    def _segment(self, stretch: Stretch) -> Iterator[Segment]:
        if self._ids:
            yield Segment(ids=tuple(self._ids), part=stretch.part, turn=stretch.turn)
            self._ids = []


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
        """From this turn on, without the start token; of the turns before it the last one alone is made."""
        before = next(turns(self._seed, index - 1)).text if index else ""
        return (segment for segment in segments(self._encode, _stretches(self._seed, index), before) if segment)


def _stretches(seed: int, index: int) -> Iterator[Stretch]:
    for turn in turns(seed, index):
        yield Stretch(turn.prompt_text, "prompt", turn)
        yield Stretch(turn.reply_text, "reply", turn)


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
                yet, and "" where the words so far should be read although others may follow after a long time.
                `comparisons.text.sources` has some.
        """
        self._encode = Encoder(tokenizer)
        self._start_token = start_token
        self._source = source

    def __iter__(self) -> Iterator[Segment | None]:
        """From the beginning to the end of the text."""
        yield from _start(self._start_token)
        yield from segments(self._encode, self._stretches())

    def _stretches(self) -> Iterator[Stretch | None]:
        return (None if piece is None else Stretch(piece) for piece in self._source)


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
        self._prompts_seed = prompts_seed

    def _stretches(self) -> Iterator[Stretch | None]:
        """The text, and where prompts follow, an empty line and the prompts."""
        yield from super()._stretches()
        if self._prompts_seed is not None:
            yield Stretch("\n\n")
            yield from _stretches(self._prompts_seed, 0)


@dataclass(frozen=True, slots=True)
class _Whole:
    """The source of a text that is there as a whole."""

    text: str

    def __iter__(self) -> Iterator[str]:
        return pieces([self.text])


def _start(start_token: int | None) -> Iterator[Segment]:
    if start_token is not None:
        yield Segment(ids=(start_token,), part="start")


def pieces(blocks: Iterable[str]) -> Iterator[str]:
    """Cut a text into pieces of `PIECE_CHARACTERS`, wherever its blocks begin and end."""
    rest = ""
    for block in blocks:
        rest, begin = rest + block, 0
        while len(rest) - begin > PIECE_CHARACTERS:
            end = begin + PIECE_CHARACTERS
            end -= "\ud800" <= rest[end - 1] < "\udc00"  # two halves of a pair stay together
            yield _characters(rest[begin:end])
            begin = end
        rest = rest[begin:]
    if rest:
        yield _characters(rest)


def _characters(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
