from __future__ import annotations

import time
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from comparisons.text.feeds import PromptFeed, TextFeed
from comparisons.text.prompts import turn
from streaming.errors import SettingsError
from tests.support.speaking import ids_of, tokenizer


def read_back(ids) -> str:
    return tokenizer().decode(list(ids), skip_special_tokens=False)


def test_the_start_token_comes_once_in_front():
    segments = list(islice(PromptFeed(tokenizer(), 0, seed=3), 40))
    assert (segments[0].ids, segments[0].part, segments[0].turn) == ((0,), "start", None)
    assert all(0 not in segment.ids for segment in segments[1:])


def test_without_a_start_token_the_text_begins_at_once():
    assert next(iter(PromptFeed(tokenizer(), None))).part == "prompt"
    assert next(iter(TextFeed(tokenizer(), None, "Hello there."))).part == "text"


def test_prompts_and_replies_take_turns_and_read_back_as_they_were():
    segments = list(islice(PromptFeed(tokenizer(), None, seed=5), 60))
    for place, segment in enumerate(segments):
        expected = turn(5, place // 2)
        assert segment.turn == expected
        assert segment.part == ("prompt", "reply")[place % 2]
        assert read_back(segment.ids) == (expected.prompt_text, expected.reply_text)[place % 2]


def test_every_reader_gets_the_same_ids_and_another_seed_gives_others():
    feed = PromptFeed(tokenizer(), 0, seed=1)
    one, other = iter(feed), iter(feed)
    next(one)
    assert ids_of(other, 500)[1:] == ids_of(one, 499)
    assert ids_of(PromptFeed(tokenizer(), 0, seed=2), 500) != ids_of(feed, 500)


@pytest.mark.parametrize("index", [0, 1, 13, 14, 500])
def test_a_feed_can_begin_at_any_turn(index):
    feed = PromptFeed(tokenizer(), 0, seed=4)
    from_the_start = islice(feed, 1 + 2 * index, 1 + 2 * index + 70)
    assert list(islice(feed.from_turn(index), 70)) == list(from_the_start)


@given(st.text(min_size=1).filter(str.strip))
@settings(deadline=None)
@example("word " * 3000)
@example("x" * 9000)
@example("語" * 5000)
@example(" " * 5000 + "x")
@example("👩‍👩‍👧 née\u0000\u202e\r\n" * 700)
def test_a_text_of_any_kind_is_read_to_its_end(text):
    segments = list(TextFeed(tokenizer(), 0, text))
    assert read_back(token for segment in segments[1:] for token in segment.ids) == text


@given(st.lists(st.sampled_from(["a", "lantern", "über", "x", "1807", "—", "the"]), min_size=1, max_size=3000))
@settings(deadline=None)
def test_the_ids_of_a_plain_text_are_those_of_the_whole(words):
    text = " ".join(words)
    assert ids_of(TextFeed(tokenizer(), None, text), 10**6) == tokenizer().encode(text, add_special_tokens=False)


def test_a_long_text_is_never_tokenised_whole():
    segments = iter(TextFeed(tokenizer(), 0, "a quiet lantern " * 2_000_000))
    began = time.perf_counter()
    next(segments), next(segments)
    assert time.perf_counter() - began < 1.0


def test_text_that_spells_a_special_token_is_only_text():
    ids = ids_of(TextFeed(tokenizer(), 0, "before <s> and </s> after"), 100)
    assert ids[0] == 0
    assert not {0, 1} & set(ids[1:])
    assert read_back(ids[1:]) == "before <s> and </s> after"


def test_half_a_surrogate_pair_is_read_as_the_replacement_character():
    assert read_back(ids_of(TextFeed(tokenizer(), None, "a \ud800 b"), 100)) == "a \ufffd b"


@pytest.mark.parametrize("text", ["", " \n\t", None, b"bytes", 3])
def test_no_text_is_refused(text):
    with pytest.raises(SettingsError, match="text"):
        TextFeed(tokenizer(), 0, text)


def test_a_text_that_goes_on_is_followed_by_the_prompt_stream_after_an_empty_line():
    segments = list(islice(TextFeed(tokenizer(), 0, "Once upon a time.", prompts_seed=5), 7))
    assert [segment.part for segment in segments] == ["start", "text", "text", "prompt", "reply", "prompt", "reply"]
    assert read_back(segments[2].ids) == "\n\n"
    assert segments[3:] == list(islice(PromptFeed(tokenizer(), None, seed=5), 4))


def test_without_prompts_a_stream_ends_with_its_text():
    assert list(TextFeed(tokenizer(), 0, "The end."))[-1].part == "text"
    assert read_back(ids_of(TextFeed(tokenizer(), None, "The end."), 10**6)) == "The end."
