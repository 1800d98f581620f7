"""Recordings of runs that never were, made from the types of the format: a field that is added is made, too."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le, MinLen
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from comparisons.recordings.format import LaneRecording, Recording


def of(kind: Any) -> st.SearchStrategy:
    """Values of a type, within the bounds that stand beside it."""
    bounds: list[Any] = []
    while get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        bounds += [bound for one in more for bound in (one.metadata if isinstance(one, FieldInfo) else [one])]
    least = next((bound.ge for bound in bounds if isinstance(bound, Ge)), None)
    most = next((bound.le for bound in bounds if isinstance(bound, Le)), None)
    if kind is int:
        return st.integers(least, most)
    if kind is float:
        return st.floats(least, most, allow_nan=False, allow_infinity=False)
    if get_origin(kind) is list:
        shortest = next((bound.min_length for bound in bounds if isinstance(bound, MinLen)), 0)
        return st.lists(of(get_args(kind)[0]), min_size=shortest, max_size=3)
    return _plain(kind)


def _plain(kind: Any) -> st.SearchStrategy:
    if kind in (None, NoneType):
        return st.none()
    if kind is bool:
        return st.booleans()
    if kind is str:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return st.one_of(*map(of, get_args(kind)))
    if get_origin(kind) is tuple:
        return st.tuples(*map(of, get_args(kind)))
    if get_origin(kind) is dict:
        return st.dictionaries(*map(of, get_args(kind)), max_size=2)
    return _record(kind)


def _record(kind: Any) -> st.SearchStrategy:
    if issubclass(kind, BaseModel):
        return st.fixed_dictionaries(fields_of(kind)).map(lambda fields: kind(**fields))
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        optional = {name: of(get_args(hint)[0]) for name, hint in hints.items() if get_origin(hint) is NotRequired}
        required = {name: of(hint) for name, hint in hints.items() if name not in optional}
        return st.fixed_dictionaries(required, optional=optional)
    fields = {name: of(each) for name, each in hints.items()}
    return st.tuples(*fields.values()).map(kind._make)


def fields_of(model: Any, *names: str) -> dict[str, st.SearchStrategy]:
    """Values of a model's fields."""
    types = get_type_hints(model, include_extras=True)
    return {name: of(types[name]) for name in names or model.model_fields}


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """A recording whose lists are in order and whose lanes are those of its header."""
    labels = draw(st.lists(st.text("ab:", max_size=3), min_size=1, max_size=3, unique=True))
    lane, run = fields_of(LaneRecording), fields_of(Recording, "header", "moments", "rss")
    moments = sorted(draw(run["moments"]), key=lambda moment: moment["seconds"])
    return Recording(
        header={**draw(run["header"]), "lanes": labels},
        moments=moments,
        rss=sorted(draw(run["rss"]), key=lambda point: point.seconds),
        lanes=[_lane(draw, lane, label, len(moments)) for label in labels],
    )


def _lane(draw: st.DrawFn, fields: dict[str, st.SearchStrategy], label: str, moments: int) -> LaneRecording:
    drawn = {name: draw(values) for name, values in fields.items() if name != "label"}
    tokens, seconds = sorted(p.token for p in drawn["curve"]), sorted(p.seconds for p in drawn["curve"])
    places = zip(drawn["curve"], tokens, seconds, strict=True)
    drawn["curve"] = [point._replace(token=token, seconds=at) for point, token, at in places]
    drawn["texts"].sort(key=lambda text: text["seconds"])
    drawn["shares"].sort(key=lambda share: share.seconds)
    drawn["moments"] = [drawn["moments"][0]] * moments
    return LaneRecording(**drawn, label=label)
