"""One lane of a dialogue: a model under one policy that answers for itself, into its own cache.

All lanes are asked the same; each has its own words as its context. What is measured of a turn is one `TurnRecord`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from comparisons.metrics import finite_or_none, perplexity
from comparisons.runs.dialogue.jump import jumped
from comparisons.runs.dialogue.records import Answer, Latest, Saying, TurnRecord
from comparisons.runs.dialogue.speech import broken_words, repetition
from comparisons.text.chat import ChatForm, Message
from comparisons.text.detokenise import Detokeniser
from comparisons.text.encoding import Encoder
from comparisons.text.facts import says
from comparisons.text.requests import Request
from streaming.generate import Sampling, pick
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import Stream, open_stream

__all__ = ["DialogueLane"]


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
        self.policy, self._form, self._clock = policy, form, clock
        self._sampling, self._most = sampling, answer_tokens
        self.stream: Stream = stream or open_stream(loaded, policy)
        self.records: list[TurnRecord] = []
        self._tokenizer, self._plain = loaded.tokenizer, Encoder(loaded.tokenizer)
        self._said: Answer | None = None
        self._latest = Latest()
        self._told: dict[int, range] = {}
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
        return said.saying() if said else None

    def length(self, request: Request, answer: str = "") -> int:
        """Tokens of a message, and of an answer that was given to it."""
        return len(self._message(request).ids) + len(self._form.reply(answer) if answer else ())

    def hear(self, request: Request, answer: str) -> None:
        """Take in a turn that was answered before this dialogue began: it is read, and nothing is chosen."""
        message = self._note(request)
        ids = [*message.ids, *self._form.reply(answer)]
        if self.policy.kind == "recompute":
            self.stream = jumped(self.stream, ids)
        else:
            self.stream.read(ids)
        self._count()

    def answer(self, request: Request, turn: int) -> Iterator[str]:
        """Read the message of a turn and answer it; the pieces as they come. At their end `records` has one more."""
        answer = self._said = Answer(turn=turn, request=request, began=self._clock())
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
        return self._form.message(request.text, first=not self._told)

    def _note(self, request: Request) -> Message:
        """The message, and where in the stream it will stand."""
        message = self._message(request)
        begin = self.stream.tokens
        self._told[request.index] = range(begin + message.asked.start, begin + message.asked.stop)
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

    def _pieces(self, answer: Answer, reading_seconds: float) -> Iterator[str]:
        """Choose, read, repeat; what ends an answer is neither said nor read. The first token waits for the reading."""
        sampling = replace(self._sampling, seed=self._sampling.seed + answer.turn)
        generator = torch.Generator(self.stream.logits.device).manual_seed(sampling.seed)
        detokeniser = Detokeniser(self._tokenizer)
        while len(answer.ids) < self._most:
            began = time.perf_counter()
            if answer.ids:
                self.stream.step(answer.ids[-1])
            token = pick(self.stream.logits, sampling, generator, answer.ids)
            answer.seconds.append(time.perf_counter() - began + (0 if answer.seconds else reading_seconds))
            self._count()
            piece = detokeniser.push(token)
            if token in self._form.stop or (self._form.lines and "\n" in piece):
                answer.whole = True
                break
            answer.ids.append(token)
            answer.text += piece
            yield piece
        else:
            self.stream.step(answer.ids[-1])
            self._count()

    def _record(self, message: Message, nats: list[float], answer: Answer, in_cache: bool | None) -> TurnRecord:
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
            perplexity_latest=self._latest.perplexity,
            first_token_ms=1000 * answer.seconds[0],
            ms_per_token=answer.ms_per_token,
            kv_bytes=self.kv_bytes,
            cache_tokens=self.cache_tokens,
            repetition=repetition([text]),
            repetition_latest=self._latest.repetition,
            broken_words=broken_words(text, self._plain),
            asks=request.asks,
            right=None if in_cache is None else says(text, request.answer or ""),
            in_cache=in_cache,
        )
