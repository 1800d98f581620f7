"""A run told as frames: put together from the lanes' journals, each frame overlapping the one before."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import torch
import transformers

from comparisons.metrics import process_rss_bytes
from comparisons.runs.frames import FRAME_VERSION, TAIL_POINTS, Frame, Header, RssPoint, RssTail, checked
from comparisons.runs.journal import Journal
from comparisons.runs.settings import RunSettings
from comparisons.runs.steering import Steering
from comparisons.text.feeds import Source
from streaming.models import LoadedModel

__all__ = ["Teller", "header"]


class Teller:
    """Of one run."""

    def __init__(self, run_id: str, header: Header, steering: Steering, journals: Sequence[Journal]) -> None:
        """Nothing is told yet."""
        self._id, self._header, self._steering, self._journals = run_id, header, steering, journals
        self._seq = 0
        self._told = [[0, 0] for _ in journals]
        self._rss: list[RssPoint] = []
        self._rss_count = 0

    def frame(self) -> Frame:
        """The run as it is now."""
        state = self._steering.state  # asked for first: a frame that says "finished" is taken after the end
        seconds = round(self._steering.clock.seconds(), 3)
        lanes = [journal.snapshot(told[0]) for journal, told in zip(self._journals, self._told, strict=True)]
        rss_bytes = process_rss_bytes()
        frame: Frame = {
            "version": FRAME_VERSION,
            "run": self._id,
            "seq": self._seq,
            "seconds": seconds,
            "state": state,
            "recorded": False,
            "rss_bytes": rss_bytes,
            "rss": self._rss_tail(RssPoint(max(lane["tokens"] for lane in lanes), rss_bytes, seconds)),
            "lanes": lanes,
        }
        if self._seq == 0:
            frame["header"] = self._header
        for told, lane in zip(self._told, lanes, strict=True):
            told[:] = [told[1], lane["curve"]["from"] + len(lane["curve"]["points"])]
        self._seq += 1
        return checked(frame)

    def _rss_tail(self, point: RssPoint) -> RssTail:
        self._rss = [*self._rss, point][-TAIL_POINTS:]
        self._rss_count += 1
        return {"from": self._rss_count - len(self._rss), "points": self._rss}


def header(
    loaded: LoadedModel, settings: RunSettings, source: Source, *, bytes_per_token: int, began: datetime
) -> Header:
    """What is known of a run when its lanes are open."""
    lanes = [policy.label for policy in settings.lanes]
    placed = {"dtype": str(loaded.model.dtype).removeprefix("torch."), "device": str(loaded.model.device)}
    return {
        "model": loaded.name,
        "context": loaded.context,
        "source": source.name,
        "source_characters": source.characters,
        "seed": settings.seed,
        "kv_budget_bytes": settings.kv_budget_bytes,
        "bytes_per_token": bytes_per_token,
        "window": settings.perplexity_window,
        "stride": settings.stride,
        "lanes": lanes,
        "settings": asdict(settings) | {"lanes": lanes, **placed},
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
        "recorded_at": began.isoformat(timespec="seconds"),
    }
