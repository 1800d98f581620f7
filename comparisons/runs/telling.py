"""A run told as frames: put together from the lanes' journals, each frame overlapping the one before."""

from __future__ import annotations

import platform
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import torch

from comparisons.metrics import process_rss_bytes
from comparisons.runs.frames import FRAME_VERSION, TAIL_POINTS, Frame, Header, LaneFrame, RssPoint, RssTail, checked
from comparisons.runs.lane.journal import Journal
from comparisons.runs.overlap import KEPT_FRAMES, Overlap
from comparisons.runs.settings import RunSettings
from comparisons.runs.steering import Steering
from comparisons.text.feeds import Source
from comparisons.versions import versions
from streaming.loading.machine import read_machine
from streaming.models import LoadedModel

__all__ = ["Teller", "header"]


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where the parts of a frame that grow ended, for each lane and for the process."""

    points: tuple[int, ...]
    answers: tuple[int, ...]
    rss: int


class Teller:
    """Of one run, for one reader at a time; the reader may be another in the end."""

    def __init__(self, run_id: str, header: Header, steering: Steering, journals: Sequence[Journal]) -> None:
        """Nothing is told yet."""
        self._id, self._header, self._steering, self._journals = run_id, header, steering, journals
        self._overlap = Overlap(_Ends((0,) * len(journals), (0,) * len(journals), 0))
        self._rss: deque[RssPoint] = deque(maxlen=KEPT_FRAMES)
        self._rss_count = 0

    def frame(self) -> Frame:
        """The run as it is now; what it told two frames ago is left out."""
        state = self._steering.state  # asked for first: a frame that says "finished" is taken after the end
        seconds = round(self._steering.clock.seconds(), 3)
        start = self._overlap.start
        lanes = [
            journal.snapshot(points, answers)
            for journal, points, answers in zip(self._journals, start.points, start.answers, strict=True)
        ]
        rss_bytes = process_rss_bytes()
        frame: Frame = {
            "version": FRAME_VERSION,
            "run": self._id,
            "seq": self._overlap.seq,
            "seconds": seconds,
            "state": state,
            "recorded": False,
            "rss_bytes": rss_bytes,
            "rss": self._rss_tail(RssPoint(max(lane["tokens"] for lane in lanes), rss_bytes, seconds), start.rss),
            "lanes": lanes,
        }
        if self._overlap.with_header:
            frame["header"] = self._header
        self._overlap.told(self._ends_of(lanes))
        return checked(frame)

    def rewind(self, seq: int | None) -> None:
        """See `Overlap.rewind`."""
        self._overlap.rewind(seq)

    def ending(self) -> dict[str, object]:
        """How the run ended, for the log: numbers and fixed words."""
        return {
            "state": self._steering.state,
            "tokens": [journal.tokens for journal in self._journals],
            "reasons": [journal.reason or "left" for journal in self._journals],
        }

    def _ends_of(self, lanes: Sequence[LaneFrame]) -> _Ends:
        return _Ends(
            tuple(lane["curve"]["from"] + len(lane["curve"]["points"]) for lane in lanes),
            tuple(lane["answers"]["from"] + len(lane["answers"]["items"]) for lane in lanes),
            self._rss_count,
        )

    def _rss_tail(self, point: RssPoint, told: int) -> RssTail:
        self._rss.append(point)
        self._rss_count += 1
        count = min(len(self._rss), max(TAIL_POINTS, self._rss_count - told))
        return {"from": self._rss_count - count, "points": list(self._rss)[-count:]}


def header(
    loaded: LoadedModel, settings: RunSettings, source: Source, *, bytes_per_token: int, began: datetime
) -> Header:
    """What is known of a run when its lanes are open."""
    lanes = [policy.label for policy in settings.lanes]
    device = loaded.model.device
    placed = {
        "dtype": str(loaded.model.dtype).removeprefix("torch."),
        "device": str(device),
        "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "cores": round(read_machine().cores, 1),
    }
    vocabulary = loaded.model.config.get_text_config().vocab_size
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
        "settings": asdict(settings) | {"lanes": lanes, **placed, "vocabulary": vocabulary},
        "versions": versions(),
        "recorded_at": began.isoformat(timespec="seconds"),
    }
