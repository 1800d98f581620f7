"""Every cell of a table is what a stream of that policy gives, read directly."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from comparisons.experiments.measuring import first_ids, no_bar, recomputed
from comparisons.experiments.recall import ask
from comparisons.experiments.results import Perplexity
from comparisons.experiments.subjects import Request, Subject
from comparisons.experiments.tables import (
    cache_sizes,
    edges,
    line_break,
    policies,
    recall_by_distance,
    sink_counts,
    sinks_in_training,
)
from comparisons.metrics import perplexity
from comparisons.text.prompts import turns
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support.speaking import by_rote, loaded


def subject(tokens: int = 2000, caches: tuple[int, ...] = (32,), model=None, sampled: int = 25) -> Subject:
    model, request = model or loaded(), Request()
    ids = first_ids(request.feed(model), tokens)
    return Subject(loaded=model, ids=ids, caches=caches, sampled=sampled, request=request)


def nats(policy: str, ids: torch.Tensor) -> np.ndarray:
    return open_stream(loaded(), Policy.parse(policy)).read(ids).double().numpy()


def cells(rows) -> dict[str, float]:
    return {row.row: row.perplexity for row in rows}


@pytest.fixture(scope="module")
def table_1() -> dict[str, Perplexity]:
    return {row.row: row for row in policies(subject(), no_bar)}


def test_table_1_has_a_row_for_each_policy(table_1: dict[str, Perplexity]) -> None:
    assert list(table_1) == ["dense", "window", "recompute", "sinks", "line breaks"]
    labels = [row.policy for row in table_1.values()]
    assert labels == ["dense", "window:32", "recompute:32", "sinks:4+28", "sinks:4+28"]
    assert {row.cache for row in table_1.values()} == {32}


@pytest.mark.parametrize(("key", "policy"), [("window", "window:32"), ("sinks", "sinks:4+28")])
def test_a_cell_is_the_perplexity_of_its_policy(table_1: dict[str, Perplexity], key: str, policy: str) -> None:
    ids = subject().ids
    row = table_1[key]
    assert row.tokens == len(ids) - 4
    assert row.perplexity == pytest.approx(perplexity(nats(policy, ids)[4:]))
    assert row.reference == pytest.approx(perplexity(nats("sinks:4+28", ids)[4:]))


def test_dense_is_read_for_24_training_lengths(table_1: dict[str, Perplexity]) -> None:
    ids = subject().ids[: 24 * loaded().context]
    row = table_1["dense"]
    assert len(ids) < len(subject().ids)
    assert row.tokens == len(ids) - 4
    assert row.perplexity == pytest.approx(perplexity(nats("dense", ids)[4:]))
    assert row.reference == pytest.approx(perplexity(nats("sinks:4+28", ids)[4:]))


def test_recomputation_is_held_against_sinks_at_the_same_places(table_1: dict[str, Perplexity]) -> None:
    ids, row = subject().ids, table_1["recompute"]
    places = np.unique(np.linspace(64, len(ids) - 1, 25, dtype=int))
    assert row.tokens == len(places)
    assert row.perplexity == pytest.approx(perplexity(recomputed(loaded(), 32, ids, places)))
    assert row.reference == pytest.approx(perplexity(nats("sinks:4+28", ids)[places]))


def test_line_breaks_take_the_places_of_the_first_four_tokens(table_1: dict[str, Perplexity]) -> None:
    ids = subject().ids
    broken = torch.tensor([line_break(loaded())] * 4 + ids[4:].tolist())
    row = table_1["line breaks"]
    assert row.perplexity == pytest.approx(perplexity(nats("sinks:4+28", broken)[4:]))
    assert row.perplexity != pytest.approx(table_1["sinks"].perplexity)


@pytest.mark.parametrize(("measure", "counts"), [(sink_counts, [0, 1, 2, 4, 8]), (sinks_in_training, [0, 1, 2, 4])])
def test_sinks_are_counted_at_an_equal_budget(measure, counts: list[int]) -> None:
    wanted = subject(600)
    rows = list(measure(wanted, no_bar))
    direct = {str(n): f"sinks:{n}+{32 - n}" for n in counts}
    assert cells(rows) == {
        key: pytest.approx(perplexity(nats(policy, wanted.ids)[4:])) for key, policy in direct.items()
    }
    assert all(Policy.parse(row.policy).budget == 32 for row in rows)


def test_cache_sizes_are_compared_with_four_sinks_each() -> None:
    wanted = subject(600, caches=(16, 64))
    direct = {"16": "sinks:4+12", "64": "sinks:4+60"}
    assert cells(cache_sizes(wanted, no_bar)) == {
        key: pytest.approx(perplexity(nats(policy, wanted.ids)[4:])) for key, policy in direct.items()
    }


def test_recall_by_distance_is_a_count_of_questions() -> None:
    """Counted again, one question at a time, with a model that always says the answer of the first question."""
    first = next(each.answer for each in turns(0) if each.answer)
    words = loaded().tokenizer.encode(f" {first}\n", add_special_tokens=False)
    speaker = by_rote(":", *(loaded().tokenizer.decode([word]) for word in words))
    rows = list(recall_by_distance(subject(3000, caches=(64,), model=speaker), no_bar))
    asked, right = Counter(), Counter()
    for each in ask(speaker, Policy.parse("sinks:4+60"), seed=0, tokens=3000):
        (row,) = (row for row in rows if row.begin <= each.distance <= row.end)
        asked[row] += 1
        right[row] += each.turn.answer in first
    assert [(row.asked, row.right) for row in rows] == [(asked[row], right[row]) for row in rows]
    assert sum(row.right for row in rows) >= 1
    assert any(row.end <= row.recent for row in rows)
    assert any(row.begin > row.recent for row in rows)
    assert all(row.chance is None or 0 <= row.chance <= 1 for row in rows)


@pytest.mark.parametrize("recent", [12, 60, 124, 1020])
def test_a_range_of_distances_ends_where_facts_leave_the_cache(recent: int) -> None:
    cut = edges(recent, 5000)
    assert recent + 1 in cut
    assert cut[-1] > 5000
    assert cut == sorted(set(cut))
    assert cut[0] == 0


def test_the_last_distance_in_the_cache_is_the_last_whose_token_is_attended_to() -> None:
    """By the policy's own arithmetic: the question's last token asks, `recent` tokens before it are seen."""
    policy, now = Policy.parse("sinks:4+60"), 1000
    seen = policy.window.attended(now)
    assert now - 60 in seen
    assert now - 61 not in seen
