from __future__ import annotations

import sys

import pytest

from comparisons.text.choices import MOST_CHARACTERS, Reading
from comparisons.text.feeds import PromptFeed, Source
from streaming.errors import SettingsError
from tests.support.speaking import ids_of, loaded, tokenizer


def read_back(reading: Reading, seed: int = 0) -> str:
    return tokenizer().decode(ids_of(reading.feed(loaded(), seed=seed), 10**6)[1:])


def test_by_default_the_prompt_stream_of_the_seed_is_read():
    feed = Reading(text="not asked for").feed(loaded(), seed=7)
    assert ids_of(feed, 300) == ids_of(PromptFeed(tokenizer(), 0, seed=7), 300)
    assert Reading().source == Source(name="prompts", characters=0)


@pytest.mark.parametrize(
    "text", ["One line.", "\ufeffmarked", "nul \0 and \x1b[31m", "left \u202e right", "\u200b", "è\r\n語"]
)
def test_a_text_of_ones_own_is_read_as_it_is(text):
    reading = Reading(kind="text", text=text)
    assert read_back(reading) == text
    assert reading.source == Source(name="text", characters=len(text))


@pytest.mark.parametrize("text", ["", "  \n\t ", None, 5, ["a"], {"path": "/etc/passwd"}])
def test_nothing_to_read_is_refused(text):
    with pytest.raises(SettingsError, match="There is no text to read"):
        Reading(kind="text", text=text)


def test_a_text_may_be_as_long_as_the_limit_and_no_longer():
    assert Reading(kind="text", text="x" * MOST_CHARACTERS).source.characters == MOST_CHARACTERS
    with pytest.raises(SettingsError, match=r"2,000,001 characters: 2,000,000 can be read"):
        Reading(kind="text", text="x" * (MOST_CHARACTERS + 1))


def test_the_python_reference_is_a_long_text_about_python():
    reading = Reading(kind="python", text="not asked for")
    assert reading.source.name == "python" and 200_000 < reading.source.characters < MOST_CHARACTERS
    assert 'The "assert" statement' in reading.text and "not asked for" not in reading.text


def test_the_python_reference_is_imported_when_it_is_asked_for(monkeypatch):
    monkeypatch.delitem(sys.modules, "pydoc_data.topics", raising=False)
    Reading(kind="text", text="some text")
    assert "pydoc_data.topics" not in sys.modules
    Reading(kind="python")
    assert "pydoc_data.topics" in sys.modules


def test_prompts_of_the_seed_follow_where_they_are_wanted():
    feed = Reading(kind="text", text="The end.", after="prompts").feed(loaded(), seed=3)
    ids = ids_of(feed, 400)
    assert tokenizer().decode(ids[1:]).startswith("The end.\n\nUser: ")
    assert Reading(kind="python", after="prompts").source.name == "python+prompts"


def test_a_text_is_not_shown_by_accident():
    assert "secret" not in repr(Reading(kind="text", text="secret"))


@pytest.mark.parametrize("wrong", [{"kind": "file"}, {"kind": None}, {"after": "again"}, {"after": ["stop"]}])
def test_what_is_no_choice_is_refused(wrong):
    with pytest.raises(SettingsError, match="must be one of"):
        Reading(**wrong)
