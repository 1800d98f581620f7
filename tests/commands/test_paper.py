from __future__ import annotations

import json
import re
import shutil

import pytest

from comparisons.__main__ import main
from comparisons.commands.paper import ORDER
from comparisons.experiments.catalogue import EXPERIMENTS
from tests.support import forked, speaking
from tests.support.forked import Forked
from tests.support.hub_server import Repository, as_the_hub, files_of

SHORT = ["paper", "sink", "--tokens", "1200", "--sampled", "4", "--threads", "1"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    assert main([*SHORT, "--only", "table-1", "figure-3", "--out", str(folder)]) == 0
    return folder


def test_a_report_has_what_was_measured_and_the_papers_own_numbers_and_asks_nobody(kept):
    report = (kept / "report.html").read_text("utf-8")
    assert "Table 1: Perplexity under each policy" in report and "Figure 3" in report
    assert "5158" in report, "the paper's window without sinks"
    measured = json.loads((kept / "table-1.json").read_text())["rows"]
    assert measured and f"{measured[0]['tokens']:,}" in report
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?https?:", report)


def test_what_was_measured_is_not_measured_again(kept, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in kept.glob("*-*.json")}
    assert main([*SHORT, "--only", "table-1", "figure-3", "--out", str(kept)]) == 0
    assert capsys.readouterr().err.count("kept from before") == 2
    assert {path.name: path.stat().st_mtime_ns for path in kept.glob("*-*.json")} == before


def test_a_folder_of_other_settings_is_refused_and_left_as_it_is(kept, capsys):
    before = (kept / "report.html").read_bytes()
    assert main(["paper", "sink", "--tokens", "1300", "--sampled", "4", "--out", str(kept)]) == 2
    assert "other settings" in capsys.readouterr().err and (kept / "report.html").read_bytes() == before


def test_what_cannot_be_measured_is_said_in_the_report(tmp_path, capsys):
    assert main(["paper", "sink", "--tokens", "100", "--only", "table-2", "--out", str(tmp_path)]) == 1
    assert "Not measured: " in (tmp_path / "report.html").read_text("utf-8")
    assert "table 2: " in capsys.readouterr().err


def test_a_process_that_is_killed_loses_no_experiment_that_it_had_measured(kept, tmp_path, capsys):
    argv = [*SHORT, "--only", "table-1", "figure-3", "--out", str(tmp_path)]
    process = Forked(forked.comparisons, *argv)
    speaking.wait_until(lambda: (tmp_path / "table-1.json").exists() or process.poll() is not None, seconds=240)
    process.kill()
    process.wait()
    first = (tmp_path / "table-1.json").stat().st_mtime_ns
    (tmp_path / "figure-3.json").unlink(missing_ok=True)  # where it was quicker than the kill
    assert main(argv) == 0
    assert capsys.readouterr().err.count("kept from before") == 1
    assert (tmp_path / "table-1.json").stat().st_mtime_ns == first
    for name in ("table-1.json", "figure-3.json"):
        assert json.loads((tmp_path / name).read_text()) == json.loads((kept / name).read_text())


def test_what_is_damaged_or_not_all_of_it_is_not_taken_for_a_result(kept, tmp_path, capsys):
    folder = shutil.copytree(kept, tmp_path / "copy")
    argv = [*SHORT, "--only", "table-1", "--out", str(folder)]
    measured = json.loads((folder / "table-1.json").read_text())
    short = {**measured, "about": {**measured["about"], "complete": False}, "rows": measured["rows"][:1]}
    (folder / "table-1.json").write_text(json.dumps(short))
    assert main(argv) == 0 and json.loads((folder / "table-1.json").read_text()) == measured
    (folder / "table-1.json").write_text("{")
    assert main(argv) == 2
    assert "table-1.json is damaged: delete it" in capsys.readouterr().err


def test_a_model_of_the_hub_is_measured_whole(tmp_path, monkeypatch, capsys):
    argv = ["paper", "somebody/tiny", "--tokens", "600", "--sampled", "3", "--threads", "1"]
    quick = [name for name in ORDER if name != "figure 10"]  # single steps, with caches of thousands of tokens
    monkeypatch.chdir(tmp_path)
    checkpoint = speaking.save(tmp_path / "tiny")
    with as_the_hub(tmp_path / "hub") as hub:
        hub.repositories["somebody/tiny"] = Repository(files=files_of(checkpoint))
        assert main([*argv, "--only", *(name.replace(" ", "-") for name in quick)]) == 0
    folder = tmp_path / "runs" / "paper-somebody-tiny"
    assert capsys.readouterr().out.strip() == "runs/paper-somebody-tiny/report.html"
    report = (folder / "report.html").read_text("utf-8")
    assert "Not measured" not in report
    places = [report.index(f"<h2>{name.capitalize()}: ") for name in quick]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--text", "nowhere.txt"], "is no file and no folder"),
        (["--text", "-"], "is no file and no folder"),
        (["--tokens", "3"], "tokens"),
        (["--ray", "127.0.0.1:1"], "No Ray cluster answers"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(wrong, words, tmp_path, capsys):
    assert main(["paper", "sink", *wrong, "--out", str(tmp_path / "new")]) == 2
    assert words in capsys.readouterr().err
    assert not list((tmp_path / "new").glob("*-*.json"))


def test_every_experiment_on_one_model_is_among_them():
    assert set(EXPERIMENTS) - set(ORDER) == {"table 3"}
