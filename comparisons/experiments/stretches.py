"""The measurements of a very long run, stretch by stretch: plain numbers that a checkpoint can hold.

What a run is asked at its end is summed up on the way, so that nothing here grows with the stream but one short
record for each stretch.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from comparisons.metrics import perplexity_from_mean_nats, tokens_per_second

__all__ = ["LEAD_TOKENS", "TEXT_TOKENS", "Span", "Stretch", "Tally", "Text"]

TEXT_TOKENS = 160
"""Tokens of a kept piece of the stream's text."""

LEAD_TOKENS = 8
"""Tokens kept in front of it, so that its first characters come out right."""

LONGEST_SPAN = 100_000
"""Tokens at either end of a run whose perplexities are compared; a quarter of a shorter run."""

MOST_TEXTS = 24


@dataclass(kw_only=True, slots=True)
class Span:
    """The likelihood of the stream's tokens `begin`, `begin` + 1, … before `end`: a sum of nats, and of how many."""

    begin: int
    end: int
    nats: float = 0.0
    predicted: int = 0

    def add(self, first: int, nats: np.ndarray) -> None:
        """Take in those of the tokens `first`, `first` + 1, … that are inside; NaN where there is no likelihood."""
        inside = nats[max(0, self.begin - first) : max(0, self.end - first)]
        known = inside[~np.isnan(inside)]
        self.nats += float(known.sum())
        self.predicted += known.size

    @property
    def perplexity(self) -> float:
        """Of what was taken in so far; NaN before the first."""
        return perplexity_from_mean_nats(self.nats / self.predicted) if self.predicted else float("nan")


