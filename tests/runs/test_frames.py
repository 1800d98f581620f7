from __future__ import annotations

import copy
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from comparisons.recordings import files, player
from comparisons.recordings.recorder import record
from comparisons.runs.frames import Frame, checked
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from comparisons.text.feeds import Source
from streaming.policy import Policy
from tests.support.recorded import live_frames
from tests.support.speaking import loaded

NOT_FINITE = [math.nan, math.inf, -math.inf, 1e305]
MEASURED = ("ms_per_token", "perplexity", "perplexity_total")


def measured(frame: Frame) -> list[float | None]:
    lanes = frame["lanes"]
    values = [lane[name] for lane in lanes for name in MEASURED]
    values += [point.perplexity for lane in lanes for point in lane["curve"]["points"]]
    return values + [nat for lane in lanes for _, nat in lane["text"]["pieces"]]


@given(st.data())
def test_numbers_that_are_not_finite_are_none_wherever_they_stand(data):
    frame = copy.deepcopy(live_frames()[-1])
    number = st.sampled_from([*NOT_FINITE, 1.5, None])
    for lane in frame["lanes"]:
        lane |= {name: data.draw(number) for name in MEASURED}
        points, pieces = lane["curve"]["points"], lane["text"]["pieces"]
        i, j = data.draw(st.integers(0, len(points) - 1)), data.draw(st.integers(0, len(pieces) - 1))
        points[i], pieces[j] = points[i]._replace(perplexity=data.draw(number)), ("x", data.draw(number))
    told = checked(frame)
    json.dumps(told, allow_nan=False)
    known = [value if value is not None and abs(value) <= 1e300 else None for value in measured(frame)]
    assert measured(told) == known


def test_a_share_with_a_layer_that_is_no_number_is_not_known():
    frame = copy.deepcopy(live_frames()[-1])
    frame["lanes"][0]["sink_share"] = {"tokens": 4, "layers": [0.5, math.nan]}
    frame["lanes"][1]["sink_share"] = {"tokens": 4, "layers": [0.5, 0.25]}
    assert [lane["sink_share"] for lane in checked(frame)["lanes"]] == [None, {"tokens": 4, "layers": [0.5, 0.25]}]


def test_what_is_no_frame_is_a_fault_that_is_named():
    frame = {**live_frames()[-1], "rss_bytes": -1}
    with pytest.raises(ValidationError, match="rss_bytes"):
        checked(frame)


def test_a_name_that_is_no_unicode_ends_no_run():
    named = replace(loaded(), name="bad\udcff")
    settings = RunSettings(lanes=(Policy.parse("sinks:4+28"),), max_tokens=60)
    kept = record(Run(named, settings, source=Source(name="caf\udce9.txt")))
    header = files.loads(files.dumps(kept)).header
    assert (header["model"], header["source"]) == ("bad?", "caf?.txt")


@pytest.mark.parametrize("chunk", [1, 256])
def test_a_model_of_nan_weights_ends_each_lane_in_words_and_leaves_a_recording(chunk):
    hook = (
        loaded()
        .model.model.layers[0]
        .register_forward_hook(
            lambda module, inputs, out: (
                tuple(one * math.nan for one in out) if isinstance(out, tuple) else out * math.nan
            )
        )
    )
    lanes = (Policy.parse("dense"), Policy.parse("sinks:4+28"), Policy.parse("recompute:32"))
    try:
        run = Run(loaded(), RunSettings(lanes=lanes, max_tokens=300, chunk=chunk))
        kept = record(run, lambda frame: json.dumps(frame, allow_nan=False))
    finally:
        hook.remove()
    for lane in player.overview(files.loads(files.dumps(kept)))["lanes"]:
        assert (lane["status"], lane["reason"]) == ("failed", "error")
        assert "no number (NaN)" in lane["message"] and "float32" in lane["message"]
