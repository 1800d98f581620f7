"""What a lane has measured so far: plain numbers under one lock, ready to be shown.

One thread writes (the lane's), any thread takes snapshots. Nothing here touches a tensor, and nothing grows
with the length of the stream: curves, text and answers keep their ends only, each with the absolute index of
its first item.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from transformers import PreTrainedTokenizerBase

from comparisons.metrics import RecentRate, rounded
from comparisons.runs.frames import (
    TAIL_ANSWERS,
    TAIL_TOKENS,
    Answer,
    AnswerTail,
    AttentionFrame,
    Event,
    EventKind,
    Judged,
    LaneFrame,
    LanePolicy,
    Reason,
    Said,
    SinkShareFrame,
    Status,
    TextTail,
    Told,
)
from comparisons.runs.lane.curve import DIGITS, Curve, KvUse, Read, short
from comparisons.text.detokenise import Detokeniser
from comparisons.text.prompts import Turn
from streaming.policy import Policy

__all__ = ["Journal"]

_KEPT_ANSWERS = 64
"""Of the answers, for a reader who was away."""

_KEPT_FACTS = 12
"""Of the facts that the stream told last, so many are kept: the oldest has left most caches of bounded lanes."""

LEAD_TOKENS = 8
"""Tokens decoded in front of the tail of the text, so that its first pieces come out right."""

_AT_REST: tuple[Status, ...] = ("waiting", "paused", "stopped", "failed")


class Journal:
    """A lane's measurements.

    Args:
        policy: the lane's.
        milestones: events to note when so many tokens were read, by kind.
        window: tokens in the sliding perplexity.
        stride: tokens between two points of the curve.
        tokenizer: for the text in frames.
        clock: running seconds of the run.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        milestones: Mapping[EventKind, int],
        window: int,
        stride: int,
        tokenizer: PreTrainedTokenizerBase,
        clock: Callable[[], float],
    ) -> None:
        """Begin with nothing read."""
        self._lock = threading.Lock()
        self._one_reader = threading.Lock()
        self._policy, self._milestones, self._clock = policy, milestones, clock
        self._status: Status = "waiting"
        self._reason: Reason | None = None
        self._message = ""
        self._tokens, self._seconds = 0, 0.0
        self._kv = KvUse()
        self._curve = Curve(window, stride)
        self._rate = RecentRate()
        self._tail: deque[tuple[int, float]] = deque(maxlen=TAIL_TOKENS + LEAD_TOKENS)
        self._text = _TailText(tokenizer)
        self._answers = _Answers()
        self._said: Said | None = None
        self._sink_share: SinkShareFrame | None = None
        self._attention: AttentionFrame | None = None
        self._sinks_aside = False
        self._facts = _Facts()
        self._events: list[Event] = []

    @property
    def tokens(self) -> int:
        """Tokens read."""
        return self._tokens

    @property
    def ended(self) -> bool:
        """Whether the lane has stopped or failed."""
        return self._status in ("stopped", "failed")

    @property
    def reason(self) -> Reason | None:
        """Why the lane has ended, None while it has not."""
        return self._reason

    def set_status(self, status: Status) -> None:
        """What the lane does now; an end is final."""
        with self._lock:
            if self._status == "waiting" != status:
                self._rate.start(self._clock())
            if not self.ended:
                self._status = status

    def end(self, status: Status, reason: Reason, message: str = "") -> None:
        """The lane stops or fails, for good; the first reason given is the one that counts."""
        with self._lock:
            if self.ended:
                return
            if reason == "kv-budget":
                self._note("kv-budget", self._tokens, self._clock())
            self._note("failed" if status == "failed" else "stopped", self._tokens, self._clock())
            self._status, self._reason, self._message = status, reason, message

    def add_read(self, ids: Sequence[int], nats: np.ndarray, work_seconds: float, kv: KvUse) -> None:
        """Tokens were read.

        Args:
            ids: the n tokens.
            nats: (n,) float64, NaN where a token has no likelihood.
            work_seconds: how long the lane worked on them.
            kv: the cache afterwards.
        """
        with self._lock:
            now = self._clock()
            read = Read(len(ids), nats, work_seconds, self._kv, kv, self._tokens, self._seconds, now)
            self._curve.draw(read)
            for kind, at in sorted(self._milestones.items(), key=lambda milestone: milestone[1]):
                if read.first < at <= read.first + read.count:
                    self._note(kind, at, read.seconds_at(at - read.first))
            self._tail.extend(zip(ids, nats.tolist(), strict=True))
            self._rate.add(now, len(ids), work_seconds)
            self._tokens += len(ids)
            self._kv, self._seconds = kv, now

    def _note(self, kind: EventKind, at: int, seconds: float) -> None:
        self._events.append({"at": at, "kind": kind, "seconds": round(seconds, 3)})

    def begin_answer(self, turn: Turn, told_at: int) -> None:
        """The lane begins to answer this turn's prompt, which asks for what the turn after `told_at` tokens told."""
        recent = self._policy.recent
        in_cache = recent is None or self._tokens - told_at <= recent
        with self._lock:
            self._answers.begin(turn, self._tokens, self._clock(), told_at=told_at, in_cache=in_cache)

    def say(self, answer: str, *, right: bool | None) -> None:
        """The answer as far as it goes; whether it is right, once it is complete."""
        with self._lock:
            self._answers.say(answer, right)

    def tell_visitor(self, said: Said) -> None:
        """What the lane says to the latest question of a visitor; an earlier one is past."""
        with self._lock:
            if self._said is None or said["id"] >= self._said["id"]:
                self._said = said

    def add_told(self, told: Told) -> None:
        """The stream told a fact."""
        with self._lock:
            self._facts.add(told)

    def set_sinks_aside(self, aside: bool) -> None:
        """The lane goes on without its sinks, or with them again."""
        with self._lock:
            self._sinks_aside = aside
            self._note("sinks-aside" if aside else "sinks-back", self._tokens, self._clock())

    def set_attention(self, share: SinkShareFrame | None, attention: AttentionFrame | None = None) -> None:
        """How much of the attention goes to the first tokens now, and how the latest token divides its own."""
        with self._lock:
            self._sink_share, self._attention = share, attention

    def snapshot(self, points_from: int, answers_from: int | None = None) -> LaneFrame:
        """The lane as it is now, told from this point and this answer on, or from a tail's length before their ends."""
        with self._one_reader:
            with self._lock:
                frame = self._frame(points_from, answers_from)
                tokens, tail = self._tokens, list(self._tail)
            return {**frame, "text": self._text.pieces(tokens, tail)}

    def _frame(self, points_from: int, answers_from: int | None) -> LaneFrame:
        """All but the text, which takes long."""
        at_rest = self._status in _AT_REST
        return {
            **_named(self._policy),
            "tokens": self._tokens,
            "status": self._status,
            "reason": self._reason,
            "message": self._message,
            "kv_bytes": self._kv.bytes,
            "kv_allocated_bytes": self._kv.allocated_bytes,
            "cache_tokens": self._kv.tokens,
            "seconds": round(self._seconds, 3),
            "tokens_per_second": 0.0 if at_rest else rounded(self._rate.tokens_per_second(self._clock()), DIGITS),
            "ms_per_token": short(self._rate.ms_per_token),
            "perplexity": short(self._curve.perplexity.recent),
            "perplexity_total": short(self._curve.perplexity.total),
            "curve": self._curve.tail(points_from),
            "text": {"from": 0, "pieces": []},
            "answers": self._answers.tail(answers_from),
            "judged": self._answers.judged,
            "said": self._said,
            "told": self._facts.some(),
            "sink_share": self._sink_share,
            "attention": self._attention,
            "sinks_aside": self._sinks_aside,
            "events": list(self._events),
        }


