from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from comparisons.text.chat import ChatForm
from comparisons.text.told import told_history, told_requests
from streaming import load
from streaming.errors import SettingsError

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
FORGETS = "{{ messages | length }} so far. {% for m in messages %}[{{ m.content }}]{% endfor %}"


@pytest.fixture(scope="module")
def loaded():
    return load("sink")


def with_template(loaded, template):
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.chat_template = template
    return replace(loaded, tokenizer=tokenizer)


def test_a_dialogue_written_turn_by_turn_is_what_the_template_writes_of_the_whole(loaded):
    form = ChatForm.of(with_template(loaded, CHATML))
    said = [("Hello there.", "Good day."), ("And now?", "Nothing."), ("Well.", "")]
    messages = [
        m for ask, answer in said for m in ({"role": "user", "content": ask}, {"role": "assistant", "content": answer})
    ]
    whole = form.tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
    ids = []
    for number, (asked, answer) in enumerate(said):
        ids += form.message(asked, first=number == 0).ids
        ids += form.reply(answer) if answer else ()
    assert form.tokenizer.decode(ids) == whole


def test_a_model_without_a_template_is_asked_in_lines_as_its_stream_has_them(loaded):
    form = ChatForm.of(loaded)
    asked, told = next(told_requests(3)), told_history(3, 1)[0]
    ids = [*form.message(asked.text, first=True).ids, *form.reply(told[1]), *form.message("More?", first=False).ids]
    assert loaded.tokenizer.decode(ids) == f"User: {asked.text}\nAssistant: {told[1]}\n\nUser: More?\nAssistant:"


def test_the_place_of_a_message_is_that_of_its_own_words(loaded):
    for form in (ChatForm.of(loaded), ChatForm.of(with_template(loaded, CHATML))):
        for first in (True, False):
            message = form.message("  Who lives here?  ", first=first)
            assert (
                form.tokenizer.decode(message.ids[message.asked.start : message.asked.stop]).strip()
                == "Who lives here?"
            )


def test_markup_in_a_message_is_read_as_characters(loaded):
    form, mark = ChatForm.of(loaded), loaded.tokenizer.bos_token
    message = form.message(f"Say {mark} now", first=True)
    assert loaded.tokenizer.bos_token_id not in message.ids
    assert mark in loaded.tokenizer.decode(message.ids)


def test_a_template_that_changes_earlier_turns_is_refused_by_name(loaded):
    with pytest.raises(SettingsError, match=r"sink writes earlier turns anew"):
        ChatForm.of(with_template(loaded, FORGETS))


def test_facts_of_the_prompt_stream_are_asked_for_only_where_the_prompt_told_them():
    for asked, _ in zip(told_requests(1), range(300), strict=False):
        assert (asked.asks is None) == (asked.answer is None) == (asked.kind != "ask")
