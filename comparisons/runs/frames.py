"""The records that a run gives: plain dicts, fit for `json.dumps(frame, allow_nan=False)`, each said once.

The page, the terminal, the recorder and the tests all read these; a recording is made of the same ones. A frame holds
the present numbers and the *ends* of everything that grows: each end says the absolute index of its first item, and
overlaps the frame before, so a reader that misses a frame misses nothing. A number that is not there, or not finite,
is None: `checked` sees to it.

Units: `..._bytes` bytes; `seconds` running time of the run, pauses not counted; `ms_per_token` milliseconds
of the lane's own work; nll nats; perplexity is exp of a mean nll.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Annotated, Literal, NamedTuple, NotRequired

from pydantic import BeforeValidator, TypeAdapter, with_config
from typing_extensions import TypedDict

from comparisons.runs.shapes import STRICT, Count, Items, Measured, Number, Row, Seconds, Setting, Words

__all__ = [
    "FRAME_VERSION",
    "TAIL_ANSWERS",
    "TAIL_POINTS",
    "TAIL_TOKENS",
    "Answer",
    "AnswerTail",
    "AttentionFrame",
    "CurvePoint",
    "CurveTail",
    "Event",
    "EventKind",
    "Frame",
    "Header",
    "Judged",
    "LaneFrame",
    "LaneNumbers",
    "LanePolicy",
    "Loading",
    "LoadingStage",
    "Piece",
    "Reason",
    "RssPoint",
    "RssTail",
    "RunNumbers",
    "RunState",
    "Said",
    "SinkShareFrame",
    "Status",
    "TextTail",
    "Told",
    "Unanswered",
    "Waiting",
    "checked",
]

FRAME_VERSION = 1

TAIL_TOKENS = 160
"""Tokens of text in a frame, at most."""

TAIL_POINTS = 40
"""Points of the curve in a frame, at least (where there are so many)."""

TAIL_ANSWERS = 3
"""Answers in a frame, at most."""

Status = Literal["waiting", "reading", "answering", "paused", "stopped", "failed"]
Reason = Literal["kv-budget", "tokens", "seconds", "user", "end-of-text", "memory", "turn", "idle", "restart", "error"]
Unanswered = Literal["kv-budget", "ended", "error"]
RunState = Literal["running", "paused", "finished"]
EventKind = Literal["training-length", "first-eviction", "kv-budget", "sinks-aside", "sinks-back", "stopped", "failed"]
LoadingStage = Literal["waiting", "looking up", "downloading", "converting", "loading", "stopped"]


class CurvePoint(NamedTuple):
    """After `token` tokens: perplexity of the sliding window, KV bytes in use, ms per token since the last point."""

    token: Count
    perplexity: Measured
    kv_bytes: Count
    ms_per_token: Number
    seconds: Seconds


class RssPoint(NamedTuple):
    """Resident bytes of the process; `token` is the most that any lane had read."""

    token: Count
    rss_bytes: Count
    seconds: Seconds


Piece = tuple[str, Measured]
"""Text and nll of a token; the text is "" while its character is incomplete."""

CurveTail = TypedDict("CurveTail", {"from": Count, "points": Items[Annotated[CurvePoint, Row()]]})
"""Points `from`, `from` + 1, …; in a live run point i stands at token (i + 1) * stride, in a recording they
are thinned."""

RssTail = TypedDict("RssTail", {"from": Count, "points": Items[Annotated[RssPoint, Row()]]})

TextTail = TypedDict("TextTail", {"from": Count, "pieces": Items[Piece]})
"""The stream's tokens `from`, `from` + 1, …"""


class Answer(TypedDict):
    """What a lane said to a prompt after `at` tokens; `reference` is the stream's own reply.

    Lanes answer the same turns. The prompt asks for something that the turn after `told_at` tokens told: `in_cache`
    says whether this lane still holds that whole turn, `right` whether the answer, once done, holds what was
    `expected`. Recordings from before answers were judged have none of the three.
    """

    turn: Count
    at: Count
    seconds: Seconds
    prompt: str
    reference: str
    expected: str | None
    answer: str
    done: bool
    told_at: NotRequired[Count]
    in_cache: NotRequired[bool]
    right: NotRequired[bool | None]


class Judged(TypedDict):
    """How many answers of a lane were judged, and how many of them were right."""

    asked: Count
    right: Count


AnswerTail = TypedDict("AnswerTail", {"from": Count, "items": Items[Answer]})


