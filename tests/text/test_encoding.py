from __future__ import annotations

import time
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons.runs.lane.questions import prompt_ids
from comparisons.text.encoding import PIECE_CHARACTERS, Encoder
from comparisons.text.feeds import PromptFeed, SourceFeed, TextFeed
from comparisons.text.prompts import as_prompt, turns
from tests.support.kinds_of_tokenizer import LOSSLESS, MAKERS, make
from tests.support.speaking import ids_of

WORDS = [
    "User:",
    "the",
    "lantern",
    "née",
    "über",
    "1807",
    "12345",
    "—",
    "語の本",
    "e\u0301",
    "x" * 30,
    "It's",
    "👩‍👩‍👧",
]
GAPS = [" ", " ", " ", " ", "  ", "\n", "\n\n", ".\n\n", ", ", "", "\r\n", "\t", "   \n  ", "\u00a0"]
ENDLESS = 10**9

WITH_WORDS = [name for name in MAKERS if name != "merges over everything"]


def whole(name: str, text: str) -> list[int]:
    """What the tokenizer makes of the text when it gets all of it."""
    return list(make(name).encode(text, add_special_tokens=False))


@st.composite
def texts(draw, longest: int = 9000) -> str:
    """Words and gaps; long enough for several pieces more often than not."""
    seed = draw(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GAPS)), min_size=1, max_size=40))
    times = draw(st.integers(1, 60))
    return "".join(word + gap for word, gap in seed * times)[:longest].strip() or "word"


@pytest.mark.parametrize("name", MAKERS)
@given(texts())
@settings(max_examples=25, deadline=None)
def test_the_ids_of_a_text_are_those_of_the_whole(name, text):
    assert ids_of(TextFeed(make(name), None, text), ENDLESS) == whole(name, text)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    "text",
    [
        "x" * 9000,
        "語" * 5000,
        "ab" * 4000,
        "1" * 5001,
        " " * 5000 + "x",
        "word " + " " * 4000 + "\n" * 3000 + "end",
        "\n" * 5000 + "x",
    ],
    ids=["x", "cjk", "ab", "digits", "spaces", "gaps", "lines"],
)
def test_a_text_without_words_too(name, text):
    assert ids_of(TextFeed(make(name), None, text), ENDLESS) == whole(name, text)


@pytest.mark.parametrize("name", MAKERS)
@given(st.data())
@settings(max_examples=15, deadline=None)
def test_a_text_that_comes_in_bits_with_pauses_has_the_ids_of_the_whole(name, data):
    text = data.draw(texts(5000))
    bits, at = [], 0
    while at < len(text):
        size = data.draw(st.integers(1, 900))
        bits += [text[at : at + size], None]
        at += size
    assert ids_of((each for each in SourceFeed(make(name), None, bits) if each), ENDLESS) == whole(name, text)


@pytest.mark.parametrize("name", LOSSLESS)
@given(st.lists(st.sampled_from([*WORDS, *GAPS, ""]), min_size=1, max_size=60))
@settings(max_examples=25, deadline=None)
def test_nothing_is_lost_and_nothing_added_where_a_text_was_read_before_it_went_on(name, bits):
    """ "" says: read it now. What follows may have joined it; what has been read stays, and the rest follows."""
    text = "".join(bits)
    ids = ids_of(SourceFeed(make(name), None, bits), ENDLESS)
    assert make(name).decode(ids) == make(name).decode(whole(name, text))


@pytest.mark.parametrize("name", WITH_WORDS)
def test_words_that_were_read_at_a_pause_have_the_ids_of_the_whole(name):
    lines = [line + "\n" for turn in islice(turns(3), 6) for line in turn.text.split("\n") if line]
    bits = [bit for line in lines for bit in (line, "", None)]
    read = ids_of((each for each in SourceFeed(make(name), None, bits) if each), ENDLESS)
    assert read == whole(name, "".join(lines))


@pytest.mark.parametrize("name", WITH_WORDS)
def test_at_a_pause_all_complete_words_are_read(name):
    words = "The harbour master of Corvale keeps 17 grey geese"
    segments = iter(SourceFeed(make(name), None, [f"{words} ", "", None, "and more"]))
    ids = next(segments).ids
    assert next(segments) is None
    assert list(ids) == whole(name, words)


@pytest.mark.parametrize("name", MAKERS)
def test_the_prompt_stream_has_the_ids_of_one_text(name):
    text = "".join(turn.text for turn in islice(turns(3), 100))
    expected = whole(name, text)[:-50]  # the end is that of no text: more turns follow
    assert ids_of(PromptFeed(make(name), None, seed=3), len(expected)) == expected


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("index", [1, 13, 14, 29])
def test_the_prompt_stream_begins_at_any_turn_with_the_ids_that_it_has_there(name, index):
    feed = PromptFeed(make(name), 0, seed=4)
    begun = list(islice(feed, 1 + 2 * index, 1 + 2 * index + 60))
    assert list(islice(feed.from_turn(index), 60)) == begun


@pytest.mark.parametrize("name", LOSSLESS)
def test_each_turn_reads_back_as_it_is(name):
    segments = list(islice(PromptFeed(make(name), None, seed=5), 1, 41))
    front = make(name).encode(".", add_special_tokens=False)
    for segment in segments:
        expected = segment.turn.prompt_text if segment.part == "prompt" else segment.turn.reply_text
        assert make(name).decode([*front, *segment.ids]) == "." + expected


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("line", ["Where is the lantern?", "12 geese", "…", "née"])
def test_a_question_is_read_as_in_the_stream(name, line):
    """With a blank line where the stream is in the middle of a turn, and without one after the end of a turn."""
    blank, ids = prompt_ids(Encoder(make(name)), line)
    expected = whole(name, f"and so on\n\n{as_prompt(line)}")
    assert list(blank + ids) == expected[len(whole(name, "and so on")) :] or name == "merges over everything"
    assert make(name).decode([*whole(name, "a"), *blank, *ids]) == make(name).decode(
        whole(name, f"a\n\n{as_prompt(line)}")
    )


def test_pieces_are_short_and_come_soon():
    feed = TextFeed(make("Llama 2"), None, "a quiet lantern " * 10**6)
    began = time.perf_counter()
    segments = list(islice(feed, 5))
    assert time.perf_counter() - began < 1.0
    assert all(len(make("Llama 2").decode(segment.ids)) <= PIECE_CHARACTERS for segment in segments)
