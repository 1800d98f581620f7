"""A dialogue kept in a file, as docs/recording-format.md describes it, and taken from it as the history of another."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

from comparisons.files import write_whole
from comparisons.metrics import rounded
from comparisons.paths import DIALOGUES
from comparisons.recordings import files
from comparisons.runs.dialogue.frames import DialogueHeader, DialogueReason, DialogueStatus
from comparisons.runs.dialogue.records import TurnRecord
from comparisons.runs.dialogue.speaker import Answered
from comparisons.runs.dialogue.telling import DialogueTeller
from comparisons.runs.shapes import STRICT, Count, Items, Words
from comparisons.text.chat import ChatForm
from comparisons.text.requests import Request
from comparisons.text.told import told_history
from streaming.errors import SettingsError
from streaming.models import LoadedModel

__all__ = [
    "FORMAT",
    "VERSION",
    "DialogueLaneRecording",
    "DialogueRecording",
    "beginning",
    "history",
    "later",
    "load",
    "recorded",
    "save",
    "shipped",
]

FORMAT: Literal["streaming-dialogue"] = "streaming-dialogue"
VERSION = 1

_BEFORE = 2
"""Turns that are answered before a dense lane leaves its training length."""

_SHORTEST_TURN = 10
"""Tokens: shorter ones would not be seen."""


class DialogueLaneRecording(BaseModel):
    """One lane."""

    model_config = STRICT

    policy: str
    kind: str
    sinks: Count
    recent: Count
    status: DialogueStatus
    reason: DialogueReason | None
    message: Words
    broke: Count | None
    turns: Items[TurnRecord]


class DialogueRecording(BaseModel):
    """One dialogue; the fields are those of the file."""

    model_config = STRICT

    format: Literal["streaming-dialogue"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION)] = VERSION
    header: DialogueHeader
    lanes: Annotated[Items[DialogueLaneRecording], Field(min_length=1)]

    @field_validator("lanes")
    @classmethod
    def _all_different(cls, lanes: list[DialogueLaneRecording]) -> list[DialogueLaneRecording]:
        if len({lane.policy for lane in lanes}) < len(lanes):
            raise PydanticCustomError("lanes", "the same policy twice")
        return lanes


class _DialogueFile(DialogueRecording):
    """One as a file has it: it says what it is."""

    format: Literal["streaming-dialogue"]
    version: Annotated[int, Field(ge=1, le=VERSION)]


def recorded(teller: DialogueTeller) -> DialogueRecording:
    """What a dialogue has come to so far."""
    frame = teller.whole()
    lanes = [
        DialogueLaneRecording(
            policy=lane["label"],
            kind=lane["kind"],
            sinks=lane["sinks"],
            recent=lane["recent"],
            status=lane["status"],
            reason=lane["reason"],
            message=lane["message"],
            broke=lane["broke"],
            turns=[_rounded(turn) for turn in lane["turns"]["items"]],
        )
        for lane in frame["lanes"]
    ]
    return DialogueRecording(header=frame["header"], lanes=lanes)


def _rounded(turn: TurnRecord) -> TurnRecord:
    """Its measured numbers with as many digits as a file needs."""
    return {
        **turn,
        "perplexity": rounded(turn["perplexity"], 5),
        "perplexity_latest": rounded(turn["perplexity_latest"], 5),
        "first_token_ms": rounded(turn["first_token_ms"], 5),
        "ms_per_token": rounded(turn["ms_per_token"], 5),
        "repetition": rounded(turn["repetition"], 5),
        "repetition_latest": rounded(turn["repetition_latest"], 5),
        "broken_words": rounded(turn["broken_words"], 5),
    }


def dumps(recording: DialogueRecording) -> str:
    """The text of a recording's file."""
    return recording.model_dump_json(exclude_none=False)


def save(recording: DialogueRecording, path: Path) -> None:
    """Write a recording."""
    write_whole(path, dumps(recording))


def load(path: Path) -> DialogueRecording:
    """Read a recording.

    Raises:
        RecordingError: there is none, or it is damaged; the message says where.
    """
    return files.read(path, partial(files.parse, _DialogueFile, DialogueRecording))


def shipped(folder: Path = DIALOGUES) -> DialogueRecording | None:
    """The longest of the recorded dialogues that come with the app; None where there is none."""
    return max(map(load, sorted(folder.glob("*.json"))), key=lambda kept: len(_lane_of(kept).turns), default=None)


def beginning(
    loaded: LoadedModel, turns: int, seed: int, kept: DialogueRecording | None = None
) -> tuple[list[Answered], int]:
    """What is read before the first turn that is answered, and the seed of the requests that go on from it.

    A model that knows the prompt stream alone has its own words; any other those of a recorded dialogue, whose requests
    ask for what was told in it.

    Args:
        loaded: the model.
        turns: so many of them.
        seed: of the dialogue.
        kept: the recorded dialogue, by default `shipped`.

    Raises:
        SettingsError: there is no such dialogue, or it has fewer turns.
    """
    if not turns:
        return [], seed
    if kept is None and ChatForm.of(loaded).lines:
        return told_history(seed, turns), seed
    kept = kept or shipped()
    if kept is None:
        raise SettingsError("There is no recorded dialogue to start later in: record one with `chat`, or begin at 0.")
    said = kept.header["settings"].get("seed")
    return history(kept, turns), said if isinstance(said, int) else seed


def later(loaded: LoadedModel) -> int:
    """So many turns are to be read that a dense lane leaves its training length a few turns on: 0 where none can be."""
    try:
        form = ChatForm.of(loaded)
        if form.lines:
            answered = told_history(0, loaded.context // _SHORTEST_TURN)
        else:
            kept = shipped()
            answered = [] if kept is None else history(kept, len(_lane_of(kept).turns))
    except SettingsError:
        return 0
    tokens = 0
    for turn, (request, answer) in enumerate(answered):
        tokens += len(form.message(request.text, first=turn == 0).ids) + len(form.reply(answer))
        if tokens > loaded.context:
            return max(0, turn - _BEFORE)
    return len(answered)


def _lane_of(recording: DialogueRecording) -> DialogueLaneRecording:
    """Whose answers others go on from: StreamingLLM's, or those of the first."""
    return next((lane for lane in recording.lanes if lane.kind == "sinks"), recording.lanes[0])


def history(recording: DialogueRecording, turns: int) -> list[Answered]:
    """The first turns of a recorded dialogue, with the answers of its StreamingLLM lane, or of its first.

    Raises:
        SettingsError: the recording has fewer turns.
    """
    lane = _lane_of(recording)
    if len(lane.turns) < turns:
        raise SettingsError(
            f"The recorded dialogue has {len(lane.turns)} turns: begin at one of these, not at {turns}."
        )
    return [
        (Request(index=record["turn"], kind=record["kind"], text=record["message"]), record["answer"])
        for record in lane.turns[:turns]
    ]
