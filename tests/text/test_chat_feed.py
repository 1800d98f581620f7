"""The prompt stream in a model's chat template is, token for token, what the template writes of the conversation."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import islice

import pytest

from comparisons.text.chat_feed import ChatFeed, prompt_feed, text_feed
from comparisons.text.choices import Reading
from comparisons.text.feeds import PromptFeed
from comparisons.text.prompts import turns
from streaming import load

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
FORGETS = "{{ messages | length }} so far. {% for m in messages %}[{{ m.content }}]{% endfor %}"


@pytest.fixture(scope="module")
def plain():
    return load("sink")


@pytest.fixture(scope="module")
def chatty(plain):
    return with_template(plain, CHATML)


def with_template(loaded, template):
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.chat_template = template
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    return replace(loaded, tokenizer=tokenizer)


def conversation(seed, count):
    return [
        message
        for turn in islice(turns(seed), count)
        for message in ({"role": "user", "content": turn.prompt}, {"role": "assistant", "content": turn.reply})
    ]


@pytest.mark.parametrize("seed", [0, 7])
def test_it_is_what_the_template_writes(chatty, seed):
    feed = prompt_feed(chatty, seed=seed)
    assert isinstance(feed, ChatFeed)
    ids = [id_ for segment in islice(feed, 1 + 2 * 6) for id_ in segment.ids]
    whole = chatty.tokenizer.apply_chat_template(conversation(seed, 6), tokenize=False)
    if chatty.start_token is not None:
        assert ids.pop(0) == chatty.start_token
    assert whole.startswith(chatty.tokenizer.decode(ids))
    assert len(chatty.tokenizer.decode(ids)) > len(whole) - 200


def test_each_turn_is_a_prompt_and_a_reply_as_in_the_plain_stream(chatty, plain):
    def parts(loaded):
        return [(s.part, s.turn) for s in islice(prompt_feed(loaded, seed=3), 21)]

    assert parts(chatty) == parts(plain)


def test_a_start_token_is_read_once(chatty):
    begins = with_template(chatty, chatty.tokenizer.bos_token + CHATML)
    first = next(iter(prompt_feed(begins, seed=0)))
    assert first.part == "prompt" and first.ids[0] == begins.start_token
    assert first.ids.count(begins.start_token) == 1


@pytest.mark.parametrize("template", [None, FORGETS])
def test_without_a_template_that_goes_on_it_is_plain(plain, template):
    loaded = with_template(plain, template)
    assert isinstance(prompt_feed(loaded, seed=0), PromptFeed)


def test_a_text_is_followed_by_the_conversation(chatty):
    segments = list(islice(text_feed(chatty, "Some words.", prompts_seed=1), 6))
    assert [s.part for s in segments] == ["start", "text", "prompt", "reply", "prompt", "reply"]
    assert [s.ids for s in segments[2:]] == [s.ids for s in islice(ChatFeed_without_start(chatty, 1), 4)]
    assert [s.part for s in text_feed(chatty, "Some words.")] == ["start", "text"]


def ChatFeed_without_start(loaded, seed):  # noqa: N802 – named for what it is
    return (segment for segment in prompt_feed(loaded, seed=seed) if segment.part != "start")


def test_what_a_visitor_chooses_is_read_so(chatty, plain):
    assert isinstance(Reading().feed(chatty, seed=0), ChatFeed)
    assert isinstance(Reading().feed(plain, seed=0), PromptFeed)


def test_the_real_model_reads_its_own_template(smollm2):
    ids = [id_ for segment in islice(prompt_feed(smollm2, seed=0), 8) for id_ in segment.ids]
    whole = smollm2.tokenizer.apply_chat_template(conversation(0, 4), tokenize=True, return_dict=True)["input_ids"]
    assert ids == whole[: len(ids)]
    assert len(ids) >= len(whole) - 3
