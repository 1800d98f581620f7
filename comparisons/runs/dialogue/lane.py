"""One lane of a dialogue: a model under one policy that answers for itself, into its own cache.

All lanes are asked the same; each has its own words as its context. What is measured of a turn is one `TurnRecord`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from typing_extensions import TypedDict

from comparisons.metrics import finite_or_none, perplexity
from comparisons.runs.dialogue.speech import broken_words, repetition
from comparisons.runs.shapes import Count, Measured, Number, Seconds
from comparisons.text.chat import ChatForm, Message
from comparisons.text.detokenise import Detokeniser
from comparisons.text.encoding import Encoder
from comparisons.text.facts import says
from comparisons.text.requests import Request
from streaming.generate import Sampling, pick
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import Stream, open_stream

__all__ = ["LATEST", "DialogueLane", "Saying", "TurnRecord"]

LATEST = 10
"""Turns over which a lane's perplexity and repetition are told."""

PENALTY_TOKENS = 256
"""The repetition penalty holds back what a lane said in so many tokens before: a small model copies its own answers."""


class TurnRecord(TypedDict):
    """What was measured of a turn in one lane.

    `began` and `seconds` are the running time at which the lane took the message up and had answered it. `perplexity`
    is that of the message's own tokens given the lane's history; `perplexity_latest` that of the messages of the last
    ten turns. `first_token_ms` is the time from the message to the first token of the answer: reading the message and
    choosing; for a lane that recomputes, encoding its window once and choosing. `ms_per_token` is that of each further
    token. `repetition` is of this answer, `repetition_latest` of the last ten (`comparisons.runs.dialogue.speech`).
    `right` and `in_cache` are null but for a question about what was told: whether the answer holds the fact, and
    whether all tokens of the telling were in the cache when it was asked.
    """

    turn: Count
    kind: str
    message: str
    answer: str
    whole: bool
    began: Seconds
    seconds: Seconds
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


