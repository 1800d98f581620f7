"""The records that a run gives: plain dicts, fit for `json.dumps(frame, allow_nan=False)`.

The page, the terminal, the recorder and the tests all read these. A frame holds the present numbers and the
*ends* of everything that grows: each end says the absolute index of its first item, and overlaps the frame
before, so a reader that misses a frame misses nothing. A number that is not there, or not finite, is None.

Units: `..._bytes` bytes; `seconds` running time of the run, pauses not counted; `ms_per_token` milliseconds
of the lane's own work; nll nats; perplexity is exp of a mean nll.
"""

from __future__ import annotations

from typing import Literal, TypedDict

__all__ = [
    "FRAME_VERSION",
    "Answer",
    "AnswerTail",
    "CurvePoint",
    "CurveTail",
    "Event",
    "EventKind",
    "Frame",
    "Header",
    "LaneFrame",
    "Reason",
    "RssPoint",
    "RssTail",
    "RunState",
    "Status",
    "TextTail",
]

FRAME_VERSION = 1

Status = Literal["waiting", "reading", "answering", "paused", "stopped", "failed"]
Reason = Literal["kv-budget", "tokens", "seconds", "user", "end-of-text", "error"]
RunState = Literal["running", "paused", "finished"]
EventKind = Literal["training-length", "first-eviction", "kv-budget", "stopped", "failed"]

CurvePoint = tuple[int, float | None, int, float, float]
"""Tokens read, perplexity of the sliding window, KV bytes in use, ms per token since the last point,
seconds."""

RssPoint = tuple[int, int, float]
"""The most tokens that any lane had read, resident bytes of the process, seconds."""

CurveTail = TypedDict("CurveTail", {"from": int, "points": list[CurvePoint]})
"""Points `from`, `from` + 1, …; in a live run point i stands at token (i + 1) * stride, in a recording they
are thinned."""

RssTail = TypedDict("RssTail", {"from": int, "points": list[RssPoint]})

TextTail = TypedDict("TextTail", {"from": int, "pieces": list[tuple[str, float | None]]})
"""Text and nll of the stream's tokens `from`, `from` + 1, …; a text is "" while its character is
incomplete."""


class Answer(TypedDict):
    """What a lane said to a prompt after `at` tokens; `reference` is the stream's own reply."""

    turn: int
    at: int
    seconds: float
    prompt: str
    reference: str
    expected: str | None
    answer: str
    done: bool


AnswerTail = TypedDict("AnswerTail", {"from": int, "items": list[Answer]})


class Event(TypedDict):
    """Something that happened once, after `at` tokens."""

    at: int
    kind: EventKind
    seconds: float


class LaneFrame(TypedDict):
    """One lane.

    `label` is its key, unique in a run. `tokens_per_second` is that of the last second, 0 at rest.
    """

    label: str
    kind: str
    sinks: int
    recent: int
    tokens: int
    status: Status
    reason: Reason | None
    message: str
    kv_bytes: int
    kv_allocated_bytes: int
    cache_tokens: int
    seconds: float
    tokens_per_second: float
    ms_per_token: float | None
    perplexity: float | None
    perplexity_total: float | None
    curve: CurveTail
    text: TextTail
    answers: AnswerTail
    events: list[Event]


class Header(TypedDict):
    """What is known of a run before it begins; `window` and `stride` are the curve's, in tokens."""

    model: str
    context: int
    seed: int
    kv_budget_bytes: int
    bytes_per_token: int
    window: int
    stride: int
    lanes: list[str]
    settings: dict[str, object]
    versions: dict[str, str]
    recorded_at: str


class _Headed(TypedDict, total=False):
    header: Header


class Frame(_Headed):
    """One moment of a run; `seq` 0 alone carries the header, the last frame is "finished"."""

    version: int
    run: str
    seq: int
    seconds: float
    state: RunState
    recorded: bool
    rss_bytes: int
    rss: RssTail
    lanes: list[LaneFrame]
