"""Where facts are told, how far away they are when asked for, and what chance would answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from comparisons.experiments.recall import Asked, ask, chance
from comparisons.text.feeds import PromptFeed
from comparisons.text.prompts import turn, turns
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support.speaking import by_rote, ids_of, loaded

TOKENS = 2500
POLICY = Policy.parse("sinks:4+60")


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    return list(ask(loaded(), POLICY, seed=0, tokens=TOKENS))


def test_every_question_of_the_stream_is_asked_once(asked: list[Asked]) -> None:
    begins, wanted = 0, []
    for segment in PromptFeed(loaded().tokenizer, loaded().start_token, seed=0):
        begins += len(segment.ids)
        if begins > TOKENS:
            break
        if segment.part == "prompt" and segment.turn.asks is not None:
            wanted.append((segment.turn.index, begins))
    assert [(each.turn.index, each.now) for each in asked] == wanted
    assert len(wanted) > 8


def test_a_fact_is_as_far_away_as_the_last_token_of_its_answer(asked: list[Asked]) -> None:
    """Found again the slow way: the shortest piece of the telling turn that holds the answer."""
    tokenizer = loaded().tokenizer
    ids = ids_of(PromptFeed(tokenizer, loaded().start_token, seed=0), TOKENS)
    for each in asked:
        begin, end = each.told
        assert tokenizer.decode(ids[begin:end]) == turn(0, each.turn.asks).text
        first = next(i for i in reversed(range(begin, end)) if each.turn.answer in tokenizer.decode(ids[i:end]))
        last = next(j for j in range(first, end) if each.turn.answer in tokenizer.decode(ids[first : j + 1]))
        assert each.answer_ends == last
        assert each.distance == each.now - 1 - last


def test_what_is_said_is_greedy_and_leaves_no_trace(asked: list[Asked]) -> None:
    ids = ids_of(PromptFeed(loaded().tokenizer, loaded().start_token, seed=0), TOKENS)
    for each in asked[:2]:
        stream, said = open_stream(loaded(), POLICY), []
        stream.read(ids[: each.now])
        while len(said) < 48 and "\n" not in loaded().tokenizer.decode(said):
            said.append(int(stream.logits.argmax()))
            stream.step(said[-1])
        whole_characters = loaded().tokenizer.decode(said).rstrip("\ufffd")
        assert each.said == whole_characters.partition("\n")[0].strip()


def test_an_answer_is_right_where_it_holds_the_fact() -> None:
    first = next(each.answer for each in turns(0) if each.answer)
    words = loaded().tokenizer.encode(f" {first}\n", add_special_tokens=False)
    assert len(set(words)) == len(words), "the model by rote cannot say a token twice: take another fact"
    speaker = by_rote(":", *(loaded().tokenizer.decode([word]) for word in words))
    answers = list(ask(speaker, POLICY, seed=0, tokens=TOKENS))
    assert answers[0].right
    assert [each.right for each in answers] == [each.turn.answer in first for each in answers]


@pytest.mark.parametrize("seed", [0, 5, 1_000_003])
def test_the_form_of_every_fact_is_known(seed: int) -> None:
    recalls = [each for each in islice(turns(seed), 1500) if each.asks is not None]
    made = [Asked(turn=each, told=(0, 1), answer_ends=0, now=2, said="") for each in recalls]
    assert len({each.form for each in made}) > 10


def test_chance_is_a_shuffled_answer_key(asked: list[Asked]) -> None:
    """Held against every pair, one by one."""
    told = [replace(each, said=other.turn.answer) for each, other in zip(asked, asked[1:] + asked[:1], strict=True)]
    shares = []
    for each in told:
        others = [other for other in told if other is not each and other.form == each.form]
        if others:
            shares.append(sum(other.turn.answer in each.said for other in others) / len(others))
    assert chance(told, told) == pytest.approx(sum(shares) / len(shares))
    assert chance(told[:1], told[:1]) is None


def test_knowing_every_answer_is_better_than_chance(asked: list[Asked]) -> None:
    told = [replace(each, said=each.turn.answer) for each in asked]
    assert all(each.right for each in told)
    assert chance(told, told) < 0.5
