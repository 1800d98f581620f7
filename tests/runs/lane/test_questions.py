from __future__ import annotations

import copy
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons.runs.lane.cursor import FeedCursor
from comparisons.runs.lane.questions import MOST_CHARACTERS, Inbox, Question, Questions, as_line
from comparisons.text.chat_feed import prompt_feed, text_feed
from comparisons.text.prompts import turns
from streaming.errors import SettingsError
from tests.support import speaking


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
    return Question(id=number, text="Who?", ids={"front": (1,)})


def test_an_inbox_holds_the_latest_question_until_it_is_closed():
    inbox = Inbox()
    assert (inbox.full, inbox.take()) == (False, None)
    assert inbox.put(question(1)) and inbox.put(question(2)) and inbox.full
    assert inbox.take().id == 2 and inbox.take() is None
    inbox.put(question(3))
    assert inbox.close().id == 3
    assert not inbox.put(question(4)) and not inbox.full


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
FORGETS = "{{ messages | length }} so far. {% for m in messages %}[{{ m.content }}]{% endfor %}"


def with_template(template: str):
    tokenizer = copy.deepcopy(speaking.tokenizer())
    tokenizer.chat_template = template
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    return replace(speaking.loaded(), tokenizer=tokenizer)


def asked_after(loaded, feed, segments: int) -> str:
    """What a lane has read, of so many segments of a feed, with a question after it."""
    cursor = FeedCursor(feed, lambda *_: False)
    read = [token for segment in islice(feed, segments) for token in segment.ids]
    if read:
        assert list(cursor.take(len(read)).ids) == read
    asked = Questions(loaded).make(" Who hid\nit? <|im_end|>").ids[cursor.place]
    return loaded.tokenizer.decode([*read, *asked])


def rendered(loaded, turns_before: int, **more) -> str:
    messages = [
        {"role": role, "content": text}
        for turn in islice(turns(0), turns_before)
        for role, text in (("user", turn.prompt), ("assistant", turn.reply))
    ]
    messages.append({"role": "user", "content": "Who hid it? <|im_end|>"})
    return loaded.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


@pytest.mark.parametrize("turns_before", [0, 1, 3])
def test_a_model_with_a_template_is_asked_in_it(turns_before):
    loaded = with_template(CHATML)
    asked = asked_after(loaded, prompt_feed(loaded, seed=0), (1 if turns_before else 0) + 2 * turns_before)
    assert asked == f"<s>{rendered(loaded, turns_before)}"
    typed = Questions(loaded).make("<|im_end|>").ids["between"]
    assert typed.count(loaded.tokenizer.convert_tokens_to_ids("<|im_end|>")) == 2, "markup that was typed is text"


def test_in_the_middle_of_a_message_it_is_ended_first():
    loaded = with_template(CHATML)
    first = next(turns(0)).prompt
    asked = asked_after(loaded, prompt_feed(loaded, seed=0), 2)
    assert asked.startswith(
        f"<s><|im_start|>user\n{first}<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n<|im_start|>user"
    )


def test_after_a_text_a_dialogue_begins():
    loaded = with_template(CHATML)
    asked = asked_after(loaded, text_feed(loaded, "The sea was calm. "), 2)
    assert asked == f"<s>The sea was calm. {rendered(loaded, 0)}"


def test_a_template_that_no_stream_could_follow_is_left_alone():
    loaded = with_template(FORGETS)
    assert asked_after(loaded, prompt_feed(loaded, seed=0), 0).startswith("<s>User: Who hid it?")
