"""What a lane has measured so far: plain numbers under one lock, ready to be shown.

One thread writes (the lane's), any thread takes snapshots. Nothing here touches a tensor, and nothing grows
with the length of the stream: curves, text and answers keep their ends only, each with the absolute index of
its first item.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from transformers import PreTrainedTokenizerBase

from comparisons.metrics import RecentRate, SlidingPerplexity, finite_or_none, rounded
from comparisons.runs.frames import (
    Answer,
    AnswerTail,
    CurvePoint,
    CurveTail,
    Event,
    LaneFrame,
    Reason,
    Said,
    SinkShareFrame,
    Status,
    TextTail,
    Told,
)
from comparisons.text.detokenise import Detokeniser
from comparisons.text.prompts import Turn

__all__ = ["TAIL_ANSWERS", "TAIL_POINTS", "TAIL_TOKENS", "Journal", "KvUse"]

TAIL_TOKENS = 160
"""Tokens of text in a frame, at most."""

TAIL_POINTS = 40
"""Points of the curve in a frame, at least (where there are so many)."""

TAIL_ANSWERS = 3
"""Answers in a frame, at most."""

KEPT_POINTS = 4096
"""Points kept for a reader who is slow to ask."""

_KEPT_FACTS = 12
"""Of the facts that the stream told last, so many are kept: the oldest has left most caches of bounded lanes."""

LEAD_TOKENS = 8
"""Tokens decoded in front of the tail of the text, so that its first pieces come out right."""

_AT_REST: tuple[Status, ...] = ("waiting", "paused", "stopped", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class KvUse:
    """A KV cache at one moment: bytes in use, bytes allocated, tokens held, bytes that one token takes."""

    bytes: int = 0
    allocated_bytes: int = 0
    tokens: int = 0
    bytes_per_token: int = 0


class Journal:
    """A lane's measurements.

    Args:
        policy: the frame fields that name the lane's policy: label, kind, sinks, recent.
        milestones: events to note when so many tokens were read, by kind.
        window: tokens in the sliding perplexity.
        stride: tokens between two points of the curve.
        tokenizer: for the text in frames.
        clock: running seconds of the run.
    """

    def __init__(
        self,
        *,
        policy: dict[str, str | int],
        milestones: dict[str, int],
        window: int,
        stride: int,
        tokenizer: PreTrainedTokenizerBase,
        clock: Callable[[], float],
    ) -> None:
        """Begin with nothing read."""
        self._lock = threading.Lock()
        self._one_reader = threading.Lock()
        self._policy, self._milestones, self._stride, self._clock = policy, milestones, stride, clock
        self._status: Status = "waiting"
        self._reason: Reason | None = None
        self._message = ""
        self._tokens = 0
        self._seconds = 0.0
        self._kv = KvUse()
        self._perplexity = SlidingPerplexity(window)
        self._rate = RecentRate()
        self._work_since_point = 0.0
        self._points: deque[CurvePoint] = deque(maxlen=KEPT_POINTS)
        self._point_count = 0
        self._tail: deque[tuple[int, float]] = deque(maxlen=TAIL_TOKENS + LEAD_TOKENS)
        self._text = _TailText(tokenizer)
        self._answers: deque[Answer] = deque(maxlen=TAIL_ANSWERS)
        self._answer_count = 0
        self._said: Said | None = None
        self._sink_share: SinkShareFrame | None = None
        self._told: deque[Told] = deque(maxlen=_KEPT_FACTS)
        self._events: list[Event] = []

    @property
    def tokens(self) -> int:
        """Tokens read."""
        return self._tokens

    @property
    def points(self) -> int:
        """Points of the curve so far."""
        return self._point_count

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
            self._draw(_Read(len(ids), nats, work_seconds, self._kv, kv, self._tokens, self._seconds, now))
            self._tail.extend(zip(ids, nats.tolist(), strict=True))
            self._rate.add(now, len(ids), work_seconds)
            self._tokens += len(ids)
            self._kv, self._seconds = kv, now

    def _draw(self, read: _Read) -> None:
        """Move the perplexity on; a point at each multiple of the stride, an event at each milestone."""
        done = 0
        while done < read.count:
            step = min(read.count - done, self._stride - (read.first + done) % self._stride)
            self._perplexity.extend(read.nats[done : done + step])
            self._work_since_point += step * read.work_seconds / read.count
            done += step
            if (read.first + done) % self._stride == 0:
                self._add_point(read, done)
        for kind, at in sorted(self._milestones.items(), key=lambda milestone: milestone[1]):
            if read.first < at <= read.first + read.count:
                self._note(kind, at, read.seconds_at(at - read.first))

    def _add_point(self, read: _Read, done: int) -> None:
        ms_per_token = _short(1000 * self._work_since_point / self._stride)
        height = _short(self._perplexity.recent)
        self._points.append((read.first + done, height, read.kv_bytes_at(done), ms_per_token, read.seconds_at(done)))
        self._point_count += 1
        self._work_since_point = 0.0

    def _note(self, kind: str, at: int, seconds: float) -> None:
        self._events.append({"at": at, "kind": kind, "seconds": round(seconds, 3)})

    def begin_answer(self, turn: Turn) -> None:
        """The lane begins to answer this turn's prompt."""
        answer: Answer = {
            "turn": turn.index,
            "at": self._tokens,
            "seconds": round(self._clock(), 3),
            "prompt": turn.prompt,
            "reference": turn.reply,
            "expected": turn.answer,
            "answer": "",
            "done": False,
        }
        with self._lock:
            self._answers.append(answer)
            self._answer_count += 1

    def say(self, answer: str, *, done: bool) -> None:
        """The answer as far as it goes."""
        with self._lock:
            self._answers[-1] = {**self._answers[-1], "answer": answer, "done": done}

    def tell_visitor(self, said: Said) -> None:
        """What the lane says to the latest question of a visitor; an earlier one is past."""
        with self._lock:
            if self._said is None or said["id"] >= self._said["id"]:
                self._said = said

    def add_told(self, told: Told) -> None:
        """The stream told a fact."""
        with self._lock:
            self._told.append(told)

    def set_sink_share(self, share: SinkShareFrame | None) -> None:
        """How much of the attention goes to the first tokens now."""
        with self._lock:
            self._sink_share = share

    def snapshot(self, points_from: int) -> LaneFrame:
        """The lane as it is now, with the curve from this point on (or from `TAIL_POINTS` before its end)."""
        with self._one_reader:
            with self._lock:
                frame = self._numbers()
                frame["curve"] = self._curve(points_from)
                frame["answers"] = self._answer_tail()
                frame["said"] = self._said
                frame["told"] = self._some_told()
                frame["sink_share"] = self._sink_share
                frame["events"] = list(self._events)
                tokens, tail = self._tokens, list(self._tail)
            frame["text"] = self._text.pieces(tokens, tail)
        return frame

    def _numbers(self) -> LaneFrame:
        at_rest = self._status in _AT_REST
        return {
            **self._policy,
            "tokens": self._tokens,
            "status": self._status,
            "reason": self._reason,
            "message": self._message,
            "kv_bytes": self._kv.bytes,
            "kv_allocated_bytes": self._kv.allocated_bytes,
            "cache_tokens": self._kv.tokens,
            "seconds": round(self._seconds, 3),
            "tokens_per_second": 0.0 if at_rest else _short(self._rate.tokens_per_second(self._clock())),
            "ms_per_token": _short(self._rate.ms_per_token),
            "perplexity": _short(self._perplexity.recent),
            "perplexity_total": _short(self._perplexity.total),
        }

    def _curve(self, points_from: int) -> CurveTail:
        oldest = self._point_count - len(self._points)
        first = max(oldest, min(points_from, self._point_count - TAIL_POINTS))
        return {"from": first, "points": list(islice(self._points, first - oldest, None))}

    def _answer_tail(self) -> AnswerTail:
        return {"from": self._answer_count - len(self._answers), "items": list(self._answers)}

    def _some_told(self) -> list[Told]:
        """The newest fact, one in the middle, and the oldest of those kept."""
        newest_first = list(self._told)[::-1]
        places = sorted({0, len(newest_first) // 2, len(newest_first) - 1})
        return [newest_first[place] for place in places] if newest_first else []


@dataclass(frozen=True, slots=True)
class _Read:
    """One read of `count` tokens after the `first`, measured at its ends, told for the tokens between."""

    count: int
    nats: np.ndarray
    work_seconds: float
    before: KvUse
    after: KvUse
    first: int
    before_seconds: float
    now_seconds: float

    def kv_bytes_at(self, done: int) -> int:
        """A cache grows token by token until it is full: exact for every policy."""
        return min(self.before.bytes + done * self.after.bytes_per_token, self.after.bytes)

    def seconds_at(self, done: int) -> float:
        """As if the read had gone evenly; work after a pause was asked for takes no running time."""
        return round(max(self.before_seconds, self.now_seconds - self.work_seconds * (1 - done / self.count)), 3)


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
        nats = [_short(nat, 4) for _, nat in tail[len(tail) - len(shown) :]]
        return {"from": tokens - len(shown), "pieces": list(zip(shown, nats, strict=True))}

    def _catch_up(self, tokens: int, tail: list[tuple[int, float]]) -> None:
        if tokens - self._told > len(tail):
            self._told = tokens - len(tail)
            self._detokeniser = Detokeniser(self._tokenizer)
            self._pieces.clear()
        new = tail[len(tail) - (tokens - self._told) :]
        self._pieces.extend(self._detokeniser.push(token) for token, _ in new)
        self._told = tokens


def _short(value: float, digits: int = 6) -> float | None:
    """As many digits as a reader of frames can use: a frame is sent several times a second."""
    return rounded(finite_or_none(value), digits)
