from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from comparisons.text.prompts import training_text
from comparisons.training.tokens import (
    START,
    START_ID,
    Mix,
    Sources,
    Tokens,
    draw_rows,
    load_tokenizer,
    prepare,
    train_tokenizer,
    wrap,
)
from streaming.errors import SettingsError

TURNS = list(islice(training_text(1_000_000), 200))
TOKENIZER = train_tokenizer(TURNS, 500)
MIX = Mix(vocabulary=400, stream_tokens=5_000)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for name in ("read.txt", "held.txt"):
        (folder / name).write_text(f"This is {name}, and it says: zq zq zq!\n\n" * 200, encoding="utf-8")
    return Sources(texts=(folder / "read.txt",), held_out=folder / "held.txt")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, sources):
    folder = tmp_path_factory.mktemp("data")
    return folder, prepare(folder, sources, MIX)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_round_trips(text):
    ids = TOKENIZER.encode(text, add_special_tokens=False).ids
    assert TOKENIZER.decode(ids, skip_special_tokens=False) == text


def test_turns_are_tokenized_alike_alone_and_in_running_text():
    alone = [id_ for turn in TURNS for id_ in TOKENIZER.encode(turn).ids]
    halves = [half for turn in TURNS for half in turn.replace("Assistant:", "Assistant:\0").split("\0")]
    assert alone == TOKENIZER.encode("".join(TURNS)).ids
    assert alone == [id_ for half in halves for id_ in TOKENIZER.encode(half).ids]


@pytest.mark.parametrize("start", [True, False])
def test_a_saved_tokenizer_loads_with_the_same_ids(tmp_path, start):
    wrap(TOKENIZER, start=start).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.bos_token_id == (START_ID if start else None)
    assert loaded.convert_tokens_to_ids(START) == START_ID
    assert (loaded("a").input_ids[0] == START_ID) == start
    text = "User: Caffè  e\n\n\n日本 ?\n"
    assert loaded.decode(loaded(text, add_special_tokens=False).input_ids) == text


def test_prepared_tokens_are_the_texts(prepared, sources):
    folder, tokens = prepared
    tokenizer = load_tokenizer(folder)
    assert len(tokens.stream) == MIX.stream_tokens
    assert "".join(TURNS).startswith(tokenizer.decode(tokens.stream[:500].tolist()))
    assert tokenizer.decode(tokens.texts.tolist()) == sources.texts[0].read_text(encoding="utf-8")
    assert tokenizer.decode(tokens.held_out_text.tolist()) == sources.held_out.read_text(encoding="utf-8")


def test_prepared_tokens_are_opened_again_but_not_for_other_settings(prepared, sources):
    folder, tokens = prepared
    written = (folder / "stream.npy").stat().st_mtime_ns
    assert np.array_equal(prepare(folder, sources, MIX).stream, tokens.stream)
    assert (folder / "stream.npy").stat().st_mtime_ns == written
    with pytest.raises(SettingsError, match="another folder"):
        prepare(folder, sources, Mix(vocabulary=401, stream_tokens=5_000))


def _counting(stream=1_000, texts=1_000):
    empty = np.empty(0, np.uint16)
    return Tokens(
        stream=np.arange(stream, dtype=np.uint16),
        texts=np.arange(10_000, 10_000 + texts, dtype=np.uint16),
        held_out_stream=empty,
        held_out_text=empty,
    )


def _draw(tokens, seed=0, texts=0.5, spliced=0.0):
    return draw_rows(tokens, np.random.default_rng(seed), shape=(400, 20), texts=texts, spliced=spliced)


def test_rows_are_running_text_from_random_places():
    rows = _draw(_counting())
    assert (np.diff(rows) == 1).all()
    assert len(set(rows[:, 0])) > 200
    assert 0.4 < (rows[:, 0] >= 10_000).mean() < 0.6


def test_a_spliced_row_goes_on_elsewhere_after_a_few_tokens():
    steps = np.diff(_draw(_counting(), spliced=1.0)) != 1
    assert (steps.sum(axis=1) <= 1).all()
    assert steps.sum() > 350
    assert set(np.nonzero(steps)[1]) == set(range(7))


def test_without_text_files_every_row_comes_from_the_stream():
    assert (_draw(_counting(texts=0), texts=1.0) < 10_000).all()


def test_rows_depend_on_the_generator_alone():
    assert np.array_equal(_draw(_counting(), seed=3), _draw(_counting(), seed=3))
    assert not np.array_equal(_draw(_counting(), seed=3), _draw(_counting(), seed=4))


def test_sources_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="no text file"):
        Sources(texts=(tmp_path / "missing.txt",))
    (tmp_path / "both.txt").write_text("x", encoding="utf-8")
    with pytest.raises(SettingsError, match="held out"):
        Sources(texts=(tmp_path / "both.txt",), held_out=tmp_path / "both.txt")
