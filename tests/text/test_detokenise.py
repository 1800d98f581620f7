from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from comparisons.text.detokenise import Detokeniser
from tests.support.speaking import tokenizer


def pieces(of, ids) -> list[str]:
    detokeniser = Detokeniser(of)
    return [detokeniser.push(token) for token in ids]


def encode(text: str) -> list[int]:
    return tokenizer().encode(text, add_special_tokens=False)


@given(st.text().filter(lambda text: "\ufffd" not in text))
@settings(deadline=None)
def test_joined_pieces_are_the_text(text):
    assert "".join(pieces(tokenizer(), encode(text))) == text


def test_a_character_comes_with_the_token_that_completes_it():
    ids = encode("a🦔b")
    shown = pieces(tokenizer(), ids)
    assert len(ids) == 6
    assert shown == ["a", "", "", "", "🦔", "b"]


@given(st.text(alphabet="aé語🦔 ", max_size=30), st.integers(0, 200))
@settings(deadline=None)
def test_a_text_cut_in_the_middle_of_a_character_shows_whole_characters_only(text, cut):
    shown = "".join(pieces(tokenizer(), encode(text)[:cut]))
    assert text.startswith(shown)


def test_leading_spaces_stay_where_the_tokenizer_marks_words():
    words = Tokenizer(models.Unigram())
    words.pre_tokenizer = pre_tokenizers.Metaspace()
    words.decoder = decoders.Metaspace()
    words.train_from_iterator(
        ["the old lantern and the boat "] * 9, trainers.UnigramTrainer(vocab_size=40, show_progress=False)
    )
    marked = PreTrainedTokenizerFast(tokenizer_object=words)
    ids = marked.encode("the old boat and the lantern and the old boat")
    assert "".join(pieces(marked, ids)) == marked.decode(ids)


def test_bytes_that_are_no_character_are_shown_as_such_and_do_not_pile_up():
    part = encode("🦔")[1]
    shown = "".join(pieces(tokenizer(), [part] * 200 + encode(" after")))
    assert shown.endswith("\ufffd after")
    assert shown.count("\ufffd") > 100
