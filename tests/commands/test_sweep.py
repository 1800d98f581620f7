"""A sweep's cells, and the command that measures them in other processes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from comparisons.__main__ import main
from comparisons.commands.sweep import table
from comparisons.experiments.cells import Cell, Failure, Row, grid, outcome
from comparisons.experiments.measuring import in_context, prompt_ids
from comparisons.experiments.sweep_file import SweepFile
from comparisons.metrics import perplexity
from streaming import models
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import forked
from tests.support.forked import Forked
from tests.support.speaking import wait_until

SMALL = ["sweep", "--models", "sink", "--sinks", "0,4", "--cache", "64", "--tokens", "600"]


def row(policy: str, model: str = "sink") -> Row:
    measured = outcome(Cell(model=model, policy=policy, tokens=600))
    assert isinstance(measured, Row)
    return measured


def test_the_grid_has_every_combination_and_a_reference_for_each_model() -> None:
    cells = grid(["sink", "vanilla", "sink"], [0, 4], [64, 128], tokens=600, seed=3)
    labels = ["dense", "window:64", "sinks:4+60", "window:128", "sinks:4+124"]
    assert [(cell.model, cell.policy) for cell in cells] == [(name, p) for name in ("sink", "vanilla") for p in labels]
    assert {(cell.tokens, cell.seed) for cell in cells} == {(600, 3)}


def rows_in(path: Path) -> list[Row]:
    with SweepFile(path, resume=True) as file:
        return file.rows


@pytest.mark.parametrize(
    "more",
    [["--cache", "4"], ["--cache", "-1"], ["--tokens", "9"], ["--seed", "-1"], ["--jobs", "0"], ["--out", "a.txt"]],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(more: list[str], capsys) -> None:
    assert main([*SMALL, *more]) == 2
    assert capsys.readouterr().err.startswith("comparisons: ")


def test_a_cell_is_measured_as_reading_the_stream_does() -> None:
    loaded = models.load("sink")
    ids = prompt_ids(loaded, seed=0, tokens=600)
    stream = open_stream(loaded, Policy.parse("sinks:4+60"))
    measured = row("sinks:4+60")
    assert measured.perplexity == pytest.approx(perplexity(stream.read(ids).numpy()[4:]), abs=1e-6)
    assert measured.kv_bytes == stream.nbytes == 64 * stream.bytes_per_token
    assert (measured.sinks, measured.recent, measured.cache) == (4, 60, 64)
    assert measured.tokens_per_second == pytest.approx(600 / measured.seconds)
    reference = row("dense")
    assert reference.perplexity == pytest.approx(perplexity(in_context(loaded, ids, loaded.context // 2)), abs=1e-6)
    assert (reference.sinks, reference.cache, reference.kv_bytes) == (None, None, None)


def test_a_cell_that_fails_says_why() -> None:
    failed = outcome(Cell(model="./nowhere", policy="sinks:4+60"))
    assert isinstance(failed, Failure)
    assert "no folder" in failed.words


def test_the_table_shows_each_value_where_it_belongs() -> None:
    one = row("sinks:4+60")
    rows = [replace(one, sinks=n, cache=c, perplexity=n + c / 1000) for n in (0, 4) for c in (64, 128)]
    lines = table([*rows[:3], replace(one, sinks=None, cache=None, perplexity=1.5)]).splitlines()
    assert lines[0] == "sink, in context 1.500"
    assert lines[1].split() == ["sinks", "cache", "64", "cache", "128"]
    assert [line.split() for line in lines[2:]] == [["0", "0.064", "0.128"], ["4", "4.064", "-"]]


def test_the_command_measures_in_other_processes_what_this_one_does(tmp_path: Path, capsys) -> None:
    """And a model that is not there loses nothing; resuming measures just what is missing."""
    out, csv = tmp_path / "sweep.jsonl", tmp_path / "sweep.csv"
    with SweepFile(out) as file:
        file.add(replace(row("window:64"), seconds=12345.0))
    files = ["--out", str(out), "--csv", str(csv), "--resume"]
    assert main([*SMALL, "--models", "sink,./nowhere", *files, "--jobs", "2"]) == 2
    said = capsys.readouterr()
    assert "3 of 6 cells failed" in said.err
    assert said.err.count("no folder") == 3
    rows = rows_in(out)
    assert [one.policy for one in rows[:1]] == ["window:64"]
    assert rows[0].seconds == 12345.0
    assert {one.policy for one in rows} == {"dense", "window:64", "sinks:4+60"}
    for one in rows:
        assert one.perplexity == pytest.approx(row(one.policy).perplexity, abs=1e-6)
        assert one.weights == row(one.policy).weights
    told = json.loads(said.out.splitlines()[-1])
    assert (told["cells"], told["failed"], len(told["rows"])) == (6, 3, 3)
    head, *lines = csv.read_text().splitlines()
    assert head.split(",")[:3] == ["model", "policy", "sinks"]
    assert [line.split(",")[1] for line in lines] == [one.policy for one in rows]


def test_a_sweep_whose_process_is_killed_says_how_to_go_on_and_keeps_what_was_measured(tmp_path: Path, capsys) -> None:
    out = tmp_path / "sweep.jsonl"
    argv = ["sweep", "--models", "sink", "--sinks", "0,4", "--cache", "64,128", "--tokens", "8000", "--out", str(out)]
    sweep = Forked(forked.comparisons, *argv, "--jobs", "1")
    wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") > 0, seconds=300)
    assert main([*argv, "--resume"]) == 2
    for worker in psutil.Process(sweep.pid).children():
        if "multiprocessing.spawn" in " ".join(worker.cmdline()):
            worker.kill()
    assert sweep.wait(timeout=240) == 2
    said = sweep.told()
    assert f"Another sweep is writing to {out}" in capsys.readouterr().err
    assert "A process was killed" in said
    assert "--resume" in said
    kept = rows_in(out)
    assert 0 < len(kept) < 5
    assert len({one.cell for one in kept}) == len(kept)


def test_without_ray_the_command_says_how_to_install_it(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*SMALL, "--ray"]) == 2
    assert 'pip install "ray' in capsys.readouterr().err