class Saying(TypedDict):
    """An answer on its way; `first_token_ms` is None until there is a token."""

    turn: Count
    kind: str
    message: str
    answer: str
    tokens: Count
    first_token_ms: Measured
    ms_per_token: Measured


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

    turn: int
    request: Request
    began: float
    ids: list[int] = field(default_factory=list)
    text: str = ""
    seconds: list[float] = field(default_factory=list)
    whole: bool = False

    @property
    def first_token_ms(self) -> float | None:
        return 1000 * self.seconds[0] if self.seconds else None

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
        tokens: of the stream, as of the latest read; from any thread, as are these:
        kv_bytes: of keys and values; for a lane that recomputes, of the latest forward's.
        cache_tokens: in the cache.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        policy: Policy,
        form: ChatForm,
        *,
        sampling: Sampling,
        answer_tokens: int,
        clock: Callable[[], float] = time.monotonic,
        stream: Stream | None = None,
    ) -> None:
        """Nothing was said yet.

        Args:
            loaded: the model.
            policy: what it may see of what was said.
            form: of its dialogues.
            sampling: how an answer's tokens are chosen; every turn draws on a seed of its own.
            answer_tokens: an answer is cut after so many.
            clock: running time, in seconds.
            stream: of the model under the policy, nothing of it read yet; by default a new one.
        """
        self.policy, self._form, self._sampling, self._most = policy, form, sampling, answer_tokens
        self._clock = clock
        self.stream: Stream = stream or open_stream(loaded, policy)
        self.records: list[TurnRecord] = []
        self._loaded = loaded
        self._tokenizer, self._plain = loaded.tokenizer, Encoder(loaded.tokenizer)
        self._said: _Answer | None = None
        self._spoken: deque[int] = deque(maxlen=PENALTY_TOKENS)
        self._latest = _Latest()
        self._told: dict[int, range] = {}
        self._first = True
        if loaded.start_token is not None:
            self.stream.read([loaded.start_token])
        self._count()

    def close(self) -> None:
        """Free the cache; what was measured stays."""
        self.stream.close()

    @property
    def saying(self) -> Saying | None:
        """The answer that it is at; None between two. From any thread."""
        said = self._said
        if said is None:
            return None
        return Saying(
            turn=said.turn,
            kind=said.request.kind,
            message=said.request.text,
            answer=said.text,
            tokens=len(said.ids),
            first_token_ms=said.first_token_ms,
            ms_per_token=said.ms_per_token,
        )

    def length(self, request: Request, answer: str = "") -> int:
        """Tokens of a message, and of an answer that was given to it."""
        return len(self._message(request).ids) + len(self._form.reply(answer) if answer else ())

    def hear(self, request: Request, answer: str) -> None:
        """Take in a turn that was answered before this dialogue began: it is read, and nothing is chosen."""
        message = self._note(request)
        ids = [*message.ids, *self._form.reply(answer)]
        if self.policy.kind == "recompute":
            self._jump(ids)
        else:
            self.stream.read(ids)
        self._count()

    def _jump(self, ids: list[int]) -> None:
        """To where the stream stands after these, where it keeps nothing but its window: that is encoded once."""
        state = self.stream.state()
        latest = [*torch.as_tensor(state["latest"]).tolist(), *ids][-(self.policy.budget or 0) - 1 :]
        tokens, start = self.stream.tokens + len(ids), self._loaded.start_token
        window = latest if start is None or tokens == len(latest) else [start, *latest[1:]]
        whole = open_stream(self._loaded, Policy(kind="dense"))
        whole.read(window)
        stream = open_stream(self._loaded, self.policy)
        stream.restore({"tokens": tokens, "latest": torch.tensor(latest), "logits": whole.logits})
        whole.close()
        self.stream.close()
        self.stream = stream

    def answer(self, request: Request, turn: int) -> Iterator[str]:
        """Read the message of a turn and answer it; the pieces as they come. At their end `records` has one more."""
        answer = self._said = _Answer(turn=turn, request=request, began=self._clock())
        in_cache = self._holds(request.asks)
        message = self._note(request)
        nats, reading_seconds = self._read(message)
        yield from self._pieces(answer, reading_seconds)
        asked = nats[message.asked.start : message.asked.stop]
        self._latest.add(asked, answer.text)
        self.records.append(self._record(message, asked, answer, in_cache))
        self._said = None

    def _count(self) -> None:
        stream = self.stream
        self.tokens, self.cache_tokens = stream.tokens, len(stream.held())
        self.kv_bytes = stream.peak_nbytes if self.policy.kind == "recompute" else stream.nbytes

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

    def _pieces(self, answer: _Answer, reading_seconds: float) -> Iterator[str]:
        """Choose, read, repeat; what ends an answer is neither said nor read. The first token waits for the reading."""
        sampling = replace(self._sampling, seed=self._sampling.seed + answer.turn)
        generator = torch.Generator(self.stream.logits.device).manual_seed(sampling.seed)
        detokeniser = Detokeniser(self._tokenizer)
        unread: list[int] = []
        while len(answer.ids) < self._most:
            began = time.perf_counter()
            for token in unread:
                self.stream.step(token)
            token = pick(self.stream.logits, sampling, generator, [*self._spoken, *answer.ids])
            answer.seconds.append(time.perf_counter() - began + (0 if answer.seconds else reading_seconds))
            self._count()
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
        self._spoken.extend(answer.ids)
        self._count()

    def _record(self, message: Message, nats: list[float], answer: _Answer, in_cache: bool | None) -> TurnRecord:
        text, request = answer.text.strip(), answer.request
        return TurnRecord(
            turn=answer.turn,
            kind=request.kind,
            message=request.text,
            answer=text,
            whole=answer.whole,
            began=round(answer.began, 3),
            seconds=round(self._clock(), 3),
            tokens=self.tokens,
            message_tokens=len(message.ids),
            answer_tokens=len(answer.ids),
            perplexity=finite_or_none(perplexity(nats)),
            perplexity_latest=finite_or_none(perplexity([nat for turn in self._latest.nats for nat in turn])),
            first_token_ms=1000 * answer.seconds[0],
            ms_per_token=answer.ms_per_token,
            kv_bytes=self.kv_bytes,
            cache_tokens=self.cache_tokens,
            repetition=repetition([text]),
            repetition_latest=repetition(self._latest.answers),
            broken_words=broken_words(text, self._plain),
            asks=request.asks,
            right=None if in_cache is None else says(text, request.answer or ""),
            in_cache=in_cache,
        )
