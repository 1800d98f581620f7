"""The prompt stream: endless, deterministic, resumable, never twice the same, and readable English."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice, pairwise

import pytest

from comparisons.text import prompts
from comparisons.text.prompts import TRAINING_SEEDS, TURNS_PER_SCENE, Turn, is_training_seed, turn, turns
from comparisons.text.scenes import forms
from comparisons.text.vocabulary import vocabulary
from streaming.errors import SettingsError

MILLION_TOKENS = 40_000  # turns: more than a million tokens at 25 and more each
TRAINING_SEED = TRAINING_SEEDS.start + 17
GOLDEN = (
    "User: Here is something to keep in mind. For breakfast Hurevin had millet with dried apples.\n"
    "Assistant: I will remember that about Hurevin.\n\n"
)


@pytest.fixture(scope="module")
def stream() -> list[Turn]:
    return list(islice(turns(0), MILLION_TOKENS))


@pytest.fixture(scope="module")
def mixed() -> list[Turn]:
    """Turns of many seeds and far places, so that every form comes up."""
    starts = [(seed, 1000 * seed) for seed in range(12)] + [(TRAINING_SEED, 5_000_000)]
    return [each for seed, start in starts for each in islice(turns(seed, start), 1400)]


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?!]) ", text)


class TestStream:
    def test_same_seed_same_turns(self, stream: list[Turn]) -> None:
        prompts._scene.cache_clear()
        prompts._plan.cache_clear()
        prompts._permutation.cache_clear()
        assert list(islice(turns(0), 500)) == stream[:500]

    def test_golden_turn(self) -> None:
        """Recordings and trained models depend on these words: they must not change by accident."""
        assert turn(0, 3).text == GOLDEN

    @pytest.mark.parametrize("start", [0, 1, 13, 14, 29, 1_000, 39_900])
    def test_resumes_anywhere(self, stream: list[Turn], start: int) -> None:
        assert list(islice(turns(0, start=start), 60)) == stream[start : start + 60]

    def test_single_turns_in_any_order(self, stream: list[Turn]) -> None:
        indices = [31_007, 5, 31_006, 4, 20_000, 13, 14, 0]
        assert [turn(0, index) for index in indices] == [stream[index] for index in indices]

    def test_far_turn_needs_no_replay(self) -> None:
        assert turn(3, 10**12).index == 10**12

    def test_indices_count_up(self, stream: list[Turn]) -> None:
        assert [each.index for each in stream] == list(range(len(stream)))

    def test_no_turn_twice_in_a_million_tokens(self, stream: list[Turn]) -> None:
        assert sum(len(each.text.split()) for each in stream) > 900_000  # a word is more than a token
        assert len({each.text for each in stream}) == len(stream)
        assert len({each.prompt + each.reply for each in stream}) == len(stream)

    def test_seeds_differ(self) -> None:
        first, second = ({each.text for each in islice(turns(seed), 5_000)} for seed in (1, 2))
        assert len(first & second) < 5

    def test_text_is_prompt_and_reply(self, stream: list[Turn]) -> None:
        for each in stream[:50]:
            assert each.text == f"User: {each.prompt}\nAssistant: {each.reply}\n\n"
            assert each.prompt_text + each.reply_text == each.text
            assert each.prompt_text.endswith("\nAssistant:")

    def test_scenes_open_every_so_many_turns(self, stream: list[Turn]) -> None:
        openings = [each.index for each in stream if each.kind == "scene"]
        assert openings == list(range(0, len(stream), TURNS_PER_SCENE))

    def test_kinds(self, stream: list[Turn]) -> None:
        share = Counter(each.kind for each in stream)
        assert set(share) == {"scene", "story", "fact", "recall"}
        assert 0.25 <= share["recall"] / len(stream) <= 0.30

    def test_a_fact_turn_says_what_it_tells_as_it_is_asked_for_later(self, stream: list[Turn]) -> None:
        facts = {each.index: each for each in stream[:5000] if each.kind == "fact"}
        assert all((each.tells is None) == (each.kind != "fact") for each in stream)
        assert all(each.tells.answer in each.text and each.tells.question.endswith("?") for each in facts.values())
        asked = [each for each in stream[:5000] if each.kind == "recall"]
        assert all(each.answer == facts[each.asks].tells.answer for each in asked)
        assert any(each.prompt == facts[each.asks].tells.question for each in asked)


class TestNames:
    def test_many_distinct_names(self) -> None:
        names = {side: all_persons(training=side) for side in (False, True)}
        assert len(names[False] | names[True]) == 8 * vocabulary().half_group >= 40_000

    def test_visitors_and_training_share_no_name(self) -> None:
        assert not all_persons(training=False) & all_persons(training=True)
        held_out, trained = (
            {prompts._place(seed, number) for number in range(vocabulary().half_places)} for seed in (9, TRAINING_SEED)
        )
        assert len(held_out) == len(trained) == vocabulary().half_places
        assert not held_out & trained

    def test_no_name_comes_back_within_the_promised_scenes(self) -> None:
        cast = [prompts._names(5, number) for number in range(prompts.scenes_before_names_return())]
        names = [name for each in cast for name in each.values()]
        assert len(names) == len(set(names))

    def test_promise_covers_a_million_tokens(self) -> None:
        assert prompts.scenes_before_names_return() * TURNS_PER_SCENE > 2 * MILLION_TOKENS

    def test_every_prompt_names_its_scene(self, stream: list[Turn]) -> None:
        for each in stream:
            asked = each.index if each.asks is None else each.asks
            own = prompts._names(0, asked // TURNS_PER_SCENE).values()
            assert any(name in each.prompt for name in own), each

    def test_persons_of_a_scene_begin_with_different_letters(self) -> None:
        for number in range(300):
            cast = prompts._names(2, number)
            assert len({cast[letter][0] for letter in "ABCD"}) == 4


def all_persons(*, training: bool) -> set[str]:
    words = vocabulary()
    indices = range(words.half_group)
    return {prompts._name(group, words.name_ends, index, training) for group in words.name_starts for index in indices}


class TestRecall:
    def test_reply_and_told_turn_hold_the_answer(self, stream: list[Turn]) -> None:
        for each in recalls(stream):
            told = stream[each.asks]
            assert told.kind == "fact"
            assert each.answer in each.reply
            assert each.reply in told.text, "the reply repeats the fact in the words in which it was told"

    def test_prompt_does_not_give_the_answer_away(self, mixed: list[Turn]) -> None:
        for each in mixed:
            if each.kind == "recall":
                assert not re.search(rf"\b{re.escape(each.answer)}\b", each.prompt), each.text

    def test_answer_ends_the_reply(self, stream: list[Turn]) -> None:
        assert all(each.reply.endswith(f"{each.answer}.") for each in recalls(stream))

    def test_fact_is_told_once_before_it_is_asked(self, stream: list[Turn]) -> None:
        """Between telling and asking nobody repeats or contradicts the fact."""
        for each in recalls(stream[:8_000]):
            stem = each.reply.removesuffix(f"{each.answer}.")
            between = stream[each.asks + 1 : each.index]
            assert not any(stem in other.text for other in between), each.text

    def test_fact_is_asked_once(self, stream: list[Turn]) -> None:
        asked = Counter(each.asks for each in recalls(stream))
        assert set(asked.values()) == {1}
        told = sum(each.kind == "fact" for each in stream)
        assert len(asked) > 0.99 * told

    def test_distances(self, stream: list[Turn]) -> None:
        distances = Counter(each.index - each.asks for each in recalls(stream))
        assert set(distances) <= {1, 2, 3, *range(6, 12), *range(12, 41)}
        near = sum(distances[turns_ago] for turns_ago in (1, 2, 3))
        here = sum(distances[turns_ago] for turns_ago in range(6, 12))
        elsewhere = sum(distances[turns_ago] for turns_ago in range(12, 41))
        assert near > 2 * (here + elsewhere)
        assert here > 0.04 * near
        assert elsewhere > 0.2 * near

    def test_only_recalls_carry_answers(self, stream: list[Turn]) -> None:
        for each in stream:
            assert (each.asks is None) == (each.answer is None) == (each.kind != "recall")

    def test_facts_are_not_guessable(self, stream: list[Turn]) -> None:
        common = Counter(each.answer for each in recalls(stream)).most_common(1)
        assert common[0][1] < 0.01 * len(recalls(stream))


def recalls(stream: list[Turn]) -> list[Turn]:
    return [each for each in stream if each.kind == "recall"]


class TestSeeds:
    def test_visitors_seeds_are_held_out(self) -> None:
        assert not any(is_training_seed(seed) for seed in range(10_000))
        assert is_training_seed(1_000_000)

    def test_training_and_visitors_texts_never_coincide(self, stream: list[Turn]) -> None:
        trained = set(islice(prompts.training_text(TRAINING_SEED), MILLION_TOKENS))
        assert len(trained) == MILLION_TOKENS
        assert not trained & {each.text for each in stream}

    def test_training_on_a_visitors_seed_is_refused(self) -> None:
        with pytest.raises(SettingsError, match="held out"):
            prompts.training_text(3)

    @pytest.mark.parametrize("bad", [-1, 1.0, "1", None, True, float("nan")])
    def test_bad_seed_and_index(self, bad: object) -> None:
        with pytest.raises(SettingsError, match="seed must be a whole number"):
            turn(bad, 0)
        with pytest.raises(SettingsError, match="index must be a whole number"):
            turn(0, bad)
        with pytest.raises(SettingsError, match="seed must be a whole number"):
            turns(bad)
        with pytest.raises(SettingsError, match="start must be a whole number"):
            turns(0, start=bad)
        with pytest.raises(SettingsError, match="seed must be a whole number"):
            is_training_seed(bad)


class TestEnglish:
    def test_many_sentence_forms(self) -> None:
        assert len(forms().sentences()) >= 400

    def test_large_vocabularies(self) -> None:
        words = vocabulary()
        assert len(words.objects) >= 400
        assert len(words.hiding_places) >= 100
        assert len(words.colours) >= 40
        assert len(words.numbers) >= 80

    def test_no_word_is_listed_twice(self) -> None:
        words = vocabulary()
        made = {"objects": words.objects, "hiding_places": words.hiding_places, "numbers": words.numbers}
        for name, value in {**words.model_dump(), **made}.items():
            assert len({str(each) for each in value}) == len(value), name

    def test_every_form_comes_up(self, stream: list[Turn]) -> None:
        text = "\n".join(each.prompt + "\n" + each.reply for each in stream)
        for form in forms().sentences():
            pieces = [piece for piece in re.split(r"\{\w+\}", form) if len(piece) > 4]
            assert all(piece in text for piece in pieces), form

    def test_plain_lines(self, mixed: list[Turn]) -> None:
        for each in mixed:
            for line in (each.prompt, each.reply):
                assert line.isascii()
                assert re.fullmatch(r"[A-Za-z ,.?:'-]+", line), line
                assert "  " not in line
                assert line == line.strip()

    def test_sentences_begin_and_end_well(self, mixed: list[Turn]) -> None:
        for each in mixed:
            for line in (each.prompt, each.reply):
                assert line[-1] in ".?", line
                assert all(sentence[0].isupper() for sentence in sentences(line)), line

    def test_no_word_is_doubled(self, mixed: list[Turn]) -> None:
        for each in mixed:
            for line in (each.prompt, each.reply):
                for left, right in pairwise(re.findall(r"[\w']+|[.,?:]", line.lower())):
                    assert left != right, line

    def test_articles(self, mixed: list[Turn]) -> None:
        for each in mixed:
            for article, noun in re.findall(r"\b([Aa]n?) ([a-zA-Z]+)", f"{each.prompt} {each.reply}"):
                assert (article.lower() == "an") == (noun[0] in "aeiou" or noun == "hour"), each.text

    def test_replies_are_short(self, mixed: list[Turn]) -> None:
        lengths = [len(each.text.split()) for each in mixed]
        assert max(lengths) <= 48
        assert 20 <= sum(lengths) / len(lengths) <= 32

    def test_replies_fit_any_question(self) -> None:
        """Prompts and replies are drawn apart, so no reply may hang on a yes-or-no question."""
        assert not [form for form in forms().sentences() if re.match(r"(Yes|No)\b", form)]
