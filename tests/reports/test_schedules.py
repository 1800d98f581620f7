"""The page about the tried schedules says what the logs say."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType

import pytest

from streaming import models
from streaming.errors import RecordingError
from tests.support.serving import ROOT


def _script() -> ModuleType:
    """The script beside the logs, as a module."""
    spec = importlib.util.spec_from_file_location("draw_schedules", ROOT / "docs" / "schedules" / "draw.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses ask for it
    spec.loader.exec_module(module)
    return module


schedules = _script()
TRIED, Schedule, drawn, load_all, page = (
    getattr(schedules, name) for name in ("TRIED", "Schedule", "drawn", "load_all", "page")
)


def test_the_page_in_the_repository_is_that_of_the_logs() -> None:
    assert (TRIED / "README.md").read_text("utf-8") == page(load_all())


def test_the_bundled_models_are_among_them_with_their_last_evaluation() -> None:
    loaded = load_all()
    for name in models.available():
        [schedule] = [each for each in loaded if each.name == f"`{name}`"]
        log = (models.BUNDLED / name / "training-log.jsonl").read_text("utf-8").splitlines()
        last = json.loads(log[-1])
        assert schedule.evaluations[-1]["perplexity"] == last["perplexity"]
        assert last["step"] == schedule.steps


def test_a_chart_has_a_line_for_each_schedule_inside_its_axes() -> None:
    line = {
        "tokens": 10**6,
        "perplexity": 2.0,
        "mean_attention_on_first": 0.5,
        "window_ratio": 9.0,
        "dense_ratio": 90.0,
    }
    later = {**line, "tokens": 2 * 10**6, "window_ratio": 900.0}
    made = [Schedule(name=name, words="", steps=2, evaluations=[line, later]) for name in ("one", "two")]
    figure = drawn(made)
    assert [trace.name for trace in figure.data] == ["one", "two"] * len(schedules.MEASURES)
    assert [list(trace.y) for trace in figure.data if trace.name == "two"][2] == [9.0, 900.0]
    assert figure.layout.xaxis.range[1] == 2.0


@pytest.mark.parametrize("text", ["", "{}", '{"name": "sink"'])
def test_a_damaged_recipe_is_named(tmp_path, monkeypatch, text: str) -> None:
    monkeypatch.setattr(schedules, "TRIED", tmp_path)
    (tmp_path / "broken.json").write_text(text)
    (tmp_path / "broken.jsonl").write_text("")
    with pytest.raises(RecordingError, match=r"broken.json.*restore both"):
        load_all()
