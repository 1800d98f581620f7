"""One reader of JSON: what is nested too deep, or is none, is refused in words wherever it is read."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from comparisons.__main__ import main
from comparisons.documents import TooDeep, holds, parsed
from comparisons.experiments import checkpoints, results
from comparisons.experiments.sweep_file import SweepFile
from comparisons.recordings import dialogues, files
from streaming.errors import RecordingError

DEEP = ["[" * 1500, "[" * 100_000, '{"a":' * 20_000, "[" * 100 + "]" * 100, '{"a":' * 70 + "1" + "}" * 70]


@pytest.mark.parametrize("text", DEEP)
def test_what_is_nested_too_deep_is_no_document(text: str) -> None:
    with pytest.raises((TooDeep, json.JSONDecodeError)):
        parsed(text)
    with pytest.raises((TooDeep, json.JSONDecodeError)):
        parsed(text.encode())


def test_depth_counts_lists_and_objects_in_each_other() -> None:
    assert parsed('[[1], {"a": [2]}, 3]', most_depth=3) == [[1], {"a": [2]}, 3]
    with pytest.raises(TooDeep):
        parsed('[[1], {"a": [2]}, 3]', most_depth=2)
    assert parsed("[" * 64 + "]" * 64)
    for plain in ("1", '"[[["', "null"):
        assert parsed(plain, most_depth=0) == json.loads(plain)


def test_a_damaged_file_holds_nothing_of_what_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"a": [1, 2]}')
    assert holds(path, {"a": (1, 2)}) and not holds(path, {"a": (1,)})
    for damaged in (*DEEP, "", "{", "\udcff"):
        path.write_bytes(damaged.encode("utf-8", "surrogateescape"))
        assert not holds(path, {"a": (1, 2)})


@pytest.mark.parametrize("text", [*DEEP, "[[1], 2]", '{"a": 1}', ""])
def test_whoever_reads_a_file_of_ours_refuses_it_in_words(tmp_path: Path, text: str) -> None:
    for read in (results.load, files.loads):
        with pytest.raises(RecordingError):
            read(text)
    path = tmp_path / "any.json"
    path.write_text(text)
    for load in (files.load, dialogues.load, checkpoints.load):
        with pytest.raises(RecordingError, match=r"any\.json"):
            load(path)
    if text:
        rows = tmp_path / "any.jsonl"
        rows.write_text(text + "\n")
        with pytest.raises(RecordingError, match="something else"):
            SweepFile(rows, resume=True)
        assert rows.read_text() == text + "\n", "it was touched"


@pytest.mark.parametrize("text", DEEP)
def test_values_of_a_checkpoint_that_are_nested_too_deep(tmp_path: Path, text: str) -> None:
    header = json.dumps({"__metadata__": {"values": text}}).encode()
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(RecordingError, match="damaged"):
        checkpoints.load(path)


@pytest.mark.parametrize("text", [DEEP[0], "mine", "[1]", '{"size": 1}'])
def test_rows_are_not_added_to_somebody_elses_file(tmp_path: Path, text: str, capsys) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    assert main(["dtypes", "--json", str(path)]) == 2
    assert "name another file" in capsys.readouterr().err and path.read_text() == text
