"""Rows in a file: each whole, none twice, none lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comparisons.experiments.cells import Row
from comparisons.experiments.sweep_file import Ledger
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
ENDINGS = pytest.mark.parametrize("ending", [".jsonl", ".csv"])


def written(path: Path) -> Path:
    ledger = Ledger(path)
    for row in ROWS:
        ledger.add(row)
    return path


@ENDINGS
def test_rows_come_back_as_they_were_and_more_can_follow(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / "deep" / f"sweep{ending}")
    again = Ledger(path, resume=True)
    assert again.rows == ROWS
    again.add(replace(ROW, seed=8))
    assert Ledger(path, resume=True).rows == [*ROWS, replace(ROW, seed=8)]
    assert len(path.read_text().splitlines()) == 4 + (ending == ".csv")


@ENDINGS
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_cut_off_anywhere_gives_its_whole_rows_and_takes_the_others_again(tmp_path, ending, data) -> None:
    path = tmp_path / f"sweep{ending}"
    path.unlink(missing_ok=True)
    content = written(path).read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    ledger = Ledger(path, resume=True)
    assert ledger.rows == ROWS[: len(ledger.rows)]
    for row in ROWS[len(ledger.rows) :]:
        ledger.add(row)
    assert path.read_bytes() == content


@ENDINGS
def test_a_sweep_that_is_there_is_not_added_to_by_mistake(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / f"sweep{ending}")
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="--resume"):
        Ledger(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", '{"model": "sink"}\n'), ("a.jsonl", "[]\n"), ("a.jsonl", "hello\n"), ("a.csv", "a,b\n1,2\n")],
)
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(RecordingError, match="something else"):
        Ledger(tmp_path / name, resume=True)
    assert (tmp_path / name).read_text() == content


def test_rows_of_other_weights_do_not_get_into_one_file(tmp_path: Path) -> None:
    path = written(tmp_path / "sweep.csv")
    with pytest.raises(SettingsError, match="other weights"):
        Ledger(path, resume=True).add(replace(ROW, seed=9, weights="ffff"))
    assert Ledger(path, resume=True).rows == ROWS


def test_files_that_cannot_be_written_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.jsonl or \.csv"):
        Ledger(tmp_path / "sweep.txt")
    with pytest.raises(SettingsError, match="another file"):
        Ledger(written(tmp_path / "sweep.csv") / "in a file.csv")
    ledger = Ledger(tmp_path / "gone" / "sweep.csv")
    (tmp_path / "gone" / "sweep.csv").unlink()
    (tmp_path / "gone").rmdir()
    with pytest.raises(StreamError, match="make room"):
        ledger.add(ROW)


def test_without_a_file_rows_are_kept_in_memory() -> None:
    ledger = Ledger(None)
    ledger.add(ROW)
    assert ledger.rows == [ROW]
