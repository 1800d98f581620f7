"""What is said before Start is true of the model, the settings and the server, in every language."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import pytest

from comparisons.page.expectations import expectation, instead, unread
from comparisons.page.forms import FORGETS_RECENT, Form, presets
from comparisons.page.words import languages
from comparisons.runs.fit import NoteKind, fit
from comparisons.server.fits import Suited
from tests.runs.test_fit import GB, SMOLLM2, TINY

ENGLISH, *OTHERS = languages().values()
WIDE = replace(SMOLLM2, token_bytes=46_080)  # in float32


def suited(model="smollm2", facts=SMOLLM2, memory=2 * GB, cores=2.0) -> Suited:
    return Suited(model=model, facts=facts, fit=fit(facts, memory_bytes=memory, cores=cores), cores=cores)


def said(known: Suited, words=ENGLISH, **changes) -> str:
    return expectation(words, known, replace(Form.suiting(known.fit), **changes))


def test_a_model_that_leaves_its_training_length_is_told_by_when():
    assert said(suited()) == (
        "Press Start: after about 72 seconds here, the dense cache leaves the 8,192 tokens that “smollm2” was trained "
        "on."
    )
    assert "about 2 minutes here" in said(suited(), lanes=("window", "recompute"))
    assert "about 5 minutes here" in said(suited(), pace=30)
    assert "about 3 seconds here" in said(suited("sink", TINY))
    slow = replace(SMOLLM2, token_seconds=1.0)
    assert "about 2 hours here" in said(suited(facts=slow)) and "No lane answers by itself" not in said(suited())


def test_dense_that_stops_before_is_told_where_and_what_would_be_enough():
    assert said(suited(facts=WIDE), budget_mb=32, recent=1020) == (
        "The dense cache will stop at 694 of the 8,192 tokens that “smollm2” was trained on, out of memory. So will a "
        "cache of 1,024 tokens, which needs 48 MB. To see more, raise the memory limit to 567 MB."
    )
    assert "and stops at 8,680, out of memory" in said(suited(facts=WIDE), budget_mb=400)
    poor = suited(facts=WIDE, memory=GB // 2)
    assert "One run cannot have more memory than that" in said(poor) and "raise" not in said(poor)


def test_what_would_be_enough_is():
    known = suited(facts=WIDE)
    enough = re.search(r"raise the memory limit to (\d+) MB", said(known, budget_mb=32, recent=1020))
    assert "stop" not in said(known, budget_mb=int(enough[1]), recent=1020)


def test_a_slow_model_answers_nothing_and_a_text_may_be_short():
    slow = replace(SMOLLM2, step_seconds=1.0)
    assert "No lane answers by itself: one answer takes about 60 seconds here." in said(suited(facts=slow))
    assert "A text that is shorter ends before." in said(suited(), source="text")
    assert "shorter" not in said(suited(), source="text", after="prompts")


def test_of_a_chat_is_said_what_is_sure():
    known = replace(suited(), later=70)
    told = said(known, mode="chat")
    assert "at most 64 tokens each; “smollm2” was trained on 8,192." in told and "72 seconds" not in told
    assert told.endswith("start after turn 70.")
    assert said(known, mode="chat", start_turn=70).endswith("The first 70 turns are read, not generated.")
    assert "The dense cache will stop at 694 of" in said(suited(facts=WIDE), mode="chat", budget_mb=32)


@pytest.mark.parametrize("words", languages().values(), ids=lambda words: words.language)
def test_every_language_has_every_sentence_and_its_own_numbers(words):
    slow = suited(facts=replace(WIDE, step_seconds=1.0))
    stops = said(slow, words, budget_mb=32, recent=1020, source="text")
    assert "694" in stops and words.count(8192) in stops and words.count(1024) in stops and "{" not in stops
    later = replace(slow, later=9)
    told = [said(later, words, mode="chat"), said(later, words, mode="chat", start_turn=9)]
    told += [said(slow, words), said(slow, words, budget_mb=400), unread(words, "a/b"), instead(words, "real", "tiny")]
    assert all("{" not in one and len(one) > 20 for one in told)
    assert words.group("expects").keys() >= set(get_args(NoteKind)) - {"small_cache"}
    assert words.count(8192) == ("8,192" if words.language == "en" else "8.192")


@pytest.mark.parametrize("known", [suited("sink", TINY), suited(), suited(facts=WIDE, memory=GB // 2)])
def test_every_preset_is_a_run_that_fits_the_model(known):
    usual = Form.suiting(known.fit)
    for form in presets(usual).values():
        run = form.settings(known.fit)
        assert run.chunk <= 256 and run.answers == known.fit.answers
        assert (form.sinks, form.budget_mb) == (usual.sinks, usual.budget_mb) and form.recent <= usual.recent
    assert presets(usual)["recall"].recent == min(usual.recent, FORGETS_RECENT)
