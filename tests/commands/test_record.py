"""What the page offers as recorded: small, and made as its recipe says."""

from __future__ import annotations

import pytest

from comparisons.commands.record import small
from comparisons.page.library import library
from comparisons.paths import RECORDINGS
from comparisons.recordings import files
from comparisons.recordings.recipes import MOST_BYTES, RECIPES
from comparisons.recordings.recorder import Recorder
from tests.support.recorded import live_frames


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    recorder = Recorder()
    for frame in live_frames():
        recorder.add(frame)
    return recorder


@pytest.mark.parametrize("most_bytes", [300_000, 40_000, 25_000])
def test_a_recording_is_as_rich_as_there_is_room_for(recorder, most_bytes):
    recording = small(recorder, most_bytes)
    assert len(files.dumps(recording)) <= most_bytes
    assert recording.moments[-1]["state"] == "finished" and len(recording.lanes) == 2
    assert len(recording.moments) >= len(small(recorder, most_bytes // 2).moments)


@pytest.mark.parametrize("model", RECIPES)
def test_a_recipe_is_a_run_that_dense_can_read_to_its_end(model):
    settings = RECIPES[model].settings()
    assert settings.max_tokens * 23_040 <= settings.kv_budget_bytes and len(settings.lanes) == 3


@pytest.mark.parametrize("run", library(RECORDINGS), ids=lambda run: run.name)
def test_every_run_that_is_offered_is_small_and_says_of_which_model_and_when(run):
    assert (RECORDINGS / f"{run.name}.json").stat().st_size <= MOST_BYTES
    about = run.about()
    assert about["model"] and about["recorded_at"] and about["tokens"] > 1000
    assert run.name != "smollm2" or about["model"] == "smollm2"