class Said(TypedDict):
    """What a lane says to a visitor who asked after `at` tokens; `id` counts the questions of a run.

    Where it cannot answer, or not to the end, `reason` says why: there is no memory for it in the lane's budget, the
    lane has ended (and freed its cache), or an error, with its words in `message`.
    """

    id: Count
    at: Count
    question: str
    answer: str
    done: bool
    reason: Unanswered | None
    message: str


class Told(TypedDict):
    """A fact that the stream had told after `at` tokens: how to ask for it, and the words that answer it."""

    at: Count
    question: str
    answer: str


class Event(TypedDict):
    """Something that happened once, after `at` tokens."""

    at: Count
    kind: EventKind
    seconds: Seconds


class SinkShareFrame(TypedDict):
    """How much of the attention went to the stream's first `tokens` tokens: a share from 0 to 1 for each layer."""

    tokens: Count
    layers: Items[Number]


def _known(share: SinkShareFrame | None) -> SinkShareFrame | None:
    return share if share is None or all(map(math.isfinite, share["layers"])) else None


class AttentionFrame(TypedDict):
    """What token `at` of the stream gave to the tokens that it saw, in ten thousandths, a mean over heads.

    A row for each layer: the stream's `first` tokens, then the latest in sight up to the token itself.
    """

    at: Count
    first: Count
    layers: Items[Items[Count]]


class LanePolicy(TypedDict):
    """What names a lane: `label`, its key, is unique in a run; `recent` is 0 where there is no limit."""

    label: str
    kind: str
    sinks: Count
    recent: Count


class LaneNumbers(TypedDict):
    """A lane's numbers at one moment.

    `tokens_per_second` is that of the last second, 0 at rest; `perplexity` over the sliding window, `perplexity_total`
    over the stream.
    """

    tokens: Count
    status: Status
    reason: Reason | None
    message: Words
    kv_bytes: Count
    kv_allocated_bytes: Count
    cache_tokens: Count
    seconds: Seconds
    tokens_per_second: Number
    ms_per_token: Measured
    perplexity: Measured
    perplexity_total: Measured


class LaneFrame(LanePolicy, LaneNumbers):
    """One lane.

    `said` is about the latest question of a visitor; recordings keep none. `told` has some facts, the newest first.
    `sinks_aside` says that the visitor took the sinks away. `sink_share` is None before it was measured, without a
    cache, and once the first tokens have been evicted; `attention` also where the model attends in its own way. It is
    not recorded.
    """

    curve: CurveTail
    text: TextTail
    answers: AnswerTail
    judged: Judged
    said: Said | None
    told: Items[Told]
    sink_share: Annotated[SinkShareFrame | None, BeforeValidator(_known)]
    attention: NotRequired[AttentionFrame | None]
    sinks_aside: bool
    events: Items[Event]


class Header(TypedDict):
    """What is known of a run before it begins; `window` and `stride` are the curve's, in tokens.

    `source` and `source_characters` say what is read, see `comparisons.text.feeds.Source`.
    """

    model: Words
    context: Count
    source: Words
    source_characters: Count
    seed: Count
    kv_budget_bytes: Count
    bytes_per_token: Count
    window: Count
    stride: Count
    lanes: Items[str]
    settings: dict[str, Setting]
    versions: dict[str, str]
    recorded_at: str


class RunNumbers(TypedDict):
    """The run's numbers at one moment; `rss_bytes` is the resident memory of the process."""

    seconds: Seconds
    state: RunState
    rss_bytes: Count


@with_config(STRICT)
class Frame(RunNumbers):
    """One moment of a run; the last frame is "finished".

    `seq` 0 carries the header, as does the first that a reader gets who comes back after a lost connection; on a server
    with it goes the `token` that lets a reader come back (`comparisons.server.sessions`).
    """

    version: int
    run: str
    seq: Count
    recorded: bool
    header: NotRequired[Header]
    token: NotRequired[str]
    rss: RssTail
    lanes: Items[LaneFrame]


@cache
def _frames() -> TypeAdapter[Frame]:
    return TypeAdapter(Frame)


def checked(frame: Frame) -> Frame:
    """The frame as all who read it may expect it: None for every number that is not finite.

    Raises:
        pydantic.ValidationError: it is no frame, which is a fault of whoever made it.
    """
    return _frames().validate_python(frame)


class Loading(TypedDict):
    """What stands in for frames while a run waits for its model.

    `run` can be stopped like a run. Bytes count from 0 in each stage; `total_bytes` is None where it is not known.
    """

    run: str
    state: Literal["loading"]
    model: str
    token: NotRequired[str]
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
    token: NotRequired[str]
    place: int
    wait_seconds: float
