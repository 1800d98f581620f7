"""A lane's curve: a point at each multiple of a stride, however the lane's reads fall."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice

import numpy as np

from comparisons.metrics import SlidingPerplexity, finite_or_none, rounded
from comparisons.runs.frames import TAIL_POINTS, CurvePoint, CurveTail

__all__ = ["DIGITS", "KEPT_POINTS", "Curve", "KvUse", "Read", "short"]

DIGITS = 6
"""As many as a reader of frames can use: a frame is sent several times a second."""

KEPT_POINTS = 4096
"""Points kept for a reader who is slow to ask."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KvUse:
    """A KV cache at one moment: bytes in use, bytes allocated, tokens held, bytes that one token takes."""

    bytes: int = 0
    allocated_bytes: int = 0
    tokens: int = 0
    bytes_per_token: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """One read of `count` tokens after the `first`, measured at its ends, told for the tokens between."""

    count: int
    nats: np.ndarray  # (count,)
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


class Curve:
    """The points, of which the last `KEPT_POINTS` are kept.

    Attributes:
        perplexity: of the sliding window, and of all.
        count: points so far.
    """

    def __init__(self, window: int, stride: int) -> None:
        """Begin with nothing read.

        Args:
            window: tokens in the sliding perplexity.
            stride: tokens between two points.
        """
        self.perplexity = SlidingPerplexity(window)
        self.count = 0
        self._stride = stride
        self._work_since_point = 0.0
        self._points: deque[CurvePoint] = deque(maxlen=KEPT_POINTS)

    def draw(self, read: Read) -> None:
        """Move the perplexity on, and draw the points that this read reaches."""
        done = 0
        while done < read.count:
            step = min(read.count - done, self._stride - (read.first + done) % self._stride)
            self.perplexity.extend(read.nats[done : done + step])
            self._work_since_point += step * read.work_seconds / read.count
            done += step
            if (read.first + done) % self._stride == 0:
                self._add_point(read, done)

    def tail(self, points_from: int) -> CurveTail:
        """From this point on, or from `TAIL_POINTS` before the end."""
        oldest = self.count - len(self._points)
        first = max(oldest, min(points_from, self.count - TAIL_POINTS))
        return {"from": first, "points": list(islice(self._points, first - oldest, None))}

    def _add_point(self, read: Read, done: int) -> None:
        ms_per_token = rounded(1000 * self._work_since_point / self._stride, DIGITS)
        height = short(self.perplexity.recent)
        at = read.first + done
        self._points.append(CurvePoint(at, height, read.kv_bytes_at(done), ms_per_token, read.seconds_at(done)))
        self.count += 1
        self._work_since_point = 0.0


def short(value: float, digits: int = DIGITS) -> float | None:
    """A number for frames; None where it is not finite."""
    return rounded(finite_or_none(value), digits)
