"""What bfloat16 gains is measured row by row, and what was measured stays when the rest is not."""

from __future__ import annotations

import json

import pytest

from comparisons.__main__ import main
from comparisons.experiments import dtypes


def test_rows_of_the_same_kind_take_each_others_place(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dtypes, "SHAPES", {"tiny": (32, 1, 2, 1, 32, 64)})
    monkeypatch.setattr(dtypes, "ROUNDS", 1)
    file = tmp_path / "dtypes.json"
    command = ["dtypes", "--sizes", "tiny", "--json", str(file)]
    for extra in ([], ["--threads", "1"], ["--threads", "1", "--without-hardware"]):
        assert main([*command, *extra]) == 0
    rows = json.loads(file.read_text())
    assert sorted((row["threads"], row["hardware"]) for row in rows if not row["hardware"]) == [(1, False)]
    assert {row["threads"] for row in rows} == {1, 2}
    assert all(speed > 0 for row in rows for speed in (*row["read"], *row["step"]))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])


def test_what_was_measured_is_kept_when_the_rest_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(dtypes, "SHAPES", {"tiny": (32, 1, 2, 1, 32, 64), "broken": (0, 1, 2, 1, 32, 64)})
    monkeypatch.setattr(dtypes, "ROUNDS", 1)
    file = tmp_path / "dtypes.json"
    with pytest.raises((ArithmeticError, ValueError, RuntimeError)):
        main(["dtypes", "--sizes", "tiny", "broken", "--threads", "1", "--json", str(file)])
    assert [row["size"] for row in json.loads(file.read_text())] == ["tiny"]
