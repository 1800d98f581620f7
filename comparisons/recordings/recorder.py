"""From the frames of a run to a recording, thinned as it goes, so that any run fits into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from comparisons.metrics import rounded, thin
from comparisons.recordings.format import LaneRecording, Recording, SinkShareMoment, TextMoment
from comparisons.runs.frames import (
    Answer,
    CurvePoint,
    Frame,
    Header,
    LaneFrame,
    LaneNumbers,
    LanePolicy,
    RssPoint,
    RunNumbers,
)
from streaming.errors import RecordingError

if TYPE_CHECKING:  # a recording needs no torch
    from comparisons.runs.runner import Run

__all__ = ["Recorder", "heard_out", "record", "spread"]

_KEPT_MOMENTS = 256
_KEPT_POINTS = 8192
_KEPT_ANSWERS = 64


class Recorder:
    """Collects a run's frames, thinning as it goes: memory stays bounded however long the run is."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._header: Header | None = None
        self._moments: list[RunNumbers] = []
        self._rss = _Curve[RssPoint](lambda point: point.rss_bytes)
        self._lanes: list[_LaneRecorder] = []

    def add(self, frame: Frame) -> None:
        """Take the next frame in.

        Raises:
            RecordingError: where the first frame, with the header, was missed.
        """
        if self._header is None:
            if "header" not in frame:
                raise RecordingError("A recording starts with the first frame of a run: record from the start.")
            self._header = frame["header"]
            self._lanes = [_LaneRecorder(lane) for lane in frame["lanes"]]
        seconds = round(frame["seconds"], 3)
        self._moments.append({"seconds": seconds, "state": frame["state"], "rss_bytes": frame["rss_bytes"]})
        self._rss.add(frame["rss"]["from"], frame["rss"]["points"])
        for lane, lane_frame in zip(self._lanes, frame["lanes"], strict=True):
            lane.add(lane_frame, seconds)
        if len(self._moments) > 2 * _KEPT_MOMENTS:
            kept = spread(len(self._moments), _KEPT_MOMENTS)
            self._moments = [self._moments[i] for i in kept]
            for lane in self._lanes:
                lane.keep(kept)

    def recording(
        self, *, points: int = 160, moments: int = 48, texts: int = 4, text_tokens: int = 48, answers: int = 8
    ) -> Recording:
        """What was recorded, at most so many of each per lane; as they are, two lanes take less than 40 kB.

        A text has at most so many tokens, without those that the text before it has already told; the last text is
        whole. With as many texts as moments a replay shows the text as it was read.

        Raises:
            RecordingError: where nothing was recorded.
        """
        if self._header is None:
            raise RecordingError("Nothing was recorded: add the frames of a run first.")
        kept = spread(len(self._moments), moments)
        told = spread(len(self._moments), texts)
        turns = sorted(set().union(*(lane.answers for lane in self._lanes)))
        answered = {turns[i] for i in spread(len(turns), answers)}
        return Recording(
            header=self._header,
            moments=[self._moments[i] for i in kept],
            rss=[point._replace(seconds=round(point.seconds, 3)) for point in self._rss.thinned(max(4, points // 4))],
            lanes=[lane.recording(points, kept, told, text_tokens, answered) for lane in self._lanes],
        )


def record(run: Run, show: Callable[[Frame], object] | None = None, **kept: int) -> Recording:
    """Run to the end, and keep of each lane as much as `Recorder.recording` is told; see `heard_out`."""
    return heard_out(run, show).recording(**kept)


def heard_out(run: Run, show: Callable[[Frame], object] | None = None) -> Recorder:
    """Run to the end; all that happened.

    Args:
        run: a run that nobody tells yet.
        show: called with every frame, as it comes.
    """
    recorder = Recorder()
    with run:
        for frame in run.frames():
            recorder.add(frame)
            if show is not None:
                show(frame)
    return recorder


P = TypeVar("P", CurvePoint, RssPoint)


class _Curve(Generic[P]):
    """A curve from the tails of frames: each point once, and not more than are worth keeping."""

    def __init__(self, height: Callable[[P], float | None]) -> None:
        self._height: Callable[[P], float | None] = height
        self._points: list[P] = []
        self._next = 0

    def add(self, first: int, points: Sequence[P]) -> None:
        self._points.extend(points[max(0, self._next - first) :])
        self._next = max(self._next, first + len(points))
        if len(self._points) > 2 * _KEPT_POINTS:
            self._points = self.thinned(_KEPT_POINTS)

    def thinned(self, most: int) -> list[P]:
        return [self._points[i] for i in thin([self._height(point) for point in self._points], most)]


class _LaneRecorder:
    """One lane's part of a recorder."""

    def __init__(self, frame: LaneFrame) -> None:
        self.answers: dict[int, Answer] = {}
        self._every = 1
        self._policy: LanePolicy = frame
        self._moments: list[LaneNumbers] = []
        self._texts: list[TextMoment] = []
        self._shares: list[SinkShareMoment] = []
        self._curve = _Curve[CurvePoint](lambda point: point.perplexity)
        self._events = frame["events"]

    def add(self, frame: LaneFrame, seconds: float) -> None:
        self._events = frame["events"]
        self._moments.append(_numbers(frame))
        self._texts.append({"seconds": seconds, **frame["text"]})
        share = frame["sink_share"] or {"tokens": 0, "layers": []}
        self._shares.append(SinkShareMoment(seconds, share["tokens"], share["layers"]))
        self._curve.add(frame["curve"]["from"], frame["curve"]["points"])
        self._add_answers(frame["answers"]["items"])

    def _add_answers(self, answers: list[Answer]) -> None:
        """Which turns are kept, when there are too many, depends on the turns alone: lanes match."""
        self.answers |= {a["turn"]: a for a in answers if a["done"] and a["turn"] % self._every == 0}
        while len(self.answers) > _KEPT_ANSWERS:
            self._every *= 2
            self.answers = {turn: a for turn, a in self.answers.items() if turn % self._every == 0}

    def keep(self, kept: list[int]) -> None:
        self._moments = [self._moments[i] for i in kept]
        self._texts = [self._texts[i] for i in kept]
        self._shares = [self._shares[i] for i in kept]

    def recording(
        self, points: int, kept: list[int], told: list[int], text_tokens: int, answered: set[int]
    ) -> LaneRecording:
        texts = [*_told_once([self._texts[i] for i in told[:-1]], text_tokens), self._texts[-1]]
        return LaneRecording(
            label=self._policy["label"],
            kind=self._policy["kind"],
            sinks=self._policy["sinks"],
            recent=self._policy["recent"],
            moments=[self._moments[i] for i in kept],
            curve=[_short_point(point) for point in self._curve.thinned(points)],
            texts=[{**text, "pieces": [(p, rounded(nat, 3)) for p, nat in text["pieces"]]} for text in texts],
            answers=[{**a, "seconds": round(a["seconds"], 3)} for turn, a in self.answers.items() if turn in answered],
            events=[{**event, "seconds": round(event["seconds"], 3)} for event in self._events],
            shares=list(_changes([self._shares[i] for i in kept])),
        )


def _told_once(texts: list[TextMoment], most: int) -> Iterator[TextMoment]:
    """The texts, each cut to its last `most` tokens, and to what the one before it had not told."""
    told = 0
    for text in texts:
        end = text["from"] + len(text["pieces"])
        first = max(text["from"], end - most, told)
        if first < end:
            yield {"seconds": text["seconds"], "from": first, "pieces": text["pieces"][first - end :]}
        told = end


def _changes(shares: list[SinkShareMoment]) -> Iterator[SinkShareMoment]:
    """Those that say another thing than the one before; at first nothing is known."""
    known: tuple[int, list[float]] = (0, [])
    for share in shares:
        if (share.tokens, share.layers) != known:
            yield share
        known = (share.tokens, share.layers)


def _numbers(frame: LaneFrame) -> LaneNumbers:
    numbers = {name: _short(name, value) for name, value in frame.items() if name in LaneNumbers.__annotations__}
    return cast(LaneNumbers, numbers)


def _short(name: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, 3) if name == "seconds" else rounded(value, 5)


def _short_point(point: CurvePoint) -> CurvePoint:
    return point._replace(
        perplexity=rounded(point.perplexity, 5),
        ms_per_token=rounded(point.ms_per_token, 3),
        seconds=round(point.seconds, 3),
    )


def spread(count: int, most: int) -> list[int]:
    """At most so many indices, evenly, the first and the last among them."""
    if count <= most:
        return list(range(count))
    if most < 2:
        return [count - 1][:most]
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]
