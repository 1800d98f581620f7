"""What makes an answer right: one table of cases for Python and for the page (`tests/browser/test_scripts.py`)."""

from __future__ import annotations

import json
from itertools import islice, pairwise
from pathlib import Path

import pytest

from comparisons.text.facts import says
from comparisons.text.prompts import turns

CASES = json.loads(Path(__file__).with_name("facts.json").read_text("utf-8"))


@pytest.mark.parametrize(("text", "fact", "right"), CASES)
def test_a_fact_is_said_where_its_words_stand(text: str, fact: str, right: bool) -> None:
    assert says(text, fact) is right


def test_every_reference_reply_of_the_stream_is_right_and_other_turns_facts_are_not_in_it() -> None:
    asked = [each for each in islice(turns(0), 1500) if each.answer]
    assert all(says(each.reply, each.answer) for each in asked)
    assert sum(says(each.reply, other.answer) for each, other in pairwise(asked)) < len(asked) / 50
