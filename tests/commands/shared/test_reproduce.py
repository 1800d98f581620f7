"""`python -m comparisons table N` and `figure N`, as in a terminal."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from comparisons.__main__ import main
from comparisons.experiments.results import load
from comparisons.reports.markdown import markdown
from tests.support.speaking import loaded


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model in a folder, as anybody's own."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    loaded().model.save_pretrained(folder)
    loaded().tokenizer.save_pretrained(folder)
    return str(folder)


def table(model: str, number: int, *more: str) -> int:
    return main(["table", str(number), "--model", model, "--threads", "1", *more])


def test_a_table_is_printed_and_written(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {kind: tmp_path / f"out.{kind}" for kind in ("csv", "json", "html")}
    options = [part for kind, path in files.items() for part in (f"--{kind}", str(path))]
    assert table(model, 2, "--tokens", "300", "--cache", "16", *options) == 0
    printed, progress = capsys.readouterr()
    result = load(files["json"].read_text())
    assert printed == (f"Table 2: How many sinks it takes, at an equal cache budget\n\n{markdown(result)}\n")
    with files["csv"].open() as file:
        assert [row["perplexity"] for row in csv.DictReader(file)] == [str(row.perplexity) for row in result.rows]
    assert "sinks + recent tokens" in files["html"].read_text()
    assert "tiny, sinks:4+12" in progress
    assert "100%" in progress


def test_a_figure_reads_a_text_of_ones_own(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "own.txt"
    text.write_text("The miller slept, and the mill turned without him. " * 30)
    options = ["--model", model, "--text", str(text), "--cache", "16", "--sampled", "16", "--threads", "1"]
    assert main(["figure", "3", *options]) == 0
    assert "The text own.txt, " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cache", "16", "32"], "one cache size"),
        (["--threads", "0"], "--threads must be from 1"),
        (["--tokens", "3"], "tokens must be from 64"),
        (["--text", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["--csv", "README.md/out.csv"], "README.md/out.csv cannot be written (Not a directory): name another file"),
        (["--html", "tests"], "tests is a folder: name a file in it"),
        (["--model", "no such model"], "is no folder"),
        (["--model", "sink", "sink"], "Two models are called 'sink'"),
    ],
)
def test_bad_input_ends_at_once_with_a_remedy(
    model: str, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table(model, 1, *options) == 2
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert words in errors


def test_without_kaleido_the_message_names_the_command(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", None)
    assert table(model, 1, "--svg", str(tmp_path / "out.svg")) == 2
    assert "pip install" in capsys.readouterr().err


def test_without_a_browser_the_message_names_the_command(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    assert table(model, 1, "--png", str(tmp_path / "out.png")) == 2
    assert "apt-get install chromium" in capsys.readouterr().err


def test_help_names_every_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["table", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "6: Perplexity with 4 sinks, by cache size" in printed
    with pytest.raises(SystemExit):
        main(["table", "4"])
    assert "invalid choice" in capsys.readouterr().err
