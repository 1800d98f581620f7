"""What a dialogue tells: plain dicts, fit for `json.dumps(frame, allow_nan=False)`.

They are what `comparisons.runs.frames` has of the other kind of run, in the same units and with the same care: the
`turns` of a frame overlap those of the frame before.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypeGuard

from typing_extensions import TypedDict

from comparisons.runs.dialogue.records import Saying, TurnRecord
from comparisons.runs.frames import Frame, LanePolicy, Loading, Reason, RunState, Waiting
from comparisons.runs.shapes import Count, Items, Setting, Words

__all__ = [
    "DialogueFrame",
    "DialogueHeader",
    "DialogueLaneFrame",
    "DialogueReason",
    "DialogueStatus",
    "TurnTail",
    "is_dialogue",
]

DialogueStatus = Literal["waiting", "hearing", "answering", "paused", "stopped", "failed"]
DialogueReason = Reason | Literal["turns"]


class DialogueHeader(TypedDict):
    """What was known before the dialogue began; `heard` counts the turns that were read as its history."""

    model: Words
    context: Count
    dtype: str
    device: str
    bytes_per_token: Count
    heard: Count
    settings: dict[str, Setting]
    versions: dict[str, str]
    recorded_at: str


TurnTail = TypedDict("TurnTail", {"from": Count, "items": Items[TurnRecord]})
"""The turns that a lane answered: the `from`-th, and those after it."""


class DialogueLaneFrame(LanePolicy):
    """A lane as it is now.

    `done` counts its answers, `heard` the turns of the history that it has read, `saying` is the answer that it is at,
    and `broke` the turn at which it broke down (`comparisons.runs.dialogue.breaking`).
    """

    status: DialogueStatus
    reason: DialogueReason | None
    message: Words
    heard: Count
    done: Count
    tokens: Count
    kv_bytes: Count
    cache_tokens: Count
    broke: Count | None
    saying: Saying | None
    turns: TurnTail


class DialogueFrame(TypedDict):
    """A dialogue as it is now; the last frame is "finished". The first, and one for who comes back, have a header."""

    version: int
    kind: Literal["dialogue"]
    run: str
    seq: int
    seconds: float
    state: RunState
    recorded: bool
    header: NotRequired[DialogueHeader]
    token: NotRequired[str]
    lanes: list[DialogueLaneFrame]


def is_dialogue(told: Frame | DialogueFrame | Loading | Waiting) -> TypeGuard[DialogueFrame]:
    """Whether this is told of a dialogue that has begun."""
    return told.get("kind") == "dialogue"
