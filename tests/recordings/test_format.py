from __future__ import annotations

import copy
import json
import math
import re
from functools import cache
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from comparisons.commands.compare import report
from comparisons.commands.run import KEPT
from comparisons.paths import RECORDINGS
from comparisons.recordings import files, player
from comparisons.recordings.compare import compare
from comparisons.recordings.dialogues import DialogueLaneRecording, DialogueRecording
from comparisons.recordings.format import (
    FORMAT,
    VERSION,
    LaneRecording,
    Recording,
    SinkShareMoment,
    TextMoment,
)
from comparisons.runs.dialogue.frames import DialogueHeader
from comparisons.runs.dialogue.records import TurnRecord
from comparisons.runs.frames import (
    Answer,
    CurvePoint,
    Event,
    EventKind,
    Header,
    LaneNumbers,
    Reason,
    RssPoint,
    RunNumbers,
    RunState,
    Status,
)
from streaming.errors import RecordingError
from tests.support.made import recordings
from tests.support.recorded import content, small
from tests.support.serving import ROOT


def refused(data: str | bytes) -> str:
    """Why it is refused."""
    with pytest.raises(RecordingError) as caught:
        files.loads(data)
    return str(caught.value)


def test_a_file_that_is_cut_short_anywhere_is_refused():
    whole = small().encode()
    assert files.loads(whole).moments
    for cut in range(len(whole)):
        assert "cut short" in refused(whole[:cut])


def usable(recording: Recording) -> None:
    """It can be shown, played, compared, and kept again as it is."""
    assert files.loads(files.dumps(recording)) == recording
    for frame in (player.overview(recording), *player.play(recording, math.inf)):
        json.dumps(frame, allow_nan=False, ensure_ascii=False).encode()
    report(compare(recording, recording), "a", "b").encode()


WORDS = re.compile(r"damaged at .+ \(|whole JSON|no recording|newer version")


def loads_or_names_the_place(data: bytes) -> None:
    try:
        recording = files.loads(data)
    except RecordingError as error:
        said = str(error)
    else:
        return usable(recording)
    assert WORDS.search(said) and said.isprintable() and len(said) < 400


def places(thing, path=()):
    """Paths to everything in a JSON document."""
    yield path
    if isinstance(thing, (dict, list)):
        for key, value in thing.items() if isinstance(thing, dict) else enumerate(thing[:3]):
            yield from places(value, (*path, key))


@cache
def all_places() -> list[tuple]:
    return [
        place
        for place in places(content())
        if place and place[:2] not in (("header", "settings"), ("header", "versions"))
    ]


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, -1),
    st.just([]),
    st.just({}),
    st.just("odd"),
    st.just([["odd"]]),
    st.floats(5e8, 1e9),
)


@given(st.data())
@settings(deadline=None)
def test_a_damaged_place_is_named_or_harmless(data):
    damaged = copy.deepcopy(content())
    *way, key = data.draw(st.sampled_from(all_places()))
    spot = damaged
    for step in way:
        spot = spot[step]
    if data.draw(st.booleans()):
        del spot[key]
    else:
        spot[key] = data.draw(ODD)
    loads_or_names_the_place(json.dumps(damaged).encode())


SHARDS = st.one_of(
    st.binary(max_size=4),
    st.sampled_from(
        ["NaN", "-Infinity", "1e999", "-1e999", "1" * 400, "1" * 5000, "1.5", "-1", "0.0", "true", "null", '""',
         '"\\ud800"', '"\\u0000"', "[" * 2000, "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, "{}", "[]",
         '"version":3,', '"version":1', '"format":"streaming-comparison",', '"lanes":[],', '"seed":1,"seed":2', ","]
    ).map(str.encode),
)  # fmt: skip

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*|true|false|null')


@given(st.data())
@settings(max_examples=300)
def test_whatever_is_spliced_into_a_file_it_loads_or_names_the_place(data):
    whole = small().encode()
    for _ in range(data.draw(st.integers(1, 2))):
        begin, end = data.draw(st.one_of(st.sampled_from(tokens(whole)), st.tuples(*[st.integers(0, len(whole))] * 2)))
        whole = whole[:begin] + data.draw(SHARDS) + whole[end:]
    loads_or_names_the_place(whole)


@pytest.mark.parametrize("odd", [b"1e999", b"1" * 400, b'"\\udfff"', b"[[1]]", b"{}", b"-1", b"1.5"])
def test_a_header_with_an_odd_value_anywhere_loads_or_names_the_place(odd):
    whole = small().encode()
    for begin, end in tokens(whole[: whole.index(b'"moments"')]):
        loads_or_names_the_place(whole[:begin] + odd + whole[end:])


