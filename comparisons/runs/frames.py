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
    "Loading",
    "LoadingStage",
    "Reason",
    "RssPoint",
    "RssTail",
    "RunState",
    "Said",
    "SinkShareFrame",
    "Status",
    "TextTail",
    "Told",
    "Unanswered",
    "Waiting",
]

FRAME_VERSION = 1

Status = Literal["waiting", "reading", "answering", "paused", "stopped", "failed"]
Reason = Literal["kv-budget", "tokens", "seconds", "user", "end-of-text", "memory", "turn", "idle", "restart", "error"]
Unanswered = Literal["kv-budget", "ended", "error"]
RunState = Literal["running", "paused", "finished"]
EventKind = Literal["training-length", "first-eviction", "kv-budget", "stopped", "failed"]
LoadingStage = Literal["waiting", "looking up", "downloading", "converting", "loading", "stopped"]

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


class Said(TypedDict):
    """What a lane says to a visitor who asked after `at` tokens; `id` counts the questions of a run.

    Where it cannot answer, or not to the end, `reason` says why: there is no memory for it in the lane's budget, the
    lane has ended (and freed its cache), or an error, with its words in `message`.
    """

    id: int
    at: int
    question: str
    answer: str
    done: bool
    reason: Unanswered | None
    message: str


class Told(TypedDict):
    """A fact that the stream had told after `at` tokens: how to ask for it, and the words that answer it."""

    at: int
    question: str
    answer: str


class Event(TypedDict):
    """Something that happened once, after `at` tokens."""

    at: int
    kind: EventKind
    seconds: float


class SinkShareFrame(TypedDict):
    """How much of the attention went to the stream's first `tokens` tokens: a share from 0 to 1 for each layer."""

    tokens: int
    layers: list[float]


class LaneFrame(TypedDict):
    """One lane.

    `label` is its key, unique in a run. `tokens_per_second` is that of the last second, 0 at rest. `said` is about the
    latest question of a visitor; recordings keep none. `told` has some facts, the newest first.
    `sink_share` is None before it was measured, without a cache, and once the first tokens have been evicted.
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
    said: Said | None
    told: list[Told]
    sink_share: SinkShareFrame | None
    events: list[Event]


class Header(TypedDict):
    """What is known of a run before it begins; `window` and `stride` are the curve's, in tokens.

    `source` and `source_characters` say what is read, see `comparisons.text.feeds.Source`.
    """

    model: str
    context: int
    source: str
    source_characters: int
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


class Loading(TypedDict):
    """What stands in for frames while a run waits for its model.

    `run` can be stopped like a run. Bytes count from 0 in each stage; `total_bytes` is None where it is not known.
    """

    run: str
    state: Literal["loading"]
    model: str
    stage: LoadingStage
    done_bytes: int
    total_bytes: int | None


class Waiting(TypedDict):
    """What stands in for frames while a visitor waits for a place.

    `run` can be stopped like a run. `place` counts from 1, and is 0 in the last of these where the wait was given up.
    `wait_seconds` is rough: how long runs took lately, and how long they may take while others wait.
    """

    run: str
    state: Literal["queued"]
    place: int
    wait_seconds: float
