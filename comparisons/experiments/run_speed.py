"""How fast the lanes of a run read, beside the engine alone at the same place of the same text, and how soon they stop.

Lanes share the machine, take turns, are told as frames; the engine alone does nothing but read. Seconds are those of a
wall clock.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from comparisons.runs.frames import CurvePoint, Frame
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from comparisons.text.feeds import Feed, PromptFeed
from streaming.forward import CHUNK
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import open_stream

__all__ = ["LaneSpeed", "RunSpeed", "measure_run"]

_MOST_KV_BYTES = 2**36


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneSpeed:
    """Tokens per second of one policy: as a lane of the run, and alone."""

    label: str
    run: float
    alone: float

    @property
    def share(self) -> float:
        """Of the engine's speed that the lane has."""
        return self.run / self.alone


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSpeed:
    """What was measured; `stop_seconds` is how long all lanes took to end in the middle of their reads."""

    lanes: tuple[LaneSpeed, ...]
    stop_seconds: float


def measure_run(
    loaded: LoadedModel, policies: Sequence[Policy], *, first: int = 2048, tokens: int = 4096, threads: int = 1
) -> RunSpeed:
    """Read `tokens` tokens of the prompt stream with each policy alone and with all in one run; time the last of them.

    Args:
        loaded: the model.
        policies: one for each lane.
        first: where timing begins, in tokens.
        tokens: where it ends.
        threads: of torch, for each lane and for the engine alone.
    """
    feed = PromptFeed(loaded.tokenizer, loaded.start_token)
    alone = [_alone(loaded, policy, feed, first, tokens, threads) for policy in policies]
    curves, stop_seconds = _run(loaded, policies, feed, tokens, threads)
    speeds = (
        LaneSpeed(label=policy.label, run=_rate(curve, first, tokens), alone=rate)
        for policy, curve, rate in zip(policies, curves, alone, strict=True)
    )
    return RunSpeed(lanes=tuple(speeds), stop_seconds=stop_seconds)


def _alone(loaded: LoadedModel, policy: Policy, feed: Feed, first: int, tokens: int, threads: int) -> float:
    torch.set_num_threads(threads)
    segments = islice((segment for segment in feed if segment is not None), tokens)
    ids = [token for segment in segments for token in segment.ids][:tokens]
    stream = open_stream(loaded, policy)
    began = 0.0
    for start in range(0, tokens, CHUNK):
        if start == first // CHUNK * CHUNK:
            began = time.perf_counter()
        stream.read(ids[start : start + CHUNK])
    seconds = time.perf_counter() - began
    stream.close()
    return (tokens - first // CHUNK * CHUNK) / seconds


def _run(
    loaded: LoadedModel, policies: Sequence[Policy], feed: Feed, tokens: int, threads: int
) -> tuple[list[list[CurvePoint]], float]:
    settings = RunSettings(
        lanes=tuple(policies), answers=False, threads=threads, max_tokens=10**9, max_seconds=3600.0,
        kv_budget_bytes=_MOST_KV_BYTES,
    )  # fmt: skip
    curves: list[list[CurvePoint]] = [[] for _ in policies]
    with Run(loaded, settings, feed) as run:
        for frame in run.frames():
            _extend(curves, frame)
            if all(lane["tokens"] > tokens for lane in frame["lanes"]):
                break
        began = time.perf_counter()
        run.close()
        return curves, time.perf_counter() - began


def _extend(curves: list[list[CurvePoint]], frame: Frame) -> None:
    for curve, lane in zip(curves, frame["lanes"], strict=True):
        tail = lane["curve"]
        curve[tail["from"] :] = tail["points"]


def _rate(curve: Sequence[CurvePoint], first: int, tokens: int) -> float:
    """Tokens per second between the points nearest to these."""
    points = [point for point in curve if first <= point.token <= tokens]
    begin, end = points[0], points[-1]
    return (end.token - begin.token) / (end.seconds - begin.seconds)
