"""What a visitor has the lanes read: the prompt stream, a text of one's own, or the Python language reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from comparisons.text.chat_feed import prompt_feed, text_feed
from comparisons.text.feeds import Feed, Source
from streaming.errors import SettingsError
from streaming.models import LoadedModel

__all__ = ["MOST_CHARACTERS", "MOST_FILE_BYTES", "After", "Reading", "ReadingKind"]

ReadingKind = Literal["prompts", "text", "python"]
After = Literal["stop", "prompts"]

MOST_CHARACTERS = 2_000_000
"""Of a text. A run reads a million tokens at most, which is about as much."""

MOST_FILE_BYTES = 2_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What to read. One that constructs can be read.

    Attributes:
        kind: which of the three.
        after: what follows the end of a text: nothing, or prompts.
        text: the visitor's own, where that is the kind.
    """

    kind: ReadingKind = "prompts"
    after: After = "stop"
    text: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no text; take the Python reference where that is wanted, and nothing where prompts are."""
        if self.kind not in get_args(ReadingKind):
            raise SettingsError(f"source must be one of {', '.join(get_args(ReadingKind))}.")
        if self.after not in get_args(After):
            raise SettingsError(f"after must be one of {', '.join(get_args(After))}.")
        texts: dict[str, Callable[[], str]] = {
            "text": lambda: _checked(self.text),
            "python": _python_reference,
            "prompts": str,
        }
        object.__setattr__(self, "text", texts[self.kind]())

    @property
    def source(self) -> Source:
        """What it is called in a run's header."""
        goes_on = self.kind != "prompts" and self.after == "prompts"
        return Source(name=self.kind + ("+prompts" if goes_on else ""), characters=len(self.text))

    def feed(self, loaded: LoadedModel, *, seed: int) -> Feed:
        """It in the tokens of a model.

        Args:
            loaded: the model.
            seed: of the prompts.
        """
        if self.kind == "prompts":
            return prompt_feed(loaded, seed=seed)
        follows = seed if self.after == "prompts" else None
        return text_feed(loaded, self.text, prompts_seed=follows)


def _checked(text: object) -> str:
    """A visitor's text, unless there is nothing in it or too much."""
    if not isinstance(text, str) or not text.strip():
        raise SettingsError("There is no text to read: paste one, or open a text file.")
    if len(text) > MOST_CHARACTERS:
        raise SettingsError(
            f"The text has {len(text):,} characters: {MOST_CHARACTERS:,} can be read at most; cut it, or read a part."
        )
    return text


def _python_reference() -> str:
    """What Python's own help() knows about the language; it comes with Python."""
    try:
        from pydoc_data.topics import topics  # large, and seldom asked for
    except ImportError:
        raise SettingsError("This Python came without its language reference: choose another text.") from None
    return "\n\n".join(topics.values())
