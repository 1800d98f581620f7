from __future__ import annotations

import json
import re
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparisons.paths import ASSETS
from comparisons.text.requests import TURNS_PER_ROUND, request, requests
from streaming.errors import SettingsError

DATA = json.loads((ASSETS / "dialogue" / "requests.json").read_text("utf-8"))
seeds = st.integers(min_value=0, max_value=10**6)


def test_there_are_forms_enough_and_none_twice():
    forms = [form for kind in DATA["kinds"].values() for form in kind]
    assert len(forms) == len(set(forms)) >= 400
    assert min(map(len, DATA["kinds"].values())) >= 30


def test_every_slot_has_words_enough_and_every_list_is_used():
    texts = [
        *(form for kind in DATA["kinds"].values() for form in kind),
        *(t for f in DATA["facts"] for t in f.values()),
    ]
    slots = {slot for text in texts for slot in re.findall(r"\{(\w+)\}", text)}
    assert {slot.rstrip("23") for slot in slots} == set(DATA["slots"])
    assert all(len(words) == len(set(words)) >= 4 for words in DATA["slots"].values())


@given(seed=seeds, start=st.integers(min_value=0, max_value=5000))
def test_a_turn_is_the_same_wherever_one_begins(seed, start):
    assert [request(seed, start + i) for i in range(25)] == list(islice(requests(seed, start), 25))


@given(seed=seeds)
def test_seeds_differ_and_slots_are_filled(seed):
    turns = list(islice(requests(seed), 60))
    assert [t.text for t in turns] != [t.text for t in islice(requests(seed + 1), 60)]
    assert not any(re.search(r"[{}]|  ", t.text) for t in turns)


@given(seed=seeds, number=st.integers(min_value=0, max_value=50))
def test_a_question_asks_for_what_was_told_last_of_its_kind(seed, number):
    """Nothing between the telling and the asking tells another answer to the same question."""
    turns = list(islice(requests(seed), (number + 1) * TURNS_PER_ROUND))[-2 * TURNS_PER_ROUND :]
    for turn in (t for t in turns if t.asks is not None):
        told = request(seed, turn.asks)
        assert told.kind == "tell" and turn.answer in told.text and turn.asks < turn.index
        tellings = [t for t in turns if t.kind == "tell" and turn.asks < t.index < turn.index]
        assert told.text.split()[:4] not in [t.text.split()[:4] for t in tellings]


@given(seed=seeds)
def test_both_a_near_and_a_far_question_come_in_every_round(seed):
    second = [request(seed, TURNS_PER_ROUND + i) for i in range(TURNS_PER_ROUND)]
    distances = sorted(t.index - t.asks for t in second if t.asks is not None)
    assert distances[0] <= 4 and distances[1] >= TURNS_PER_ROUND


@given(seed=seeds)
def test_a_form_comes_again_only_after_all_others_of_its_kind(seed):
    explain = [t.index for t in islice(requests(seed), 700) if t.kind == "explain"]
    size = len(DATA["kinds"]["explain"])
    texts = [request(seed, index).text for index in explain[:size]]
    assert len(set(texts)) == size


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1), (True, 0), (0, 1.5), ("0", 0)])
def test_what_is_no_seed_or_turn_is_refused(seed, index):
    with pytest.raises(SettingsError, match="whole number"):
        request(seed, index)
