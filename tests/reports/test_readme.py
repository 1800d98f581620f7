"""README and cards say what was measured, and the files that they are made of agree with each other."""

from __future__ import annotations

import json
import re

import pytest

from comparisons.experiments.quality import Attention, Quality, Recall, TextQuality
from comparisons.experiments.results import load
from comparisons.paths import RESULTS
from comparisons.recordings import files, player
from comparisons.reports import readme as report
from comparisons.reports.cards import card, side_by_side
from comparisons.reports.results_pages import headline, measured_models, other, page, quality, result_pages
from streaming import models
from streaming.errors import SettingsError
from tests.support.results import result
from tests.support.serving import ROOT

MADE_UP = Quality(
    model="sink", seed=0, tokens=200_000, context=256, budget=128, in_context=2.0,
    sinks={"0": 4000.0, "1": 2.02, "2": 2.01, "4": 2.0, "8": 1.9}, first=2.0, last=2.05,
    dense=500.0, sinks_with_dense=2.5, recompute=1.9, sinks_there=2.0, places=400,
    budgets={"32": 2.5, "256": 2.0, "64": 2.25},
    attention=Attention(
        sinks=[[0.9, 0.5], [0.7, 0.9]], sinks_queries=100, in_context=[[0.25, 0.25], [0.25, 0.75]],
        in_context_queries=90,
    ),
    texts=[TextQuality(
        name="a book", tokens=40_000, sinks=100.0, places=400, sinks_there=110.0, recompute=99.0,
    )],
    recall=Recall(cached=200, cached_right=180, evicted=70, evicted_right=1, evicted_chance=0.02),
)  # fmt: skip


