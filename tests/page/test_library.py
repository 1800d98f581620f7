from __future__ import annotations

import pytest

from comparisons.page.library import dialogue_library, library
from comparisons.paths import DIALOGUES, RECORDINGS
from comparisons.recordings import files
from streaming.errors import RecordingError
from tests.support.recorded import recorded


def test_a_library_is_every_recording_of_a_folder_by_name_with_what_its_title_says(tmp_path):
    for name in ("marathon", "first-paint"):
        files.save(recorded(), tmp_path / f"{name}.json")
    first, second = library(tmp_path)
    assert (first.name, second.name) == ("first-paint", "marathon")
    assert first.about() == {
        "name": "first-paint",
        "url": first.file.url,
        "mode": "read",
        "model": "tiny",
        "kinds": ["dense", "sinks"],
        "tokens": 2400,
        "recorded_at": recorded().header["recorded_at"],
    }
    assert first.file.url.endswith(".json")


def test_a_run_and_a_dialogue_of_the_same_model_are_told_apart():
    names = [kept.name for kept in (*library(RECORDINGS), *dialogue_library(DIALOGUES))]
    assert "chat-smollm2" in names and "smollm2" in names and len(set(names)) == len(names)


def test_there_may_be_no_recordings_but_no_damaged_one(tmp_path):
    assert library(tmp_path / "nowhere") == library(tmp_path) == ()
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(RecordingError, match=r"bad\.json"):
        library(tmp_path)
