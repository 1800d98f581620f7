from __future__ import annotations

import json
import math
import warnings

import pytest

from comparisons import panels
from comparisons.forms import Form
from comparisons.sessions import Sessions
from comparisons.texts import ENGLISH
from tests.speaking import loaded


def test_a_payload_is_the_frame_without_any_markup():
    frame = {"text": "</script><b>{{x}} ${y} \\ é", "nothing": None}
    text = panels.payload(frame)
    assert "<" not in text
    assert json.loads(text) == frame


def test_a_payload_refuses_what_is_not_json():
    with pytest.raises(ValueError, match="JSON"):
        panels.payload({"perplexity": math.nan})


def test_the_frames_of_a_run_stay_small():
    frames = Sessions(loaded()).frames("anna", Form(recent=28, pace=100).settings())
    sizes = [len(panels.payload(next(frames))) for _ in range(8)]
    frames.close()
    assert max(sizes) * 5 < 60_000, "bytes per second of a visitor"


def test_a_panel_shows_what_it_was_given_even_if_a_model_wrote_markup():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        value = panels.payload({"text": "<script>alert(1)</script>"})
        panel = panels.live_panel(ENGLISH, "plotly.js", lambda request: False, value)
    assert panel.value == value
    assert "${" not in panel.html_template.replace("@children", "") and "{{" not in panel.html_template


def test_the_scripts_know_their_words_and_their_plotly():
    text = panels.script(ENGLISH, "vendor/plotly.js")
    page = json.loads(text.split("\n", 1)[0].removeprefix("const page = ").removesuffix(";"))
    assert page["plotly"] == "vendor/plotly.js"
    assert page["words"]["start"] == ENGLISH.start
    assert page["markup"].count("<template data-part=") == 3
