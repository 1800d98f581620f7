from __future__ import annotations

import json
import re

import pytest

from comparisons.__main__ import main
from comparisons.commands.paper import ORDER
from comparisons.experiments.catalogue import EXPERIMENTS

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
    assert main(["paper", "sink", "--tokens", "40", "--only", "table-2", "--out", str(tmp_path)]) == 1
    assert "Not measured: " in (tmp_path / "report.html").read_text("utf-8")
    assert "table 2: " in capsys.readouterr().err


def test_every_experiment_on_one_model_is_among_them():
    assert set(EXPERIMENTS) - set(ORDER) == {"table 3"}
