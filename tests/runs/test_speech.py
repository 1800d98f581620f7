from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparisons.runs.dialogue.speech import broken_words, repetition

words = st.lists(st.sampled_from(["one", "two", "three", "four", "five", "six", "seven"]), max_size=40)


@given(st.lists(words, max_size=5))
def test_repetition_is_the_share_of_4_grams_that_came_before(answers):
    seen, again, total = set(), 0, 0
    for answer in answers:
        for i in range(len(answer) - 3):
            gram = tuple(answer[i : i + 4])
            again += gram in seen
            total += 1
            seen.add(gram)
    assert repetition([" ".join(a) for a in answers]) == (pytest.approx(again / total) if total > 1 else None)


def test_case_and_punctuation_make_no_difference_and_numbers_are_no_words():
    assert repetition(["A lighthouse, often called a lighthouse.", "a LIGHTHOUSE often called 12 a lighthouse"]) == 0.5


def test_words_that_a_tokenizer_must_spell_are_broken():
    assert broken_words("the vinvinvin", lambda text: range(len(text))) == 1.0
    assert broken_words("a cat", lambda text: [0]) == 0.0
    assert broken_words("12 %", lambda text: [0]) is None
