from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from itertools import chain, islice

import pytest

from comparisons.page import panels, payloads, scripts
from comparisons.page.forms import Form
from comparisons.page.words import language
from comparisons.runs.lane.questions import MOST_CHARACTERS
from comparisons.server.sessions import Sessions
from tests.support.speaking import loaded

pytestmark = pytest.mark.usefixtures("made")


def test_a_payload_is_the_frame_without_any_markup():
    frame = {"text": "</script><b>{{x}} ${y} \\ é", "nothing": None}
    text = payloads.payload(frame)
    assert "<" not in text
    assert json.loads(text) == frame


def test_a_payload_refuses_what_is_not_json():
    with pytest.raises(ValueError, match="JSON"):
        payloads.payload({"perplexity": math.nan})


def told_to(payloads: Iterator[str], lost: set[int]) -> tuple[dict[int, str], dict[int, list]]:
    """The text and the curve that a reader has in the end who misses some payloads."""
    text, curve = {}, {}
    for seq, payload in enumerate(payloads):
        if seq not in lost:
            lane = json.loads(payload)["lanes"][0]
            text |= dict(enumerate((piece for piece, _ in lane["text"]["pieces"]), lane["text"]["from"]))
            curve |= dict(enumerate(lane["curve"]["points"], lane["curve"]["from"]))
    return text, curve


def test_the_payloads_of_a_run_are_small_and_none_is_needed():
    frames = list(islice(Sessions(loaded()).frames("anna", Form(recent=28, pace=100).settings()), 15))
    told = [payloads.payload(frame) for frame in frames]
    shorter = list(payloads.payloads(frame for frame in frames))
    assert told_to(shorter, lost=set()) == told_to(shorter, lost={4, 7, 12}) == told_to(told, lost=set())
    assert sum(map(len, shorter[5:])) / 2 < 30_000, "bytes per second of a visitor"


def test_an_answer_is_told_until_it_is_done():
    def frame(*answers: tuple[int, str, bool]) -> dict:
        items = [{"turn": turn, "answer": answer, "done": done} for turn, answer, done in answers]
        empty = {"curve": {"from": 0, "points": []}, "text": {"from": 0, "pieces": []}}
        return {"rss": {"from": 0, "points": []}, "lanes": [{**empty, "answers": {"from": 5, "items": items}}]}

    def news(before: dict, now: dict) -> dict:
        return json.loads(payloads.payload(now, before))["lanes"][0]["answers"]

    begun, done = frame((0, "Un", False)), frame((0, "Under it", True))
    assert news(begun, done) == {"from": 5, "items": done["lanes"][0]["answers"]["items"]}
    assert news(done, frame((0, "Under it", True), (8, "A", False)))["from"] == 6
    assert news(done, done)["items"] == []


def test_what_seldom_changes_is_told_twice_and_then_no_more():
    def frame(said: str | None) -> dict:
        tails = {"curve": {"from": 0, "points": []}, "text": {"from": 0, "pieces": []}}
        answers = {"from": 0, "items": []}
        lane = {**tails, "answers": answers, "said": said and {"answer": said}, "told": [], "sink_share": None}
        return {"state": "running", "rss": {"from": 0, "points": []}, "lanes": [lane]}

    frames = (frame(said) for said in [None, "Under", "Under it", "Under it", "Under it", "Under it", None])
    lanes = [json.loads(text)["lanes"][0] for text in payloads.payloads(frames)]
    assert ["said" in lane for lane in lanes] == [True, True, True, True, False, False, True]
    assert ["told" in lane for lane in lanes] == [True, True, *[False] * 5]


def test_what_is_told_of_a_load_passes_as_it_is():
    told = {"run": "w", "state": "loading", "model": "<a/b>", "stage": "waiting", "done_bytes": 0, "total_bytes": None}
    frames = islice(Sessions(loaded()).frames("anna", Form(recent=28, pace=100).settings()), 3)
    first, *others = payloads.payloads(frame for frame in chain([told], frames))
    assert "<" not in first and json.loads(first) == told
    assert [json.loads(payload)["seq"] for payload in others] == [0, 1, 2]


def test_payloads_that_are_left_end_their_run_whoever_else_holds_it():
    run = Sessions(loaded()).frames("anna", Form(recent=28, pace=100).settings())
    told = payloads.payloads(run)
    next(told)
    told.close()
    with pytest.raises(StopIteration):
        next(run)


def test_a_panel_takes_no_markup_of_what_it_is_given():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        panel = panels.live_panel("panel.js", lambda request: False)
    assert "<" not in payloads.payload({"text": "<script>alert(1)</script>"})
    assert "${" not in panel.html_template.replace("@children", "") and "{{" not in panel.html_template


def test_the_box_takes_as_many_characters_as_a_question_may_have():
    assert f'maxlength="{MOST_CHARACTERS}"' in scripts.asset("panel.html")


def test_the_scripts_know_their_words_and_their_plotly():
    text = scripts.page_script(language("en"), "vendor/plotly.js")
    page = json.loads(text.split("\n", 1)[0].removeprefix("const PAGE = ").removesuffix(";"))
    assert page["plotly"] == "vendor/plotly.js"
    assert page["words"]["start"] == language("en")["start"]
    assert page["markup"].count("<template data-part=") == 8
