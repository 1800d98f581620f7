"""What the values of records may be, said once: for whoever reads the types, and for pydantic, which checks them.

Records are checked where they leave a run (`comparisons.runs.frames.checked`) and where they come out of a file or go
into one (`comparisons.recordings.format`). To Python they stay plain numbers, strings, lists, dicts and tuples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import BeforeValidator, ConfigDict, FailFast, Field, GetCoreSchemaHandler, ValidationError, WrapValidator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import is_typeddict

__all__ = ["STRICT", "Count", "Items", "Measured", "Number", "Row", "Seconds", "Setting", "Words"]

MOST_COUNT = 2**53
"""The largest whole number that every reader of JSON keeps exactly."""

MOST_NUMBER = 1e300
MOST_SECONDS = 1e8

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)
"""No value is taken for one of another type, and no field is unknown."""

T = TypeVar("T")

Items = Annotated[list[T], FailFast()]
"""A list; of the items that are wrong, the first is named."""

Count = Annotated[int, Field(ge=0, le=MOST_COUNT)]
Number = Annotated[float, Field(ge=-MOST_NUMBER, le=MOST_NUMBER, allow_inf_nan=False)]

Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]
"""A time from 0 on, of less than a few years."""


@dataclass(frozen=True)
class _NullUnlessFinite:
    """What a run gives is made None where it is no finite number; a file says null, and nothing else will do."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = handler(source)
        from_a_run = core_schema.no_info_before_validator_function(_finite, number)
        return core_schema.json_or_python_schema(json_schema=number, python_schema=from_a_run)


def _finite(value: object) -> object:
    known = not isinstance(value, float) or abs(value) <= MOST_NUMBER  # NaN is not, either
    return value if known else None


Measured = Annotated[Number | None, _NullUnlessFinite()]
"""A number that may not be known, or not be finite: None then."""


def _writable(words: object) -> object:
    return words.encode("utf-8", "replace").decode() if isinstance(words, str) else words


Words = Annotated[str, BeforeValidator(_writable)]
"""A text with names in it, of files and models: what of them is no Unicode (half a surrogate pair) becomes "?"."""


@dataclass(frozen=True)
class Row:
    """Marks a record that a file has as a list of its values, in the order of its fields."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        types = get_type_hints(source, include_extras=True)
        row = handler.generate_schema(tuple[tuple(types.values())])  # type: ignore[misc]  # known only here

        def named(values: tuple[Any, ...]) -> dict[str, Any]:
            return dict(zip(types, values, strict=True))

        if not is_typeddict(source):
            return core_schema.no_info_after_validator_function(source._make, row)
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(
                lambda row: dict(zip(types, row, strict=True)), row
            ),
            python_schema=handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda record: [record[name] for name in types], when_used="json"
            ),
        )


def _plain(value: object, handler: Any) -> object:
    try:
        return handler(value)
    except ValidationError:
        words = "a setting is a number, a text, true, false, null, or a list of these"
        raise PydanticCustomError("setting", words) from None


_Whole = Annotated[int, Field(ge=-MOST_COUNT, le=MOST_COUNT)]
_Scalar = _Whole | Number | str | bool | None

Setting = Annotated[_Scalar | list[_Scalar], WrapValidator(_plain)]
"""A number, a text, true, false, null, or a list of these."""
