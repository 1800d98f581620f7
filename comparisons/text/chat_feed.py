"""The endless prompt stream as a model's own chat template writes it: as one long conversation."""

from __future__ import annotations

from collections.abc import Iterator

from comparisons.text.chat import ChatForm
from comparisons.text.feeds import Feed, PromptFeed, Segment, TextFeed
from comparisons.text.prompts import turns
from streaming.errors import SettingsError
from streaming.models import LoadedModel

__all__ = ["ChatFeed", "TextThenChat", "form_of", "prompt_feed", "text_feed"]


class ChatFeed:
    """Prompt and reply of turn after turn, each with the marks of the template around it."""

    def __init__(self, form: ChatForm, start_token: int | None, *, seed: int = 0) -> None:
        """Choose the stream.

        Args:
            form: how the model's dialogues are written.
            start_token: read once in front, None for models without one; left out where the template begins with it.
            seed: of the prompt stream.
        """
        self._form, self._start_token, self._seed = form, start_token, seed

    def __iter__(self) -> Iterator[Segment]:
        """From the first turn on, without end."""
        for turn in turns(self._seed):
            message = self._form.message(turn.prompt, first=turn.index == 0)
            if turn.index == 0 and self._start_token not in (None, message.ids[0]):
                yield Segment(ids=(self._start_token,), part="start")
            yield Segment(ids=message.ids, part="prompt", turn=turn)
            yield Segment(ids=self._form.reply(turn.reply), part="reply", turn=turn)


class TextThenChat:
    """A text to its end, then the prompt stream as a conversation."""

    def __init__(self, text: TextFeed, chat: ChatFeed) -> None:
        """One after the other; the second has no start token."""
        self._text, self._chat = text, chat

    def __iter__(self) -> Iterator[Segment | None]:
        """From the beginning of the text on, without end."""
        yield from self._text
        yield from self._chat


def form_of(loaded: LoadedModel) -> ChatForm | None:
    """The form of a model with a chat template; None for one without, or whose template no stream could follow."""
    if not getattr(loaded.tokenizer, "chat_template", None):
        return None
    try:
        return ChatForm.of(loaded)
    except SettingsError:  # it writes earlier turns anew, which no stream can
        return None


def prompt_feed(loaded: LoadedModel, *, seed: int) -> Feed:
    """The prompt stream in the model's chat template; as plain lines where it has none that a stream could follow."""
    form = form_of(loaded)
    if form is None:
        return PromptFeed(loaded.tokenizer, loaded.start_token, seed=seed)
    return ChatFeed(form, loaded.start_token, seed=seed)


def text_feed(loaded: LoadedModel, text: str, *, prompts_seed: int | None = None) -> Feed:
    """A text, and where a seed is given, prompts after it, written as `prompt_feed` writes them.

    Raises:
        SettingsError: for a text with nothing in it.
    """
    form = form_of(loaded) if prompts_seed is not None else None
    if form is None or prompts_seed is None:
        return TextFeed(loaded.tokenizer, loaded.start_token, text, prompts_seed=prompts_seed)
    chat = ChatFeed(form, None, seed=prompts_seed)
    return TextThenChat(TextFeed(loaded.tokenizer, loaded.start_token, text), chat)