def tokens(data: bytes) -> list[tuple[int, int]]:
    return [found.span() for found in TOKEN.finditer(data)] or [(0, 0)]


@given(st.data())
@settings(max_examples=200)
def test_whatever_value_stands_where_another_belongs_it_loads_or_names_the_place(data):
    odd = copy.deepcopy(json.loads(small()))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, key = data.draw(st.sampled_from([place for place in places(odd) if place]))
        spot = odd
        for step in way:
            spot = spot[step]
        if isinstance(spot, dict) and data.draw(st.booleans()):
            key = data.draw(st.text(max_size=3))
        spot[key] = data.draw(ANYTHING)
    loads_or_names_the_place(json.dumps(odd).encode())


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"seed": 0,', '"seed": -4,', "header.seed"),
        ('"seed": 0,', '"seed": 0.0,', "header.seed"),
        ('"seed": 0,', '"seed": true,', "header.seed"),
        ('"seed": 0,', '"seed": ' + "9" * 400 + ",", "header.seed"),
        ('"seed": 0,', "", "header.seed"),
        ('"seed": 0,', '"seed": 0, "more": 1,', "header.more"),
        ('"seed": 0,', '"seed": 0, "\\u001b[2J": 1,', "header. [2J"),
        ('"chunk": 256', '"chunk": [[1]]', "header.settings.chunk"),
        ('"chunk": 256', '"chunk": 1e999', "header.settings.chunk"),
        ('"chunk": 256', '"chunk": {}', "header.settings.chunk"),
        ('"torch": "', '"torch": 1, "x": "', "header.versions.torch"),
        ('"running"', '"flying"', "moments[0][1]"),
        ('"running"', '["running"]', "moments[0][1]"),
        ('["“é", 1.5]', '["“é", "1.5"]', "lanes[0].texts[0].pieces[1][1]"),
        ('["“é", 1.5]', '["“é", 1e999]', "lanes[0].texts[0].pieces[1][1]"),
        ('["“é", 1.5]', '["“é", NaN]', "lanes[0].texts[0].pieces[1][1]"),
        ('["“é", 1.5]', '["“é", -' + "9" * 400 + "]", "lanes[0].texts[0].pieces[1][1]"),
        ('["“é", 1.5]', '["“é"]', "lanes[0].texts[0].pieces[1][1]"),
        ('["“é", 1.5]', '["“é", 1.5, 2]', "lanes[0].texts[0].pieces[1]"),
        ('["“é", 1.5]', "[null, 1.5]", "lanes[0].texts[0].pieces[1][0]"),
        ('"done": true', '"done": 1', "lanes[0].answers[0].done"),
        ('"training-length"', '"birthday"', "lanes[0].events[0].kind"),
        ('"label": "sinks:4+28"', '"label": "dense"', "lanes"),
        ('"lanes": ["dense", ', '"lanes": [', "lanes"),
        ('"lanes": [{', '"lanes": [], "x": [{', "lanes"),
    ],
)
def test_what_is_wrong_is_named_by_its_place_with_what_belongs_there(old, new, place):
    assert old in small()
    said = refused(small().replace(old, new, 1))
    assert f"damaged at {place} (" in said
    assert said.endswith("): get the file again, or record the run again.")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("moments",), "moments"),
        (("rss",), "rss"),
        (("lanes", 0, "moments"), "lanes"),
        (("lanes", 1, "curve"), "lanes[1].curve"),
        (("lanes", 1, "texts"), "lanes[1].texts"),
    ],
)
def test_lists_that_are_out_of_order_or_of_another_length_are_named(path, place):
    damaged = json.loads(small())
    *way, last = path
    spot = damaged
    for step in way:
        spot = spot[step]
    spot[last] = spot[last][::-1] if place != "lanes" else spot[last][:1]
    assert f"damaged at {place} (" in refused(json.dumps(damaged))


def test_of_a_name_that_stands_twice_the_last_counts():
    own = f'"version": {VERSION},'
    assert files.loads(small().replace(own, f'"version": 7, {own}')) == files.loads(small())
    assert "newer version" in refused(small().replace(own, f'{own} "version": 7,'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "whole JSON"),
        ("[]", "no recording"),
        ("{}", "no recording"),
        ('{"format": "something-else"}', "no recording"),
        (b"\xff\xfe\x00", "whole JSON"),
        (b'{"format": "\xff"}', "whole JSON"),
        ("[" * 100_000, "whole JSON"),
        ('{"a":' * 100_000, "whole JSON"),
        ('{"a": NaN}', "no recording"),
        ("9" * 10_000, "whole JSON"),
        ("null", "no recording"),
        (json.dumps({str(i): i for i in range(2000)}), "no recording"),
    ],
)
def test_what_is_no_recording_is_refused(text, words):
    assert words in refused(text)


