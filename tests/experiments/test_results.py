"""Results come back from JSON as they were, and from CSV with every value."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict

import pytest

from comparisons.experiments.catalogue import EXPERIMENTS
from comparisons.experiments.results import as_csv, load
from streaming.errors import RecordingError
from tests.support import results


def test_every_experiment_is_among_these_results() -> None:
    assert set(results.EXPERIMENTS) == set(EXPERIMENTS)


@pytest.mark.parametrize("experiment", results.EXPERIMENTS)
def test_json_there_and_back(experiment: str) -> None:
    made = results.result(experiment)
    assert load(made.as_json()) == made


@pytest.mark.parametrize("experiment", results.EXPERIMENTS)
def test_csv_has_every_value_of_every_row(experiment: str) -> None:
    rows = results.result(experiment).rows
    read = list(csv.DictReader(io.StringIO(as_csv(rows))))
    wanted = [{name: "" if value is None else str(value) for name, value in asdict(row).items()} for row in rows]
    assert read == wanted


def test_a_result_holds_none_of_the_papers_numbers() -> None:
    written = results.result("table 2").as_json()
    assert "3359.95" not in written and "paper" not in written


@pytest.mark.parametrize(
    "damage",
    [
        lambda read: read.pop("about"),
        lambda read: read.update(experiment="table 99"),
        lambda read: read["rows"][0].pop("perplexity"),
        lambda read: read["rows"][0].update(more=1),
        lambda read: read["about"].update(models=None),
    ],
)
def test_a_damaged_result_is_refused(damage) -> None:
    read = json.loads(results.result("table 1").as_json())
    damage(read)
    with pytest.raises(RecordingError, match="make it again"):
        load(json.dumps(read))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(RecordingError):
        load("| a | b |")
