from __future__ import annotations

import json
import math

import pytest

from comparisons.recordings import schema
from streaming.errors import RecordingError

POINT = schema.record({"at": schema.whole, "height": schema.optional(schema.number), "name": schema.text})
CURVE = schema.record({"points": schema.list_of(POINT, least=1), "kind": schema.one_of("a", "b"), "live": schema.flag})
GOOD = {
    "points": [{"at": 3, "height": None, "name": "x"}, {"at": 4, "height": 2.5, "name": ""}],
    "kind": "a",
    "live": True,
}


def test_what_is_right_passes():
    CURVE(GOOD, "")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"at": 4', '"at": -4', "points[1].at"),
        ('"at": 4', '"at": 4.0', "points[1].at"),
        ('"at": 4', '"at": true', "points[1].at"),
        ('"at": 4', '"at": ' + "9" * 400, "points[1].at"),
        ("2.5", '"2.5"', "points[1].height"),
        ("2.5", "1e999", "points[1].height"),
        ("2.5", "-" + "9" * 400, "points[1].height"),
        ('"name": ""', '"name": null', "points[1].name"),
        ('"name": ""', '"nome": ""', "points[1]"),
        ('"kind": "a"', '"kind": "c"', "kind"),
        ('"kind": "a"', '"kind": ["a"]', "kind"),
        ('"live": true', '"live": 1', "live"),
        ('"live": true', '"live": true, "more": 1', "its fields"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(old, new, where):
    text = json.dumps(GOOD)
    assert old in text
    with pytest.raises(RecordingError) as caught:
        CURVE(json.loads(text.replace(old, new)), "")
    assert f"damaged at {where}:" in str(caught.value)


@pytest.mark.parametrize("value", [{"points": []}, [], None, "points", 3])
def test_the_wrong_kind_of_thing_is_refused(value):
    with pytest.raises(RecordingError):
        CURVE(value, "")


def test_rows_have_their_columns():
    pair = schema.row(schema.seconds, schema.named(schema.setting))
    pair([0.5, {}], "")
    pair([0.5, {"a": None, "b": [1, "two", 3.5, True, None]}], "")
    for wrong in ([0.5], [0.5, {}, 1], (0.5, {}), [-1, {}], [1e9, {}], [math.nan, {}], [1, []], [1, {"a": {}}],
                  [1, {"a": [[1]]}], [1, {"a": math.inf}], [1, {"a": ["\ud800"]}], [1, {"\udfff": 1}]):  # fmt: skip
        with pytest.raises(RecordingError):
            pair(wrong, "x")


def test_a_field_that_came_later_may_be_missing_but_not_wrong():
    check = schema.record({"old": schema.whole, "new": schema.text}, later=("new",))
    check({"old": 1}, "")
    check({"old": 1, "new": ""}, "")
    for wrong in ({"new": ""}, {"old": 1, "new": 2}, {"old": 1, "other": ""}):
        with pytest.raises(RecordingError):
            check(wrong, "")
