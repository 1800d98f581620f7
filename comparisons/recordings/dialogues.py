"""A dialogue kept in a file, as docs/recording-format.md describes it, and taken from it as the history of another."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import torch
import transformers
from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

from comparisons.files import write_whole
from comparisons.recordings import files
from comparisons.runs.dialogue import Answered, Dialogue
from comparisons.runs.dialogue_lane import TurnRecord
from comparisons.runs.shapes import STRICT, Count, Items, Setting, Words
from comparisons.text.requests import Request
from streaming.errors import SettingsError
from streaming.models import LoadedModel

__all__ = [
    "FORMAT",
    "VERSION",
    "DialogueHeader",
    "DialogueLaneRecording",
    "DialogueRecording",
    "history",
    "load",
    "recorded",
    "save",
]

FORMAT: Literal["streaming-dialogue"] = "streaming-dialogue"
VERSION = 1


class DialogueHeader(BaseModel):
    """What was known before the dialogue began; `heard` counts the turns that were read as its history."""

    model_config = STRICT

    model: Words
    context: Count
    dtype: str
    device: str
    bytes_per_token: Count
    heard: Count
    settings: dict[str, Setting]
    versions: dict[str, str]
    recorded_at: str


class DialogueLaneRecording(BaseModel):
    """One lane."""

    model_config = STRICT

    policy: str
    status: Literal["waiting", "hearing", "answering", "stopped", "failed"]
    reason: str | None
    message: Words
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


def recorded(dialogue: Dialogue, loaded: LoadedModel) -> DialogueRecording:
    """What a dialogue has come to so far."""
    settings, sampling = dialogue.settings, dialogue.settings.sampling
    header = DialogueHeader(
        model=loaded.name,
        context=loaded.context,
        dtype=str(loaded.model.dtype).removeprefix("torch."),
        device=str(loaded.model.device),
        bytes_per_token=dialogue.bytes_per_token,
        heard=dialogue.heard,
        settings={
            "seed": settings.seed,
            "turns": settings.turns,
            "answer_tokens": settings.answer_tokens,
            "kv_budget_bytes": settings.kv_budget_bytes,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "repetition_penalty": sampling.repetition_penalty,
        },
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    records = dialogue.records()
    lanes = [
        DialogueLaneRecording(
            policy=frame["policy"],
            status=frame["status"],
            reason=frame["reason"],
            message=frame["message"],
            turns=records[frame["policy"]],
        )
        for frame in dialogue.frame()["lanes"]
    ]
    return DialogueRecording(header=header, lanes=lanes)


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


def history(recording: DialogueRecording, turns: int) -> list[Answered]:
    """The first turns of a recorded dialogue, with the answers of its StreamingLLM lane, or of its first.

    Raises:
        SettingsError: the recording has fewer turns.
    """
    lane = next((lane for lane in recording.lanes if lane.policy.startswith("sinks")), recording.lanes[0])
    if len(lane.turns) < turns:
        raise SettingsError(
            f"The recorded dialogue has {len(lane.turns)} turns: begin at one of these, not at {turns}."
        )
    return [
        (Request(index=record["turn"], kind=record["kind"], text=record["message"]), record["answer"])
        for record in lane.turns[:turns]
    ]
