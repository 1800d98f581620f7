"""The shape of a recording's file, as docs/recording-format.md describes it.

Whoever makes a `Recording` makes one that can be saved, loaded, played and compared: its fields are checked then.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from operator import attrgetter, itemgetter
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from comparisons.runs.frames import (
    Answer,
    CurvePoint,
    Event,
    Header,
    LaneNumbers,
    Piece,
    RssPoint,
    RunNumbers,
)
from comparisons.runs.shapes import STRICT, Count, Items, Number, Row, Seconds

__all__ = ["FORMAT", "VERSION", "LaneRecording", "Recording", "SinkShareMoment", "TextMoment"]

FORMAT: Literal["streaming-comparison"] = "streaming-comparison"
VERSION = 2


def _ascending(*keys: Callable[[Any], float]) -> AfterValidator:
    """The items never run back."""

    def check(items: list[Any]) -> list[Any]:
        for key in keys:
            if any(key(before) > key(after) for before, after in pairwise(items)):
                raise PydanticCustomError("order", "its items are not in order")
        return items

    return AfterValidator(check)


_BY_SECONDS = _ascending(itemgetter("seconds"))


class SinkShareMoment(NamedTuple):
    """A `SinkShareFrame` as known from a moment on; of no layers where it is not known."""

    seconds: Seconds
    tokens: Count
    layers: Items[Number]


TextMoment = TypedDict("TextMoment", {"seconds": Seconds, "from": Count, "pieces": Items[Piece]})
"""A `TextTail` as read at a moment."""


class LaneRecording(BaseModel):
    """One lane; the fields are those of the file."""

    model_config = STRICT

    label: str
    kind: str
    sinks: Count
    recent: Count
    moments: Annotated[Items[Annotated[LaneNumbers, Row()]], Field(min_length=1)]
    curve: Annotated[
        Items[Annotated[CurvePoint, Row()]], _ascending(attrgetter("token")), _ascending(attrgetter("seconds"))
    ]
    texts: Annotated[Items[TextMoment], _BY_SECONDS]
    answers: Items[Answer]
    events: Items[Event]
    shares: Annotated[Items[Annotated[SinkShareMoment, Row()]], _ascending(attrgetter("seconds"))] = []


def _with_source(header: object) -> object:
    """Recordings once knew prompts alone, and did not say so."""
    return {"source": "prompts", "source_characters": 0, **header} if isinstance(header, dict) else header


class Recording(BaseModel):
    """One run; the fields are those of the file."""

    model_config = STRICT

    format: Literal["streaming-comparison"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION), AfterValidator(lambda _: VERSION)] = VERSION
    header: Header
    moments: Annotated[Items[Annotated[RunNumbers, Row()]], Field(min_length=1), _BY_SECONDS]
    rss: Annotated[Items[Annotated[RssPoint, Row()]], _ascending(attrgetter("seconds"))]
    lanes: Annotated[Items[LaneRecording], Field(min_length=1)]

    @field_validator("lanes")
    @classmethod
    def _of_this_run(cls, lanes: list[LaneRecording], info: ValidationInfo) -> list[LaneRecording]:
        labels = [lane.label for lane in lanes]
        if len(set(labels)) < len(labels):
            raise PydanticCustomError("lanes", "the same label twice")
        if "header" in info.data and labels != info.data["header"]["lanes"]:
            raise PydanticCustomError("lanes", "not those of the header")
        if any(len(lane.moments) != len(info.data.get("moments", lane.moments)) for lane in lanes):
            raise PydanticCustomError("lanes", "not as many moments as the run has")
        return lanes


class RecordingFile(Recording):
    """A recording as a file has it: it says what it is."""

    format: Literal["streaming-comparison"]
    version: Annotated[int, Field(ge=1, le=VERSION)]
    header: Annotated[Header, BeforeValidator(_with_source)]
