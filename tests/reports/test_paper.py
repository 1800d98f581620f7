"""The paper's numbers, where they must agree with each other."""

from __future__ import annotations

import pytest

from comparisons.reports import paper
from tests.support import results

TABLES = [name for name in results.EXPERIMENTS if paper.published(name)]


@pytest.mark.parametrize("experiment", TABLES)
def test_every_number_is_one(experiment: str) -> None:
    published = paper.published(experiment)
    assert published.place.lower().startswith(experiment)
    assert all(float(value) >= 0 for column in published.columns for value in column.values.values())


def test_the_speed_up_is_the_ratio_of_the_times() -> None:
    recompute, sinks, ratio = (float(column.values["4096"]) for column in paper.published("figure 10").columns)
    assert recompute / sinks == pytest.approx(ratio, abs=0.05)


def test_tables_2_and_6_agree_where_they_overlap() -> None:
    four = {column.name.partition(",")[0]: column.values["4"] for column in paper.published("table 2").columns}
    largest = {column.name: list(column.values.values())[-1] for column in paper.published("table 6").columns}
    assert {name: largest[name] for name in ("MPT-7B", "Pythia-12B", "Llama-2-7B")} == {
        name: four[name] for name in ("MPT-7B", "Pythia-12B", "Llama-2-7B")
    }


def test_the_paper_recalls_nothing_that_has_left_the_cache() -> None:
    for column in paper.published("table 7").columns:
        cache = int(column.name.split()[1])
        assert all(float(value) == 0 for distance, value in column.values.items() if int(distance) > cache)
