"""Timing that holds on a machine that drifts: what is compared is measured in turn, round by round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

__all__ = ["Work", "in_turn", "seconds"]

Work = Callable[[], object]


def seconds(work: Work, device: torch.device) -> float:
    """How long some work takes, to its end on the device too."""
    _finish(device)
    begin = time.perf_counter()
    work()
    _finish(device)
    return time.perf_counter() - begin


def in_turn(works: Mapping[str, Work], device: torch.device, *, rounds: int) -> dict[str, tuple[float, float]]:
    """Do A B C A B C …, after one round of warm-up.

    Returns:
        For each of the works its median seconds, and the median over the rounds of its time as a multiple of that of
        the first work.
    """
    times = [{name: seconds(work, device) for name, work in works.items()} for _ in range(rounds + 1)][1:]
    first = next(iter(works))
    return {
        name: (statistics.median(t[name] for t in times), statistics.median(t[name] / t[first] for t in times))
        for name in works
    }


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
