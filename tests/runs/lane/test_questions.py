from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons.runs.lane.questions import MOST_CHARACTERS, Inbox, Question, as_line
from streaming.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  Who hid\r\n the\tlantern? ", "Who hid the lantern?"),
        ("<b>${x}</b>{{y}} </s>", "<b>${x}</b>{{y}} </s>"),
        ("\u202emirrored\u2067 👩‍👩‍👧 語", "\u202emirrored\u2067 👩‍👩‍👧 語"),
        ("x" * MOST_CHARACTERS, "x" * MOST_CHARACTERS),
    ],
)
def test_a_question_is_one_line_of_whatever_text(text, line):
    assert as_line(text) == line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (" \n\t\u00a0", "empty"),
        ("x" * (MOST_CHARACTERS + 1), "500 characters, not 501"),
        (" " * 10**6, "500 characters, not 1,000,000"),
        ("a\x00b", r"U\+0000"),
        ("a\x1b[31mb", r"U\+001B"),
        ("half \ud800", r"U\+D800"),
        (None, "must be text, not NoneType"),
        (["Who?"], "must be text, not list"),
        (True, "must be text, not bool"),
    ],
)
def test_what_is_no_question_is_refused_in_words(text, words):
    with pytest.raises(SettingsError, match=words):
        as_line(text)


@given(st.text())
@settings(deadline=None)
def test_a_line_is_a_question_again_and_can_be_sent(text):
    try:
        line = as_line(text)
    except SettingsError:
        return
    assert as_line(line) == line
    assert line.isprintable() or not any(ord(character) < 32 for character in line)
    assert line.encode()


def question(number: int) -> Question:
    return Question(id=number, text="Who?", ids=(1,), blank_line=(2,))


def test_an_inbox_holds_the_latest_question_until_it_is_closed():
    inbox = Inbox()
    assert (inbox.full, inbox.take()) == (False, None)
    assert inbox.put(question(1)) and inbox.put(question(2)) and inbox.full
    assert inbox.take().id == 2 and inbox.take() is None
    inbox.put(question(3))
    assert inbox.close().id == 3
    assert not inbox.put(question(4)) and not inbox.full