def row(page: str, begin: str) -> list[str]:
    """The cells of a table's row."""
    line = next(line for line in page.splitlines() if line.startswith(f"| {begin}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_readme_and_cards_hold_what_was_measured() -> None:
    pages = report.pages()
    assert len(pages) == 1 + len(models.available()) + len(result_pages())
    assert {path.name for path in (ROOT / "docs" / "results").glob("*.md")} == result_pages().keys()
    for path, text in pages.items():
        assert path.read_text("utf-8") == text, f"{path.name}: run python -m comparisons report"


def test_the_readme_is_short_and_links_every_page_of_results() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 200
    assert "](docs/results/README.md)" in readme
    index = page("README.md")
    assert all(f"]({name})" in index for name in result_pages() if name != "README.md")


def test_the_papers_tables_stand_beside_the_papers_own_numbers() -> None:
    page = (ROOT / "docs" / "results" / "paper.md").read_text("utf-8")
    for name in ("Table 1", "Table 2", "Table 3", "Table 6", "Table 7", "Figure 10"):
        assert re.search(rf"{name}: .*?The paper’s own numbers: {name}", page, re.DOTALL), name
    assert "Llama-2-7B, cache 4096" in page
    assert "3359.95" in page


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*-*.json")), ids=lambda path: path.stem)
def test_a_result_that_is_kept_is_whole_and_of_a_bundled_model(path) -> None:
    kept = load(path.read_text("utf-8"))
    assert path.stem == kept.experiment.replace(" ", "-")
    assert kept.about.complete
    assert {each.name for each in kept.about.models} <= set(models.available())
    assert path.stat().st_size < 60_000


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/*-*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_result_of_another_model_is_whole_and_of_that_model(path) -> None:
    kept = load(path.read_text("utf-8"))
    assert path.stem == kept.experiment.replace(" ", "-")
    assert {each.name for each in kept.about.models} == {path.parent.name}
    assert path.stat().st_size < 60_000


def test_what_is_kept_of_another_model_makes_a_page_and_a_sentence(tmp_path) -> None:
    assert "not measured yet, `make results MODEL=other`" in headline("other", tmp_path)
    assert measured_models(tmp_path) == []
    (tmp_path / "other").mkdir()
    for name in ("table 1", "figure 3", "figure 10"):
        kept = tmp_path / "other" / f"{name.replace(' ', '-')}.json"
        kept.write_text(result(name).as_json(), "utf-8")
    (tmp_path / "other" / "marathon.json").write_text((RESULTS / "marathon.json").read_text("utf-8"), "utf-8")
    assert measured_models(tmp_path) == ["other"]
    said = headline("other", tmp_path)
    assert "perplexity 1,234 with a dense cache (dense, 6,140 tokens)" in said and "2.00 with StreamingLLM" in said
    text = other(tmp_path / "other")
    assert re.findall(r"^## (.*)", text, re.MULTILINE)[-1] == "A long stream"
    assert all(f"## {name}: " in text for name in ("Table 1", "Figure 3", "Figure 10"))
    assert "4,000,000 tokens in 10 minutes" not in text and "4,000,000 tokens in 10 minutes" in page("long-stream.md")


def perplexities(experiment: str, model: str) -> dict[str, float]:
    rows = load((RESULTS / f"{experiment}.json").read_text("utf-8")).rows
    return {row.row: row.perplexity for row in rows if row.model == model}


def test_one_thing_has_one_number_wherever_it_is_printed() -> None:
    """The card of a model and the tables: the same stream, the same tokens that count, the same definition."""
    for model in models.available():
        known = quality(model)
        for experiment, name in (("table-2", "sinks"), ("table-3", "sinks"), ("table-6", "budgets")):
            for key, perplexity in perplexities(experiment, model).items():
                assert perplexity == pytest.approx(known[name][key], rel=1e-5), f"{experiment}, {model}, {key}"
    known, table_1 = quality("sink"), perplexities("table-1", "sink")
    four = {name: known[name] for name in ("dense", "recompute")} | {"window": known["sinks"]["0"]}
    four |= {"sinks": known["sinks"]["4"], "line breaks": table_1["line breaks"]}
    assert table_1 == pytest.approx(four, rel=1e-5)
    recalled = [row for row in load((RESULTS / "table-7.json").read_text("utf-8")).rows if row.cache == 128]
    cached, evicted = ([row for row in recalled if (row.end <= row.recent) == there] for there in (True, False))
    found = [sum(getattr(row, name) for row in rows) for rows in (cached, evicted) for name in ("asked", "right")]
    assert found == [known["recall"][name] for name in ("cached", "cached_right", "evicted", "evicted_right")]


def test_the_marathons_figures_are_those_of_its_recording() -> None:
    known = json.loads((RESULTS / "marathon.json").read_text("utf-8"))
    path = ROOT / "assets" / "recordings" / "marathon.json"
    assert path.stat().st_size <= 200_000
    recording = files.load(path)
    last = player.overview(recording)["lanes"][0]
    assert (last["label"], last["tokens"]) == (known["policy"], known["tokens"])
    assert {point[2] for point in last["curve"]["points"]} == {known["kv_bytes"]}
    assert last["seconds"] == pytest.approx(60 * known["minutes"], rel=1e-3)
    assert last["perplexity_total"] == pytest.approx(known["perplexity"], rel=1e-4)
    assert recording.header["recorded_at"] == known["begun"]
    most = max(one[1] for one in recording.rss if one[0] >= known["span"])
    assert most <= known["rss_most_since_bytes"]


def test_a_card_says_every_figure_against_what_was_aimed_at() -> None:
    page = card(MADE_UP.as_dict())
    assert row(page, "`sinks` 4 against in context")[1:] == ["≤ 1.08 ×", "1.000 ×"]
    assert row(page, "`sinks` 1 against")[1:] == ["0.98 to 1.02 ×", "1.010 × (2.02)"]
    assert row(page, "`recompute` against")[1:] == ["0.95 to 1.05 ×", "0.950 × (1.90)"]
    assert row(page, "`window`")[1:] == ["≥ 15 ×", "2,000 × (4,000)"]
    assert row(page, "`dense`, 24 training lengths")[1:] == ["≥ 100 ×", "200 × (500.0)"]
    assert row(page, "`sinks` 4: last tenth")[1:] == ["0.97 to 1.03 ×", "1.025 ×"]
    assert row(page, "facts answered right while")[1:] == ["≥ 90 %", "180 of 200, 90 %"]
    assert row(page, "facts answered right after")[1:] == ["at chance", "1 of 70, 1 % (chance 2 %)"]
    assert row(page, "mean attention on the 4 sinks")[2] == "75.0 %"
    assert row(page, "sinks |")[1:] == ["0", "1", "2", "4", "8"]
    assert row(page, "cache, tokens |")[1:] == ["32", "64", "256"]
    assert row(page, "a book")[1:] == ["40,000", "100.0", "400", "99.00", "110.0", "0.900 ×"]
    assert row(page, "layer 1")[1:] == ["70.0", "90.0"]


def test_models_stand_side_by_side_and_only_the_first_is_aimed() -> None:
    other = {**MADE_UP.as_dict(), "model": "other", "in_context": 1.0}
    page = side_by_side([MADE_UP.as_dict(), other])
    assert row(page, " |")[1:] == ["aim for `sink`", "`sink`", "`other`"]
    assert row(page, "perplexity in context")[1:] == ["", "2.00", "1.00"]


def test_only_what_is_between_the_markers_is_rewritten() -> None:
    begin, end = "<!-- figures: python -m comparisons report -->", "<!-- end of figures -->"
    page = f"before\n\n{begin}\n\nold\n\n{end}\nafter\n"
    written = report.with_sections(page, {"figures": lambda: "new \\1 {x}"})
    assert written == f"before\n\n{begin}\n\nnew \\1 {{x}}\n\n{end}\nafter\n"
    assert report.with_sections(written, {"figures": lambda: "new \\1 {x}"}) == written


def test_a_page_without_markers_is_told_of() -> None:
    with pytest.raises(SettingsError, match="no section 'results'"):
        report.with_sections("nothing here", {"results": str})


def test_a_model_that_was_not_measured_is_told_of_with_the_command() -> None:
    with pytest.raises(SettingsError, match="python -m comparisons measure nowhere --save"):
        quality("nowhere")
