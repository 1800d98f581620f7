"""A dialogue kept in a file: its shape, saving and loading, and what is taken from it as the history of another one.

The file is one JSON object: `{"format": "streaming-dialogue", "version": 1, "header": {…}, "lanes": [{…}, …]}`. A lane
has the records of its turns as `comparisons.runs.dialogue_lane.TurnRecord` says them.
"""

from __future__ import annotations

import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Literal

import torch
import transformers
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from comparisons.files import write_whole
from comparisons.runs.dialogue import Answered, Dialogue
from comparisons.runs.dialogue_lane import TurnRecord
from comparisons.text.requests import Request
from streaming.errors import RecordingError, SettingsError
from streaming.models import LoadedModel

__all__ = ["DialogueHeader", "DialogueLaneRecording", "DialogueRecording", "history", "load", "recorded", "save"]

LONGEST_BYTES = 16 << 20

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class DialogueHeader(BaseModel):
    """What was known before the dialogue began; `heard` counts the turns that were read as its history."""

    model_config = _STRICT

    model: str
    context: Annotated[int, Field(ge=1)]
    dtype: str
    device: str
    bytes_per_token: Annotated[int, Field(ge=0)]
    heard: Annotated[int, Field(ge=0)]
    settings: dict[str, str | int | float]
    versions: dict[str, str]
    recorded_at: str


class DialogueLaneRecording(BaseModel):
    """One lane."""

    model_config = _STRICT

    policy: str
    status: Literal["waiting", "hearing", "answering", "stopped", "failed"]
    reason: str | None
    message: str
    turns: list[TurnRecord]


class DialogueRecording(BaseModel):
    """One dialogue; the fields are those of the file."""

    model_config = _STRICT

    format: Literal["streaming-dialogue"] = "streaming-dialogue"
    version: Literal[1] = 1
    header: DialogueHeader
    lanes: Annotated[list[DialogueLaneRecording], Field(min_length=1)]


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
        recorded_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
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


def save(recording: DialogueRecording, path: Path) -> None:
    """Write a recording."""
    write_whole(path, recording.model_dump_json(exclude_none=False).encode())


def load(path: Path) -> DialogueRecording:
    """Read a recording.

    Raises:
        RecordingError: there is none, or it is damaged; the message says where.
    """
    try:
        if path.stat().st_size > LONGEST_BYTES:
            raise RecordingError(f"{path} is larger than any dialogue: it must be another file.")
        return DialogueRecording.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise RecordingError(f"{path} is no whole recording of a dialogue: {where}: {first['msg']}.") from None


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
