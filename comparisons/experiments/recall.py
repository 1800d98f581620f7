"""Facts told in the prompt stream, and what a model answers when it is asked for them later.

The stream is read teacher-forced; at each question the model answers greedily on a fork, so that no answer gets into
the stream. A fact is as far away as there are tokens from the last token of its answer, where it was told, to the last
token of the question: what is further away than `recent` tokens has left the cache.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from comparisons.runs.lane.answers import Answer
from comparisons.text.facts import says
from comparisons.text.feeds import PromptFeed, Segment
from comparisons.text.prompts import Turn
from comparisons.text.scenes import forms
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import Stream, open_stream

__all__ = ["TOKENS", "Asked", "ask", "chance"]

TOKENS = 40_000
"""How far the stream is read for facts where nobody says how far."""

ANSWER_TOKENS = 48


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question for a fact, and what the model said.

    Attributes:
        turn: the turn that asks.
        told: the turn that told it: its first token, and the token after its last, as indices into the stream.
        answer_ends: the last token of the answer in that turn.
        now: the token after the question.
        said: the model's answer, to the end of the line.
    """

    turn: Turn
    told: tuple[int, int]
    answer_ends: int
    now: int
    said: str

    @property
    def answer(self) -> str:
        """The words that make an answer right."""
        return self.turn.answer or ""

    @property
    def right(self) -> bool:
        """Whether the fact is in what was said."""
        return says(self.said, self.answer)

    @property
    def distance(self) -> int:
        """Tokens from the last of the answer to the last of the question."""
        return self.now - 1 - self.answer_ends

    def cached(self, recent: int) -> bool:
        """Whether the fact was in a cache of so many recent tokens, to the last token of its answer."""
        return self.distance <= recent

    @property
    def form(self) -> str:
        """What kind of fact it is: answers to questions of one form could stand for each other."""
        return next(answer for statement, answer in _forms() if statement.fullmatch(self.turn.reply))


def ask(loaded: LoadedModel, policy: Policy, *, seed: int, tokens: int) -> Iterator[Asked]:
    """Read the first tokens of the prompt stream, and let the model answer every question for a fact."""
    stream = open_stream(loaded, policy)
    told: dict[int, list[tuple[int, Segment]]] = {}
    for segment in _until(PromptFeed(loaded.tokenizer, loaded.start_token, seed=seed), tokens):
        begin, turn = stream.tokens, segment.turn
        stream.read(segment.ids)
        if turn is None:
            continue
        told.setdefault(turn.index, []).append((begin, segment))
        if segment.part == "prompt" and turn.asks is not None:
            yield _asked(loaded, stream, turn, told[turn.asks])
    stream.close()


def chance(asked: Sequence[Asked], among: Sequence[Asked]) -> float | None:
    """How often an answer would be right with a shuffled answer key.

    Each answer that was given is held against the right answers of all other questions of the same form.

    Args:
        asked: the questions that count.
        among: all questions, whose right answers are shuffled.

    Returns:
        The mean share over questions; None where no form has two questions.
    """
    keys: dict[str, Counter[str]] = {}
    for each in among:
        keys.setdefault(each.form, Counter())[each.answer] += 1
    shares = []
    for each in asked:
        others = keys[each.form] - Counter([each.answer])
        if others:
            shares.append(sum(n for answer, n in others.items() if says(each.said, answer)) / others.total())
    return sum(shares) / len(shares) if shares else None


def _until(feed: PromptFeed, tokens: int) -> Iterator[Segment]:
    count = 0
    for segment in feed:
        count += len(segment.ids)
        if count > tokens:
            return
        yield segment


def _asked(loaded: LoadedModel, stream: Stream, turn: Turn, told: list[tuple[int, Segment]]) -> Asked:
    (begin, _), (last, reply) = told[0], told[-1]
    answer = turn.answer or ""
    ends = [
        start + _answer_length(loaded, segment.ids, answer) - 1 for start, segment in told if answer in _text(segment)
    ]
    return Asked(
        turn=turn,
        told=(begin, last + len(reply.ids)),
        answer_ends=ends[-1],
        now=stream.tokens,
        said=_say(loaded, stream),
    )


def _text(segment: Segment) -> str:
    if segment.turn is None:
        return ""
    return segment.turn.prompt_text if segment.part == "prompt" else segment.turn.reply_text


def _answer_length(loaded: LoadedModel, ids: tuple[int, ...], answer: str) -> int:
    """Tokens up to the end of an answer; all of them where the tokenizer changes its spelling."""
    lengths = range(1, len(ids) + 1)
    return next((n for n in lengths if answer in loaded.tokenizer.decode(list(ids[:n]))), len(ids))


def _say(loaded: LoadedModel, stream: Stream) -> str:
    """What the model says next, to the end of the line."""
    answer = Answer(loaded, stream, ANSWER_TOKENS)
    while not answer.step():
        pass
    answer.close()
    return answer.text


@cache
def _forms() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What a fact's statement looks like, and the vocabulary of its answers."""
    return tuple(
        (re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(form.statement))), form.answer) for form in forms().facts
    )