class _Facts:
    """What the stream told last."""

    def __init__(self) -> None:
        self._told: deque[Told] = deque(maxlen=_KEPT_FACTS)

    def add(self, told: Told) -> None:
        self._told.append(told)

    def some(self) -> list[Told]:
        """The newest fact, one in the middle, and the oldest of those kept."""
        newest_first = list(self._told)[::-1]
        places = sorted({0, len(newest_first) // 2, len(newest_first) - 1})
        return [newest_first[place] for place in places] if newest_first else []


class _Answers:
    """The latest answers to prompts."""

    def __init__(self) -> None:
        self.judged: Judged = {"asked": 0, "right": 0}
        self._items: deque[Answer] = deque(maxlen=_KEPT_ANSWERS)
        self._count = 0

    def begin(self, turn: Turn, at: int, seconds: float, *, told_at: int, in_cache: bool) -> None:
        self._count += 1
        self._items.append(
            {
                "turn": turn.index,
                "at": at,
                "seconds": round(seconds, 3),
                "prompt": turn.prompt,
                "reference": turn.reply,
                "expected": turn.answer,
                "answer": "",
                "done": False,
                "told_at": told_at,
                "in_cache": in_cache,
                "right": None,
            }
        )

    def say(self, answer: str, right: bool | None) -> None:
        self._items[-1] = {**self._items[-1], "answer": answer, "done": right is not None, "right": right}
        if right is not None:
            self.judged = {"asked": self.judged["asked"] + 1, "right": self.judged["right"] + right}

    def tail(self, answers_from: int | None) -> AnswerTail:
        told = self._count if answers_from is None else answers_from
        count = min(len(self._items), max(TAIL_ANSWERS, self._count - told))
        return {"from": self._count - count, "items": list(self._items)[len(self._items) - count :]}


class _TailText:
    """The end of the stream as text, decoded when a snapshot is taken; each token once at most."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._pieces: deque[str] = deque(maxlen=TAIL_TOKENS)
        self._detokeniser = Detokeniser(tokenizer)
        self._told = 0

    def pieces(self, tokens: int, tail: list[tuple[int, float]]) -> TextTail:
        """The last pieces after `tokens` tokens, of which `tail` are the last, with a lead."""
        self._catch_up(tokens, tail)
        shown = list(self._pieces)
        nats = [short(nat, 4) for _, nat in tail[len(tail) - len(shown) :]]
        return {"from": tokens - len(shown), "pieces": list(zip(shown, nats, strict=True))}

    def _catch_up(self, tokens: int, tail: list[tuple[int, float]]) -> None:
        if tokens - self._told > len(tail):
            self._told = tokens - len(tail)
            self._detokeniser = Detokeniser(self._tokenizer)
            self._pieces.clear()
        new = tail[len(tail) - (tokens - self._told) :]
        self._pieces.extend(self._detokeniser.push(token) for token, _ in new)
        self._told = tokens


def _named(policy: Policy) -> LanePolicy:
    return {"label": policy.label, "kind": policy.kind, "sinks": policy.sinks, "recent": policy.recent or 0}
