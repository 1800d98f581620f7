"""Settings that suit a model: for any shape of model on any machine they can be held to, and the notes are true."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comparisons.runs.fit import BOUNDED_ROOM, CACHE_SHARE, DENSE_ROOM, LEAVES, ModelFacts, answer_every, fit
from comparisons.runs.settings import RunSettings
from comparisons.runs.warm_up import model_facts
from streaming import models
from streaming.policy import Policy

MB, GB = 10**6, 10**9
TINY = ModelFacts(
    context=256, token_bytes=9_216, vocabulary=4_096, chat=False,
    token_seconds=2e-4, held_seconds=1e-8, step_seconds=2e-3,
)  # fmt: skip
SMOLLM2 = ModelFacts(
    context=8_192, token_bytes=23_040, vocabulary=49_152, chat=True,
    token_seconds=2.2e-3, held_seconds=1.2e-6, step_seconds=5.5e-2,
)  # fmt: skip
LLAMA_2_7B = ModelFacts(
    context=4_096, token_bytes=524_288, vocabulary=32_000, chat=True,
    token_seconds=0.12, held_seconds=1e-5, step_seconds=1.2,
)  # fmt: skip

MODELS = st.builds(
    ModelFacts,
    context=st.integers(16, 2_000_000),
    token_bytes=st.integers(64, 5_000_000),
    vocabulary=st.integers(16, 300_000),
    chat=st.booleans(),
    token_seconds=st.floats(1e-6, 10),
    held_seconds=st.floats(0, 1e-3),
    step_seconds=st.floats(1e-5, 60),
)


def test_the_tiny_model_is_set_as_its_recorded_runs_are():
    found = fit(TINY, memory_bytes=GB, cores=2)
    assert (found.sinks, found.recent, found.budget_mb, found.pace) == (4, 124, 32, 100)
    assert found.answers and found.leaves
    assert found.leaves_seconds == pytest.approx(2.56)  # at its pace


def test_a_real_model_leaves_its_training_length_and_it_is_said_when():
    found = fit(SMOLLM2, memory_bytes=6 * GB, cores=2)
    assert (found.sinks + found.recent, found.pace, found.answers) == (4_096, None, True)
    assert found.dense_tokens >= 2 * 8_192
    (note,) = found.notes
    assert note.kind == "dense_leaves"
    assert 20 < note.values["seconds"] < 180
    slower = fit(SMOLLM2, memory_bytes=6 * GB, cores=1)
    assert slower.leaves_seconds == pytest.approx(2 * found.leaves_seconds)


@given(model=MODELS, pace=st.sampled_from([None, 30.0, 100.0]))
def test_answers_take_no_longer_than_reading(model, pace):
    every = answer_every(model, pace)
    answer, read = 25 * model.step_seconds, 200 * max(model.token_seconds, 1 / pace if pace else 0.0)
    assert every == 64 or answer <= every * read * (1 + 1e-9)
    assert every == 1 or answer > (every - 1) * read * (1 - 1e-9) or every == 64
    assert answer_every(TINY, 100) == 1 and answer_every(SMOLLM2, None) == 4


def test_where_dense_cannot_leave_it_is_said_where_it_stops():
    found = fit(LLAMA_2_7B, memory_bytes=4 * GB, cores=2)
    note = found.notes[0]
    assert note.kind == "dense_stops"
    assert note.values == {"tokens": found.dense_tokens, "context": 4_096, "mb": 3_222}
    assert found.dense_tokens < LEAVES * 4_096
    assert [each.kind for each in found.notes] == ["dense_stops", "slow_answers", "small_cache"]
    roomy = fit(LLAMA_2_7B, memory_bytes=40 * GB, cores=2)
    assert roomy.leaves and roomy.most_recent > 1_020 and roomy.most_budget_mb > 512


@given(model=MODELS, memory_mb=st.integers(16, 2_000_000), cores=st.floats(0.1, 256), lanes=st.integers(2, 4))
@example(model=replace(TINY, context=16, token_bytes=5_000_000), memory_mb=16, cores=0.1, lanes=4)
def test_what_is_set_can_be_run_and_held(model, memory_mb, cores, lanes):
    found = fit(model, memory_bytes=memory_mb * MB, cores=cores, lanes=lanes)
    window = {"sinks": found.sinks, "recent": found.recent}
    RunSettings(
        lanes=(Policy(kind="dense"), Policy(kind="sinks", **window)),
        kv_budget_bytes=min(found.budget_mb * MB, 2**36),
        tokens_per_second=found.pace,
        chunk=found.chunk,
        answers=found.answers,
    )
    cache = found.sinks + found.recent
    assert 16 <= found.recent <= found.most_recent and cache % 4 == 0
    assert cache <= max(20, model.context / 2) and found.most_recent <= max(16, model.context)
    assert cache == 20 or BOUNDED_ROOM * cache * model.token_bytes <= CACHE_SHARE * memory_mb * MB * (1 + 1e-9)
    assert 1 <= found.budget_mb <= found.most_budget_mb
    held = BOUNDED_ROOM * cache * model.token_bytes + DENSE_ROOM * found.budget_mb * MB
    if held > memory_mb * MB:  # then it is the least that there is
        assert cache == 20 or found.budget_mb == 1
    assert found.leaves == (found.dense_tokens >= LEAVES * model.context)


@given(model=MODELS, memory_mb=st.integers(16, 2_000_000))
def test_exactly_one_note_says_what_becomes_of_dense(model, memory_mb):
    found = fit(model, memory_bytes=memory_mb * MB, cores=2)
    about_dense = [note for note in found.notes if note.kind.startswith("dense")]
    assert len(about_dense) == 1
    assert (about_dense[0].kind == "dense_leaves") is found.leaves
    assert (about_dense[0].kind == "dense_stops") is (found.dense_tokens <= model.context)
    if found.leaves:
        assert about_dense[0].values["seconds"] >= model.reading_seconds(model.context) * (1 - 1e-9)


@given(model=MODELS, memory_mb=st.integers(16, 100_000))
def test_more_memory_never_sets_less(model, memory_mb):
    small, large = (fit(model, memory_bytes=size * MB, cores=2) for size in (memory_mb, 2 * memory_mb))
    for name in ("recent", "most_recent"):
        assert getattr(small, name) <= getattr(large, name)
    assert small.leaves <= large.leaves or small.recent < large.recent


def test_a_warm_up_measures_the_bundled_model():
    loaded = models.load("sink", device="cpu")
    facts = model_facts(loaded, seconds=0.3)
    assert (facts.context, facts.vocabulary, facts.chat) == (256, 4_096, False)
    layers, heads, head_dim = 0, 0, 0
    config = loaded.model.config
    layers, heads = config.num_hidden_layers, config.num_key_value_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    assert facts.token_bytes == 2 * 4 * layers * heads * head_dim
    assert 0 < facts.token_seconds < facts.step_seconds < 5
    assert facts.held_seconds > 0
