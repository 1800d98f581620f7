"""How a dialogue is written for a model: in its own chat template, or as plain lines where it has none.

A template is taken apart once, by rendering a dialogue of placeholders: what stands before the first message, between a
message and its answer, and between an answer and the next message. A dialogue is then written turn by turn and never
again from its beginning, which is what a cache that goes on without end needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from comparisons.text.prompts import as_prompt
from streaming.errors import SettingsError
from streaming.models import LoadedModel

__all__ = ["ChatForm", "Message", "ends_of"]

_ASKED, _SAID, _NEXT = "QQFIRSTQQ", "QQSECONDQQ", "QQTHIRDQQ"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What a model reads before it answers.

    Attributes:
        ids: all of its tokens.
        asked: where among them those of the message itself stand, without what the template puts around it.
    """

    ids: tuple[int, ...]
    asked: range


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatForm:
    """The text around the messages of a dialogue.

    Attributes:
        opening: before the first message.
        answer: between a message and its answer.
        between: between an answer and the next message; it ends the answer.
        stop: ids of tokens that end an answer; none of them belongs to it.
        lines: whether an answer ends with its line.
        markup: the tokens of these texts. They are made once, before lanes share the tokenizer: it is told anew for
            every text whether to read markup as such, and must not be while another thread is inside it.
    """

    tokenizer: PreTrainedTokenizerBase
    opening: str
    answer: str
    between: str
    stop: frozenset[int]
    lines: bool
    markup: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, loaded: LoadedModel) -> ChatForm:
        """The form of a model's dialogues.

        Raises:
            SettingsError: its template writes earlier turns anew as the dialogue grows.
        """
        tokenizer = loaded.tokenizer
        if getattr(tokenizer, "chat_template", None):
            opening, answer, between = _taken_apart(tokenizer, loaded.name)
        else:
            before, _, answer = as_prompt(_ASKED).partition(_ASKED)
            opening, between = before, f"\n\n{before}"
        lines = not getattr(tokenizer, "chat_template", None)
        markup = {
            text: _encode(tokenizer, text, plain=False) for text in (opening.rstrip(" "), between.rstrip(" "), answer)
        }
        return cls(
            tokenizer=tokenizer,
            opening=opening,
            answer=answer,
            between=between,
            stop=ends_of(loaded),
            lines=lines,
            markup=markup,
        )

    def message(self, text: str, *, first: bool) -> Message:
        """A message as the model reads it; markup of the template that stands in `text` is read as characters."""
        around = self.opening if first else self.between
        before = self.markup[around.rstrip(" ")]
        spaces = " " * (len(around) - len(around.rstrip(" ")))  # tokenizers have a space with the word behind it
        asked = _encode(self.tokenizer, spaces + text.strip())
        return Message(
            ids=(*before, *asked, *self.markup[self.answer]), asked=range(len(before), len(before) + len(asked))
        )

    def reply(self, text: str) -> tuple[int, ...]:
        """An answer that was given, to be read behind its message."""
        return _encode(self.tokenizer, f" {text}" if self.lines else text)


def _encode(tokenizer: PreTrainedTokenizerBase, text: str, *, plain: bool = True) -> tuple[int, ...]:
    """The ids of a text; `plain` says that markup in it is read as characters."""
    if not text:
        return ()
    return tuple(tokenizer(text, add_special_tokens=False, split_special_tokens=plain, verbose=False)["input_ids"])


def ends_of(loaded: LoadedModel) -> frozenset[int]:
    """Ids of tokens that end an answer, by the model's generation config or its tokenizer."""
    return frozenset({*_ends(loaded.model.generation_config.eos_token_id), *_ends(loaded.tokenizer.eos_token_id)})


def _taken_apart(tokenizer: PreTrainedTokenizerBase, name: str) -> tuple[str, str, str]:
    """What stands before, between and behind the messages of a dialogue in the tokenizer's template."""
    roles = ("user", "assistant", "user")
    messages = [{"role": r, "content": c} for r, c in zip(roles, (_ASKED, _SAID, _NEXT), strict=True)]
    text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    opening, found, rest = text.partition(_ASKED)
    answer, found_said, rest = rest.partition(_SAID)
    between, found_next, last = rest.partition(_NEXT)
    if not (found and found_said and found_next) or last != answer:
        raise SettingsError(
            f"The chat template of {name} writes earlier turns anew as a dialogue grows, so that no cache could go on: "
            "choose another model."
        )
    return opening, answer, between


def _ends(given: int | list[int] | None) -> list[int]:
    return [] if given is None else [given] if isinstance(given, int) else list(given)
