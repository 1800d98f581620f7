"""One lane of a dialogue: a model under one policy that answers for itself, into its own cache.

All lanes are asked the same; each has its own words as its context. What is measured of a turn is one `TurnRecord`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from typing_extensions import TypedDict

from comparisons.metrics import finite_or_none, perplexity
from comparisons.runs.shapes import Count, Measured, Number
from comparisons.runs.speech import broken_words, repetition
from comparisons.text.chat import ChatForm, Message
from comparisons.text.detokenise import Detokeniser
from comparisons.text.facts import says
from comparisons.text.requests import Request
from streaming.generate import Sampling, pick
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import Stream, open_stream

__all__ = ["LATEST", "DialogueLane", "TurnRecord"]

LATEST = 10
"""Turns over which a lane's perplexity and repetition are told."""


class TurnRecord(TypedDict):
    """What was measured of a turn in one lane.

    `perplexity` is that of the message's own tokens given the lane's history; `perplexity_latest` that of the messages
    of the last ten turns. `first_token_ms` is the time from the message to the first token of the answer: reading the
    message and choosing; for a lane that recomputes, encoding its window once and choosing. `ms_per_token` is that of
    each further token. `repetition` is of this answer, `repetition_latest` of the last ten (`comparisons.runs.speech`).
    `right` and `in_cache` are null but for a question about what was told: whether the answer holds the fact, and
    whether all tokens of the telling were in the cache when it was asked.
    """

    turn: Count
    kind: str
    message: str
    answer: str
    whole: bool
    tokens: Count
    message_tokens: Count
    answer_tokens: Count
    perplexity: Measured
    perplexity_latest: Measured
    first_token_ms: Number
    ms_per_token: Measured
    kv_bytes: Count
    cache_tokens: Count
    repetition: Measured
    repetition_latest: Measured
    broken_words: Measured
    asks: Count | None
    right: bool | None
    in_cache: bool | None


