"""What an experiment reads by default, and what it refuses before it measures anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from comparisons.experiments.catalogue import EXPERIMENTS, prepare, run
from comparisons.experiments.measuring import Bar
from comparisons.experiments.results import Row, load
from comparisons.experiments.subjects import Request, Subject
from comparisons.reports.markdown import markdown
from comparisons.text.opening import open_texts
from comparisons.text.sources import Texts
from streaming import models
from streaming.errors import SettingsError, StreamError
from tests.support.speaking import loaded

SMALL = Request(tokens=300, sampled=3)


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], Texts]:
    """A text in a file, opened."""

    def made(text: str) -> Texts:
        (tmp_path / "own.txt").write_text(text)
        return open_texts([str(tmp_path / "own.txt")])

    return made


@pytest.mark.parametrize(
    ("name", "context", "caches"),
    [
        ("table 1", 256, (128,)),
        ("table 1", 4096, (1024,)),
        ("table 1", 131_072, (1024,)),
        ("table 6", 256, (32, 64, 128, 256)),
        ("table 6", 4096, (512, 1024, 2048, 4096)),
        ("table 7", 256, (128, 256)),
        ("figure 10", 256, (256, 512, 1024, 2048, 4096)),
    ],
)
def test_cache_sizes_follow_the_training_length(name: str, context: int, caches: tuple[int, ...]) -> None:
    assert EXPERIMENTS[name].caches(context) == caches


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_experiment_runs_on_its_defaults_but_shorter(name: str) -> None:
    experiment = EXPERIMENTS[name]
    request = Request(caches=(16,), sampled=3, tokens=None if experiment.tokens is None else 1200)
    result = run(experiment, [prepare(experiment, loaded(), request)])
    assert load(result.as_json()) == result
    assert result.about.models[0].name == "tiny"
    assert result.about.models[0].parameters == loaded().model.num_parameters()
    assert result.about.tokens == (1200 if experiment.tokens else 65)


@pytest.mark.parametrize("name", [name for name, each in EXPERIMENTS.items() if each.tokens])
def test_the_bundled_models_read_enough_by_default(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert set(experiment.models) <= set(models.available())
    assert experiment.tokens > 4 * max(experiment.caches(256))


def test_several_models_come_one_after_the_other() -> None:
    experiment = EXPERIMENTS["table 3"]
    other = replace(loaded(), name="other")
    result = run(experiment, [prepare(experiment, each, SMALL) for each in (loaded(), other)])
    assert [facts.name for facts in result.about.models] == ["tiny", "other"]
    assert [row.model for row in result.rows] == ["tiny"] * 4 + ["other"] * 4


def test_a_text_is_read_to_its_end(own: Callable[[str], Texts]) -> None:
    text = "The miller slept. " * 40
    subject = prepare(EXPERIMENTS["table 2"], loaded(), Request(texts=own(text), caches=(16,)))
    assert subject.ids[0] == loaded().start_token
    assert loaded().tokenizer.decode(subject.ids[1:]) == text


@pytest.mark.parametrize(
    ("name", "wanted", "words"),
    [
        ("table 1", Request(caches=(16, 32)), "one cache size: give --cache one number"),
        ("table 2", Request(caches=(8,)), "up to 8 sinks: give --cache a number above 8"),
        ("figure 10", Request(tokens=5000), "leave --tokens out"),
        ("table 1", Request(tokens=100, caches=(64,)), "129 tokens for a cache of 64.*give --tokens 129 or more"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(name: str, wanted: Request, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        prepare(EXPERIMENTS[name], loaded(), wanted)


@pytest.mark.parametrize(
    ("name", "caches", "words"),
    [
        ("table 7", (), "leave --text out"),
        ("figure 10", (64,), "257 tokens .*: give a longer text"),
        ("table 1", (), "65 tokens.*give a longer text, or a smaller --cache"),
    ],
)
def test_a_text_that_does_not_fit_is_refused_with_a_remedy(
    own: Callable[[str], Texts], name: str, caches: tuple[int, ...], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        prepare(EXPERIMENTS[name], loaded(), Request(texts=own("Once there was a miller."), caches=caches))


def test_where_the_memory_ends_nothing_is_lost() -> None:
    experiment = EXPERIMENTS["table 6"]
    subject = prepare(experiment, loaded(), Request(tokens=300, caches=(16, 32)))

    def measure(subject: Subject, bar: Bar) -> Iterator[Row]:
        rows = experiment.measure(subject, bar)
        yield next(rows)
        raise torch.OutOfMemoryError

    result = run(replace(experiment, measure=measure), [subject])
    assert [row.row for row in result.rows] == ["16"]
    assert "the memory did not last" in markdown(result)


@pytest.mark.parametrize("error", [StreamError("The model gives no number (NaN)."), KeyboardInterrupt(), ValueError()])
def test_what_an_error_or_a_signal_leaves_is_kept_before_it_is_raised(error: BaseException) -> None:
    experiment, found = EXPERIMENTS["table 6"], []

    def measure(subject: Subject, bar: Bar) -> Iterator[Row]:
        yield from experiment.measure(subject, bar)
        raise error

    subject = prepare(experiment, loaded(), Request(tokens=300, caches=(16, 32)))
    with pytest.raises(type(error)):
        run(replace(experiment, measure=measure), [subject], kept=found.append)
    assert [row.row for row in found[0].rows] == ["16", "32"]
    assert not found[0].about.complete and "a model failed" in markdown(found[0])


def test_a_stream_without_questions_is_too_short() -> None:
    experiment = EXPERIMENTS["table 7"]
    with pytest.raises(SettingsError, match="give more --tokens"):
        run(experiment, [prepare(experiment, loaded(), Request(tokens=64, caches=(16,)))])