def test_a_recording_of_a_newer_version_asks_for_an_update():
    said = refused(json.dumps({**content(), "version": VERSION + 1, "more": 1}))
    assert "newer version" in said and "update" in said
    for odd in ("1", 0, -1, True, 1.0, None):
        assert "damaged at version" in refused(json.dumps({**content(), "version": odd}))


def test_a_recording_from_before_there_was_a_choice_read_prompts():
    old = copy.deepcopy(content())
    del old["header"]["source"], old["header"]["source_characters"]
    for lane in old["lanes"]:
        del lane["shares"]
    recording = files.loads(json.dumps({**old, "version": 1}))
    assert (recording.header["source"], recording.header["source_characters"]) == ("prompts", 0)
    assert recording.header.keys() == content()["header"].keys()
    assert json.loads(files.dumps(recording))["version"] == VERSION


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.json")), ids=lambda path: path.stem)
def test_the_shipped_recordings_say_all_that_the_format_has(path):
    text = path.read_text("utf-8")
    recording = files.loads(text)
    assert json.loads(files.dumps(recording)).keys() == json.loads(text).keys()
    assert recording.header == json.loads(text)["header"]
    usable(recording)


# ------------------------------------------------------------------------------------------- any recording at all


@given(recordings())
@settings(max_examples=60, deadline=None)
def test_any_recording_comes_back_as_it_was_and_can_be_used(recording):
    usable(recording)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whoever_makes_a_recording_makes_none_that_a_file_could_not_hold(data):
    """Every field is left out, or given what does not belong there."""
    recording = files.loads(small())
    name = data.draw(st.sampled_from(["header", "moments", "rss", "lanes"]))
    given_fields = {field: getattr(recording, field) for field in ("header", "moments", "rss", "lanes")}
    if data.draw(st.booleans()):
        del given_fields[name]
    else:
        given_fields[name] = data.draw(ANYTHING.filter(lambda odd: not (name == "rss" and odd == [])))
    with pytest.raises(ValidationError, match=name):
        Recording(**given_fields)


def test_a_header_without_its_source_makes_no_recording():
    """The marathon's once said nothing of it."""
    recording = files.loads(small())
    header = {name: value for name, value in recording.header.items() if name != "source"}
    with pytest.raises(ValidationError, match=r"header\.source"):
        Recording(header=header, moments=recording.moments, rss=recording.rss, lanes=recording.lanes)


# ------------------------------------------------------------------------------------------------------- the page


PAGE = (ROOT / "docs" / "recording-format.md").read_text("utf-8")


def described(section: str) -> list[str]:
    """The names in the first column of a section's table, in their order."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [name for line in text.splitlines() if line.startswith("| `") for name in re.findall("`(.*?)`", line)[:1]]


@pytest.mark.parametrize(
    ("section", "record"),
    [
        ("The file", Recording),
        ("Header", Header),
        ("Moments of the run", RunNumbers),
        ("Memory", RssPoint),
        ("Lanes", LaneRecording),
        ("Moments of a lane", LaneNumbers),
        ("Curve", CurvePoint),
        ("Texts", TextMoment),
        ("Answers", Answer),
        ("Events", Event),
        ("Shares", SinkShareMoment),
        ("Dialogues", DialogueRecording),
        ("Header of a dialogue", DialogueHeader),
        ("Lanes of a dialogue", DialogueLaneRecording),
        ("Turns", TurnRecord),
    ],
)
def test_each_field_is_described_in_its_place_and_no_other_is(section, record):
    assert described(section) == list(getattr(record, "model_fields", record.__annotations__))


@pytest.mark.parametrize("words", [Status, Reason, RunState, EventKind])
def test_each_word_is_described(words):
    assert [word for word in get_args(words) if f"`{word}`" not in PAGE] == []


def test_the_page_is_of_this_version():
    assert f"version {VERSION}." in PAGE and FORMAT in PAGE
    assert f"{files.MOST_BYTES // 2**20} MiB" in PAGE
    assert "at most {points} points, {moments} moments, {texts} texts and {answers} answers".format(**KEPT) in PAGE
