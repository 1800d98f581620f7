"""Rows in a file: each whole, none twice, none lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comparisons.experiments.cells import Row
from comparisons.experiments.sweep_file import SweepFile
from streaming.errors import RecordingError, SettingsError, StreamError

ROW = Row(
    model="./a, b",
    policy="sinks:4+60",
    sinks=4,
    recent=60,
    cache=64,
    tokens=500,
    seed=0,
    perplexity=0.1 + 0.2,
    kv_bytes=589_824,
    tokens_per_second=1e4 / 3,
    seconds=2.0,
    weights="0123456789abcdef",
)
ROWS = [ROW, replace(ROW, policy="dense", sinks=None, recent=None, cache=None, kv_bytes=None), replace(ROW, seed=7)]


def written(path: Path) -> Path:
    with SweepFile(path) as file:
        for row in ROWS:
            file.add(row)
    return path


def rows_in(path: Path) -> list[Row]:
    with SweepFile(path, resume=True) as file:
        return file.rows


def test_rows_come_back_as_they_were_and_more_can_follow(tmp_path: Path) -> None:
    path = written(tmp_path / "deep" / "sweep.jsonl")
    with SweepFile(path, resume=True) as again:
        assert again.rows == ROWS
        again.add(replace(ROW, seed=8))
    assert rows_in(path) == [*ROWS, replace(ROW, seed=8)]
    assert len(path.read_text().splitlines()) == 4


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_file_cut_off_anywhere_gives_its_whole_rows_and_takes_the_others_again(tmp_path, data) -> None:
    path = tmp_path / "sweep.jsonl"
    path.unlink(missing_ok=True)
    content = written(path).read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with SweepFile(path, resume=True) as file:
        assert file.rows == ROWS[: len(file.rows)]
        for row in ROWS[len(file.rows) :]:
            file.add(row)
    assert path.read_bytes() == content


def test_a_sweep_that_is_there_is_not_added_to_by_mistake(tmp_path: Path) -> None:
    path = written(tmp_path / "sweep.jsonl")
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="--resume"):
        SweepFile(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    ['{"model": "sink"}\n', "[]\n", "hello\n", "hello", "{}\nhalf a line", "\n"],
)
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(RecordingError, match="something else"):
        SweepFile(path, resume=True)
    with pytest.raises(SettingsError, match="--resume"):
        SweepFile(path)
    assert path.read_text() == content


def test_two_sweeps_do_not_write_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    with SweepFile(path) as first:
        for resume in (False, True):
            with pytest.raises(SettingsError, match="Another sweep is writing"):
                SweepFile(path, resume=resume)
        first.add(ROW)
    assert rows_in(path) == [ROW]


def test_rows_of_other_weights_do_not_get_into_one_file(tmp_path: Path) -> None:
    path = written(tmp_path / "sweep.jsonl")
    with SweepFile(path, resume=True) as file, pytest.raises(SettingsError, match="other weights"):
        file.add(replace(ROW, seed=9, weights="ffff"))
    assert rows_in(path) == ROWS


def test_files_that_cannot_be_written_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"end in \.jsonl"):
        SweepFile(tmp_path / "sweep.txt")
    with pytest.raises(SettingsError, match="another file"):
        SweepFile(written(tmp_path / "sweep.jsonl") / "in a file.jsonl")
    with SweepFile(tmp_path / "gone" / "sweep.jsonl") as file:
        (tmp_path / "gone" / "sweep.jsonl").unlink()
        (tmp_path / "gone").rmdir()
        with pytest.raises(StreamError, match="make room"):
            file.add(ROW)


def test_without_a_file_rows_are_kept_in_memory() -> None:
    with SweepFile(None) as file:
        file.add(ROW)
    assert file.rows == [ROW]
