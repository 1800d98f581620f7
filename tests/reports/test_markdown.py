"""Results in Markdown: ours, and beside them, named as the paper's, the paper's."""

from __future__ import annotations

import pytest

from comparisons.experiments.results import Result
from comparisons.experiments.subjects import no_bar
from comparisons.experiments.tables import policies, sink_counts, sinks_in_training
from comparisons.reports import paper
from comparisons.reports.markdown import markdown, number
from tests.experiments.test_tables import subject
from tests.support import results


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each table in a Markdown text, header first, without the line below it."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    parsed = [[[cell.strip() for cell in line.strip("|").split("|")] for line in block] for block in blocks]
    return [[block[0], *block[2:]] for block in parsed]


@pytest.mark.parametrize("experiment", results.EXPERIMENTS)
def test_tables_are_rectangular_and_the_circumstances_are_told(experiment: str) -> None:
    text = markdown(results.result(experiment))
    for table in tables(text):
        assert {len(row) for row in table} == {len(table[0])}
    assert "Seed 0 of the prompt stream, 8,192 tokens." in text
    assert "`two`: 4.1M parameters, training length 256, float32, cpu" in text
    assert "2 threads, torch 2.13.0" in text


@pytest.mark.parametrize("experiment", ["table 1", "table 2", "table 3"])
def test_the_papers_numbers_stand_in_columns_of_their_own(experiment: str) -> None:
    (table,) = tables(markdown(results.result(experiment)))
    ours = [place for place, name in enumerate(table[0]) if name in ("`one`", "`two`")]
    theirs = [place for place, name in enumerate(table[0]) if name.startswith("paper: ")]
    published = paper.published(experiment)
    assert len(ours) == 2
    assert [table[0][place] for place in theirs] == [f"paper: {column.name}" for column in published.columns]
    for column, place in zip(published.columns, theirs, strict=True):
        assert [row[place] for row in table[1:]] == list(column.values.values())


@pytest.mark.parametrize("experiment", ["table 6", "table 7", "figure 10"])
def test_where_the_rows_differ_the_papers_numbers_stand_in_a_table_of_their_own(experiment: str) -> None:
    text = markdown(results.result(experiment))
    ours, theirs = tables(text)
    assert "paper" not in " ".join(ours[0])
    assert theirs[0][0].startswith("paper: ")
    assert len(theirs) == 1 + len(paper.published(experiment).keys)
    assert text.endswith(f"({paper.SOURCE}).")


def test_the_keys_of_the_papers_rows_are_those_of_ours() -> None:
    for experiment, measure in (("table 1", policies), ("table 2", sink_counts), ("table 3", sinks_in_training)):
        rows = [row.row for row in measure(subject(300, sampled=2), no_bar)]
        assert list(paper.published(experiment).keys) == rows


def test_a_policy_is_held_against_sinks_on_the_same_tokens() -> None:
    (table,) = tables(markdown(results.result("table 1")))
    assert table[1][:4] == ["dense", "6,140", "1,234 (617 ×)", "2,469 (617 ×)"]
    assert table[2][:3] == ["window, 0+128", "6,140", "87.25 (43.6 ×)"]
    assert table[4][:3] == ["StreamingLLM, 4+124", "6,140", "2.00"]


def test_recall_says_counts_shares_and_chance() -> None:
    (table, _) = tables(markdown(results.result("table 7")))
    assert table[1] == ["128", "0 to 31", "in the cache", "19 of 20, 95% (2%)", "19 of 20, 95% (4%)"]
    assert table[2][1:3] == ["32 to 124", "in the cache"]
    assert table[4] == ["128", "497 to 992", "evicted", "0 of 5, 0% (–)", "0 of 5, 0% (–)"]


def test_a_curve_shows_where_a_lane_ended() -> None:
    (table,) = tables(markdown(results.result("figure 3")))
    assert [row[0] for row in table[1:]] == [f"{1024 * n:,}" for n in range(1, 9)]
    dense = table[0].index("`one` dense")
    assert [row[dense] for row in table[1:]] == ["1,024", "2,048", "3,072", "4,096", "–", "–", "–", "–"]
    assert "64 tokens or more in a stretch" in markdown(results.result("figure 3"))


def test_costs_come_with_their_ratio() -> None:
    (table, _) = tables(markdown(results.result("figure 10")))
    assert table[1][:3] == ["`one`", "64", "195.0"]
    assert table[2][5] == f"{(3 + 25.6) / (3 + 768):.2f} ×"


def test_a_model_that_lacks_a_cell_gets_a_dash() -> None:
    made = results.result("table 6")
    fewer = Result(experiment="table 6", about=made.about, rows=made.rows[:-1])
    (table, _) = tables(markdown(fewer))
    assert table[-1][2:] == [number(2 + 10 / 256), "–"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.1234, "0.123"), (1.755, "1.75"), (123.44, "123.4"), (5641.3, "5,641")]
)
def test_numbers_have_the_digits_that_say_something(value: float | None, text: str) -> None:
    assert number(value) == text