@dataclass(slots=True)
class _Latest:
    """What the figures of the last turns are made of."""

    nats: list[list[float]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def add(self, nats: list[float], answer: str) -> None:
        self.nats = [*self.nats, nats][-LATEST:]
        self.answers = [*self.answers, answer][-LATEST:]


@dataclass(slots=True)
class _Answer:
    """An answer as it comes, with the lane's own time for each of its tokens; the first one's with the reading."""

    ids: list[int] = field(default_factory=list)
    text: str = ""
    seconds: list[float] = field(default_factory=list)
    whole: bool = False

    @property
    def ms_per_token(self) -> float | None:
        rest = self.seconds[1:]
        return 1000 * sum(rest) / len(rest) if rest else None


class DialogueLane:
    """A model's own side of a dialogue.

    Attributes:
        policy: what it may see of what was said.
        stream: what was said so far, in its cache.
        records: of the turns that it has answered.
    """

    def __init__(
        self, loaded: LoadedModel, policy: Policy, form: ChatForm, *, sampling: Sampling, answer_tokens: int
    ) -> None:
        """Nothing was said yet.

        Args:
            loaded: the model.
            policy: what it may see of what was said.
            form: of its dialogues.
            sampling: how an answer's tokens are chosen; every turn draws on a seed of its own.
            answer_tokens: an answer is cut after so many.
        """
        self.policy, self._form, self._sampling, self._most = policy, form, sampling, answer_tokens
        self.stream: Stream = open_stream(loaded, policy)
        self.records: list[TurnRecord] = []
        self._tokenizer = loaded.tokenizer
        self._latest = _Latest()
        self._told: dict[int, range] = {}
        self._first = True
        if loaded.start_token is not None:
            self.stream.read([loaded.start_token])

    def hear(self, request: Request, answer: str) -> None:
        """Take in a turn that was answered before this dialogue began: it is read, and nothing is chosen."""
        message = self._note(request)
        self.stream.read([*message.ids, *self._form.reply(answer)])

    def room_for(self, request: Request) -> int:
        """Bytes that the cache may take by the end of this turn, spare room included."""
        return self.stream.allocated_after(len(self._message(request).ids) + self._most)

    def answer(self, request: Request, turn: int) -> Iterator[str]:
        """Read the message of a turn and answer it; the pieces as they come. At their end `records` has one more."""
        in_cache = self._holds(request.asks)
        message = self._note(request)
        nats, reading_seconds = self._read(message)
        answer = _Answer()
        yield from self._pieces(answer, turn)
        answer.seconds[0] += reading_seconds
        asked = nats[message.asked.start : message.asked.stop]
        self._latest.add(asked, answer.text)
        self.records.append(self._record(request, turn, message, asked, answer, in_cache))

    def _message(self, request: Request) -> Message:
        return self._form.message(request.text, first=self._first)

    def _note(self, request: Request) -> Message:
        """The message, and where in the stream it will stand."""
        message = self._message(request)
        begin = self.stream.tokens
        self._told[request.index] = range(begin + message.asked.start, begin + message.asked.stop)
        self._first = False
        return message

    def _holds(self, told: int | None) -> bool | None:
        """Whether the cache holds all of the message of a turn; None where there is none."""
        place = None if told is None else self._told.get(told)
        return None if place is None else set(place) <= set(self.stream.held())

    def _read(self, message: Message) -> tuple[list[float], float]:
        """The negative log-likelihood of each token, and the seconds that an answer had to wait for the reading.

        A lane that recomputes encodes its window once for every token whose likelihood is asked for; to answer, the
        last one is enough, and only that one counts.
        """
        began = time.perf_counter()
        if self.policy.kind != "recompute":
            nats = self.stream.read(message.ids)
            return nats.tolist(), time.perf_counter() - began
        first = self.stream.read(message.ids[:-1])
        began = time.perf_counter()
        last = self.stream.read(message.ids[-1:])
        return [*first.tolist(), *last.tolist()], time.perf_counter() - began

    def _pieces(self, answer: _Answer, turn: int) -> Iterator[str]:
        """Choose, read, repeat; what ends an answer is neither said nor read."""
        sampling = replace(self._sampling, seed=self._sampling.seed + turn)
        generator = torch.Generator(self.stream.logits.device).manual_seed(sampling.seed)
        detokeniser = Detokeniser(self._tokenizer)
        unread: list[int] = []
        while len(answer.ids) < self._most:
            began = time.perf_counter()
            for token in unread:
                self.stream.step(token)
            token = pick(self.stream.logits, sampling, generator, answer.ids)
            answer.seconds.append(time.perf_counter() - began)
            piece = detokeniser.push(token)
            unread = []
            if token in self._form.stop or (self._form.lines and "\n" in piece):
                answer.whole = True
                break
            unread = [token]
            answer.ids.append(token)
            answer.text += piece
            yield piece
        for token in unread:
            self.stream.step(token)

    def _record(
        self, request: Request, turn: int, message: Message, nats: list[float], answer: _Answer, in_cache: bool | None
    ) -> TurnRecord:
        text = answer.text.strip()
        return TurnRecord(
            turn=turn,
            kind=request.kind,
            message=request.text,
            answer=text,
            whole=answer.whole,
            tokens=self.stream.tokens,
            message_tokens=len(message.ids),
            answer_tokens=len(answer.ids),
            perplexity=finite_or_none(perplexity(nats)),
            perplexity_latest=finite_or_none(perplexity([nat for turn in self._latest.nats for nat in turn])),
            first_token_ms=1000 * answer.seconds[0],
            ms_per_token=answer.ms_per_token,
            kv_bytes=self.stream.peak_nbytes if self.policy.kind == "recompute" else self.stream.nbytes,
            cache_tokens=len(self.stream.held()),
            repetition=repetition([text]),
            repetition_latest=repetition(self._latest.answers),
            broken_words=broken_words(text, self._plain_pieces),
            asks=request.asks,
            right=None if in_cache is None else says(text, request.answer or ""),
            in_cache=in_cache,
        )

    def _plain_pieces(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)
