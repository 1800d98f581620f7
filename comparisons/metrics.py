"""What is measured, as pure functions and two small accumulators; the unit stands in every name.

Perplexity is teacher-forced: exp of the mean negative log-likelihood (nats per token) of the stream's next
token. The very first token of a stream has no prediction: its NaN is left out. A perplexity too large for a
float is `math.inf` here and null in JSON (`finite_or_none`), never a number that was not measured.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import overload

import numpy as np
import psutil

from streaming.errors import SettingsError

__all__ = [
    "BYTES_PER_MB",
    "RecentRate",
    "SlidingPerplexity",
    "finite_or_none",
    "mean_ms_per_token",
    "perplexity",
    "perplexity_from_mean_nats",
    "process_rss_bytes",
    "rounded",
    "thin",
    "tokens_per_second",
]

BYTES_PER_MB = 1_000_000


def perplexity(nats: Iterable[float]) -> float:
    """Perplexity of a text.

    Args:
        nats: negative log-likelihood of each token; NaN where there is none.

    Returns:
        exp of the mean of those that are there: `math.inf` where that overflows, NaN where there are none.
    """
    known = [nat for nat in nats if not math.isnan(nat)]
    return perplexity_from_mean_nats(math.fsum(known) / len(known)) if known else math.nan


def perplexity_from_mean_nats(mean_nats: float) -> float:
    """An exp that answers `math.inf` instead of raising OverflowError."""
    try:
        return math.exp(mean_nats)
    except OverflowError:
        return math.inf


class SlidingPerplexity:
    """Perplexity over the last tokens of a stream, and over all of them.

    The window's mean is taken afresh from its ring at every look, so nothing drifts however long the stream
    is.
    """

    def __init__(self, window_tokens: int) -> None:
        """Begin with nothing read."""
        if window_tokens < 1:
            raise SettingsError(f"A perplexity window needs at least 1 token, not {window_tokens}.")
        self._ring = np.full(window_tokens, np.nan)
        self._next = 0
        self._sum_nats = 0.0
        self._count = 0

    def extend(self, nats: Sequence[float] | np.ndarray) -> None:
        """Take in the next negative log-likelihoods; a NaN has a place in the window, without weight."""
        values = np.asarray(nats, dtype=np.float64)
        known = values[~np.isnan(values)]
        self._sum_nats += float(known.sum())
        self._count += known.size
        size = self._ring.size
        places = (self._next + np.arange(values.size)) % size
        self._ring[places[-size:]] = values[-size:]
        self._next = (self._next + values.size) % size

    @property
    def recent(self) -> float:
        """Perplexity over the window; NaN before the first token that has a likelihood."""
        known = self._ring[~np.isnan(self._ring)]
        return perplexity_from_mean_nats(float(known.mean())) if known.size else math.nan

    @property
    def total(self) -> float:
        """Perplexity over the whole stream; NaN before the first token that has a likelihood."""
        return perplexity_from_mean_nats(self._sum_nats / self._count) if self._count else math.nan


class RecentRate:
    """How fast a lane went in the last second: tokens per second, and its own work per token.

    Args:
        window_seconds: how far back it looks.
    """

    def __init__(self, window_seconds: float = 1.0) -> None:
        """Begin with nothing read."""
        self._window_seconds = window_seconds
        self._reads: deque[tuple[float, int, float]] = deque()

    def start(self, now_seconds: float) -> None:
        """Say when the reading begins: the first rate counts from here."""
        self._reads.append((now_seconds, 0, 0.0))

    def add(self, now_seconds: float, tokens: int, work_seconds: float) -> None:
        """One read that ended now."""
        self._reads.append((now_seconds, tokens, work_seconds))
        while len(self._reads) > 2 and self._reads[1][0] <= now_seconds - self._window_seconds:
            self._reads.popleft()

    def tokens_per_second(self, now_seconds: float) -> float:
        """Tokens of the last second, of the last read at least, over the time that they took until now."""
        if len(self._reads) < 2:
            return 0.0
        since = now_seconds - self._window_seconds
        ends = [ended for ended, _, _ in self._reads]
        begin = max((ended for ended in ends[:-1] if ended <= since), default=ends[0])
        count = sum(tokens for ended, tokens, _ in self._reads if ended > begin)
        return tokens_per_second(count, now_seconds - begin)

    @property
    def ms_per_token(self) -> float:
        """The lane's own work per token over the same reads, milliseconds; NaN before the first."""
        return mean_ms_per_token(sum(r[2] for r in self._reads), sum(r[1] for r in self._reads))


def tokens_per_second(tokens: int, seconds: float) -> float:
    """Throughput; 0.0 where no time has passed."""
    return tokens / seconds if seconds > 0 else 0.0


def mean_ms_per_token(work_seconds: float, tokens: int) -> float:
    """Latency in milliseconds; NaN where nothing was read."""
    return 1000 * work_seconds / tokens if tokens else math.nan


def process_rss_bytes() -> int:
    """Resident memory of this whole process, model and server included."""
    return psutil.Process().memory_info().rss


def finite_or_none(value: float) -> float | None:
    """The value for JSON: None, that is null, where it is not a finite number."""
    return value if math.isfinite(value) else None


@overload
def rounded(value: float, digits: int) -> float: ...
@overload
def rounded(value: float | None, digits: int) -> float | None: ...
def rounded(value: float | None, digits: int) -> float | None:
    """The value with so many significant digits, for files that should be small; None stays None."""
    return None if value is None else float(f"{value:.{digits}g}")


def thin(values: Sequence[float | None], most: int) -> list[int]:
    """Which points of a curve to keep so that it still looks the same.

    The first and the last point stay, and the lowest and the highest of each of equal stretches between them:
    so the curve's extremes stay too.

    Args:
        values: the curve's heights; None (no measurement) is never an extreme.
        most: at most so many points stay; at least 4.

    Returns:
        Ascending indices into `values`; all of them where there are no more than `most`.
    """
    if most < 4:
        raise SettingsError(f"A thinned curve needs at least 4 points, not {most}.")
    last = len(values) - 1
    if last < most:
        return list(range(last + 1))
    stretches = (most - 2) // 2
    edges = [1 + (last - 1) * i // stretches for i in range(stretches + 1)]
    kept = {0, last}
    for begin, end in pairwise(edges):
        known = {i: value for i in range(begin, end) if (value := values[i]) is not None}
        if known:
            kept.update((min(known, key=known.__getitem__), max(known, key=known.__getitem__)))
    return sorted(kept)