@dataclass(kw_only=True, slots=True)
class Stretch:
    """What was measured of one stretch of the stream; of one that is not complete, up to now.

    Attributes:
        end: tokens read at its end.
        tokens: tokens in it.
        nats: sum of their negative log-likelihoods.
        predicted: how many tokens the sum counts; the stream's first token has no likelihood.
        seconds: running time at its end.
        took_seconds: running time in it.
        work_seconds: of that, the model's own.
        kv_bytes: keys and values at its end.
        kv_allocated_bytes: the tensors that hold them.
        rss_bytes: most resident memory of the process after any read in it.
        ids_crc32: checksum of all token ids from the beginning of the stream to its end.
    """

    end: int = 0
    tokens: int = 0
    nats: float = 0.0
    predicted: int = 0
    seconds: float = 0.0
    took_seconds: float = 0.0
    work_seconds: float = 0.0
    kv_bytes: int = 0
    kv_allocated_bytes: int = 0
    rss_bytes: int = 0
    ids_crc32: int = 0

    def next(self) -> Stretch:
        """The one that begins where this ends."""
        return Stretch(end=self.end, seconds=self.seconds, ids_crc32=self.ids_crc32)

    @property
    def perplexity(self) -> float:
        """Of its tokens."""
        return perplexity_from_mean_nats(self.nats / self.predicted) if self.predicted else float("nan")

    @property
    def tokens_per_second(self) -> float:
        """Of running time."""
        return tokens_per_second(self.tokens, self.took_seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """The last tokens before token `end`, with their likelihoods in nats."""

    end: int
    seconds: float
    ids: list[int]
    nats: list[float | None]


class Tally:
    """What a run of a known length has measured so far.

    Attributes:
        rss_bytes: resident memory before the first token.
        span: tokens in `first` and in `last`.
        stretches: the complete ones.
        texts: pieces of the stream, evenly spread.
        first: likelihood of the first tokens after the cache filled.
        last: likelihood of the last tokens of the run.
    """

    def __init__(self, *, total: int, stretch: int, filled: int, rss_bytes: int) -> None:
        """Begin with nothing read.

        Args:
            total: tokens of the whole run.
            stretch: tokens in each stretch; the last one may have fewer.
            filled: the first token that meets a full cache.
            rss_bytes: resident memory now.
        """
        self.rss_bytes = rss_bytes
        self.span = max(1, min(LONGEST_SPAN, total // 4))
        self.stretches: list[Stretch] = []
        self.texts: list[Text] = []
        self.first = Span(begin=filled, end=filled + self.span)
        self.last = Span(begin=total - self.span, end=total)
        self._total, self._stretch = total, stretch
        self._current = Stretch()
        self._tail: deque[tuple[int, float]] = deque(maxlen=TEXT_TOKENS + LEAD_TOKENS)

    @property
    def tokens(self) -> int:
        """Tokens read."""
        return self._current.end

    @property
    def seconds(self) -> float:
        """Running time."""
        return self._current.seconds

    @property
    def last_against_first(self) -> float:
        """Perplexity of the run's last tokens over that of the first ones after the cache filled."""
        return self.last.perplexity / self.first.perplexity

    @property
    def rss_settled_bytes(self) -> int:
        """Resident memory in the stretch in which the first `span` tokens of the stream were read to their end."""
        return self._settled()[0].rss_bytes

    @property
    def rss_most_bytes(self) -> int:
        """The most resident memory from then on."""
        return max(one.rss_bytes for one in self._settled())

    def _settled(self) -> list[Stretch]:
        return [one for one in self.stretches if one.end >= self.span]

    @property
    def room(self) -> int:
        """Tokens until the stretch ends, 0 at the end of the run: a read goes no further."""
        begin = self._current.end - self._current.tokens
        return min(begin + self._stretch, self._total) - self.tokens

    def add(
        self,
        ids: Sequence[int],
        nats: np.ndarray,
        *,
        seconds: float,
        work_seconds: float,
        kv_bytes: int,
        kv_allocated_bytes: int,
        rss_bytes: int,
    ) -> None:
        """Take in one read of at most `room` tokens.

        Args:
            ids: the n tokens.
            nats: (n,) float64, NaN where a token has no likelihood.
            seconds: running time at its end.
            work_seconds: how long the model worked on it.
            kv_bytes: keys and values now.
            kv_allocated_bytes: the tensors that hold them.
            rss_bytes: resident memory now.
        """
        for span in (self.first, self.last):
            span.add(self.tokens, nats)
        self._tail.extend(zip(ids, nats.tolist(), strict=True))
        known, now = nats[~np.isnan(nats)], self._current
        now.nats += float(known.sum())
        now.predicted += known.size
        now.took_seconds = seconds - (self.stretches[-1].seconds if self.stretches else 0.0)
        now.seconds, now.work_seconds = seconds, now.work_seconds + work_seconds
        now.end, now.tokens = now.end + len(ids), now.tokens + len(ids)
        now.kv_bytes, now.kv_allocated_bytes = kv_bytes, kv_allocated_bytes
        now.rss_bytes = max(now.rss_bytes, rss_bytes)
        now.ids_crc32 = zlib.crc32(np.asarray(ids, dtype="<u4").tobytes(), now.ids_crc32)
        if self.room == 0:
            self._end_stretch()

    def _end_stretch(self) -> None:
        if self._keeps_text():
            ids, nats = zip(*self._tail, strict=True)
            known = [None if np.isnan(nat) else nat for nat in nats]
            self.texts.append(Text(end=self.tokens, seconds=self.seconds, ids=list(ids), nats=known))
        self.stretches.append(self._current)
        if self.tokens < self._total:
            self._current = self._current.next()

    def _keeps_text(self) -> bool:
        """Of every n-th stretch, and of the last."""
        every = -(-self._total // (self._stretch * MOST_TEXTS))
        return self.tokens == self._total or len(self.stretches) % every == 0

    def state(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {
            "rss_bytes": self.rss_bytes,
            "stretches": [asdict(one) for one in self.stretches],
            "current": asdict(self._current),
            "texts": [asdict(one) for one in self.texts],
            "spans": [asdict(one) for one in (self.first, self.last)],
            "tail": [[token, None if np.isnan(nat) else nat] for token, nat in self._tail],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Become what another tally of a run of this length was."""
        self.rss_bytes = state["rss_bytes"]
        self.stretches = [Stretch(**one) for one in state["stretches"]]
        self._current = Stretch(**state["current"])
        self.texts = [Text(**one) for one in state["texts"]]
        self.first, self.last = (Span(**one) for one in state["spans"])
        self._tail.extend((token, float("nan") if nat is None else nat) for token, nat in state["tail"])
