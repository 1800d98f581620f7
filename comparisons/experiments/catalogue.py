"""The experiments of the paper that can be done on any model: what each reads by default, and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from comparisons.experiments import curves, recall, step_costs, tables
from comparisons.experiments.measuring import SINKS, Bar, first_ids, no_bar
from comparisons.experiments.results import About, ModelFacts, Result, Row
from comparisons.experiments.subjects import Request, Subject
from streaming.errors import SettingsError
from streaming.models import LoadedModel

__all__ = ["EXPERIMENTS", "Experiment", "prepare", "run", "slug"]

LARGEST_DEFAULT = 1024
"""The cache of the paper's Table 1: where the training length is long, half of it would be more than a stream fills."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """One table or figure.

    Attributes:
        name: "table 1".
        title: what it shows.
        measure: gives its rows for a model.
        models: the bundled models that it is run on by default.
        tokens: how many it reads by default; None where that follows from the cache sizes.
        caches: the default cache sizes for a training length; one where it takes just one.
        sampled: how many tokens it measures under recomputation by default.
        sinks: the most sinks that it uses.
        own_text: whether it can read another text than the prompt stream.
        timed: whether other work on the machine changes what it measures.
    """

    name: str
    title: str
    measure: Callable[[Subject, Bar], Iterator[Row]]
    models: tuple[str, ...] = ("sink",)
    tokens: int | None = 65_536
    caches: Callable[[int], tuple[int, ...]]
    sampled: int = 400
    sinks: int = SINKS
    own_text: bool = True
    timed: bool = False


def slug(name: str) -> str:
    """An experiment's name where a name has no spaces, as in files: "table-1"."""
    return name.replace(" ", "-")


def _half(context: int) -> tuple[int, ...]:
    return (min(context // 2, LARGEST_DEFAULT),)


def _for_recall(context: int) -> tuple[int, ...]:
    half = min(context // 2, 256)  # facts are asked for after a thousand tokens or so, not after more
    return (half, 2 * half)


def _halvings(context: int) -> tuple[int, ...]:
    most = min(context, 4096)
    return tuple(most // part for part in (8, 4, 2, 1))


def _as_in_the_paper(_context: int) -> tuple[int, ...]:
    return (256, 512, 1024, 2048, 4096)


_ALL = (
    Experiment(
        name="table 1", title="Perplexity under each policy, and what the first tokens must be",
        measure=tables.policies, caches=_half,
    ),
    Experiment(
        name="table 2", title="How many sinks it takes, at an equal cache budget",
        measure=tables.sink_counts, caches=_half, sinks=8,
    ),
    Experiment(
        name="table 3", title="Models trained with and without a sink token",
        measure=tables.sinks_in_training, caches=_half, models=("vanilla", "sink"),
    ),
    Experiment(
        name="table 6", title="Perplexity with 4 sinks, by cache size",
        measure=tables.cache_sizes, caches=_halvings,
    ),
    Experiment(
        name="table 7", title="Facts asked for, by how many tokens ago they were told",
        measure=tables.recall_by_distance, caches=_for_recall, tokens=recall.TOKENS, own_text=False,
    ),
    Experiment(
        name="figure 3", title="Perplexity over the stream, under each policy",
        measure=curves.along_the_stream, caches=_half, tokens=20_480, sampled=1600,
    ),
    Experiment(
        name="figure 5", title="Perplexity over a long stream",
        measure=curves.without_end, caches=_half, tokens=200_000,
    ),
    Experiment(
        name="figure 10", title="Time and memory for one token, by cache size",
        measure=step_costs.against_cache_size, caches=_as_in_the_paper, tokens=None, timed=True,
    ),
)  # fmt: skip

EXPERIMENTS = {each.name: each for each in _ALL}


def prepare(experiment: Experiment, loaded: LoadedModel, request: Request) -> Subject:
    """Settle what a model reads, and check it before anything is measured.

    Raises:
        SettingsError: the settings do not fit the experiment, the model or the text.
    """
    _check(experiment, request)
    caches = request.caches or experiment.caches(loaded.context)
    tokens = request.tokens or experiment.tokens or step_costs.tokens_needed(caches)
    ids = first_ids(request.feed(loaded), tokens)
    needed = 2 * max(caches) + 1 if experiment.tokens else tokens
    if len(ids) < needed:
        remedy = "give a longer text" if tokens >= needed else f"give --tokens {needed} or more"
        raise SettingsError(
            f"{experiment.name.capitalize()} needs {needed:,} tokens for a cache of {max(caches):,}, and "
            f"'{loaded.name}' would read {len(ids):,}: {remedy}, or a smaller --cache."
        )
    sampled = request.sampled or experiment.sampled
    return Subject(loaded=loaded, ids=ids, caches=caches, sampled=sampled, request=request)


def _check(experiment: Experiment, request: Request) -> None:
    name, one = experiment.name.capitalize(), len(experiment.caches(4096)) == 1
    if one and len(request.caches) > 1:
        raise SettingsError(f"{name} has one cache size: give --cache one number.")
    if request.caches and min(request.caches) <= experiment.sinks:
        raise SettingsError(
            f"{name} keeps up to {experiment.sinks} sinks: give --cache a number above {experiment.sinks}."
        )
    if request.texts is not None and not experiment.own_text:
        raise SettingsError(f"{name} asks for facts of the prompt stream: leave --text out.")
    if request.tokens and experiment.tokens is None:
        raise SettingsError(f"{name} reads as many tokens as its caches need: leave --tokens out.")


def run(
    experiment: Experiment,
    subjects: Sequence[Subject],
    bar: Bar = no_bar,
    *,
    kept: Callable[[Result], object] = lambda _: None,
) -> Result:
    """Measure every subject, in turn; where the memory ends, the result is what was measured until then.

    Args:
        experiment: what to measure.
        subjects: on what.
        bar: shows how far it is.
        kept: given what was measured until then, where a signal or an error ends it, which is raised afterwards.

    Raises:
        SettingsError: there was nothing to measure.
        StreamError: a model computes NaN.
    """
    rows: list[Row] = []
    complete = True
    try:
        for row in (row for subject in subjects for row in experiment.measure(subject, bar)):
            rows.append(row)
    except (MemoryError, torch.OutOfMemoryError):
        complete = False
    except BaseException:
        if rows:
            kept(_result(experiment, subjects, rows, complete=False))
        raise
    if not rows:
        remedy = "give more --tokens" if complete else "there was no memory left: give a smaller --cache, or --tokens"
        raise SettingsError(f"{experiment.name.capitalize()} measured nothing: {remedy}.")
    return _result(experiment, subjects, rows, complete=complete)


def _result(experiment: Experiment, subjects: Sequence[Subject], rows: Sequence[Row], *, complete: bool) -> Result:
    about = About(
        text=subjects[0].request.source,
        tokens=max(len(subject.ids) for subject in subjects),
        models=tuple(_facts(subject.loaded) for subject in subjects),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        complete=complete,
    )
    return Result(experiment=experiment.name, about=about, rows=tuple(rows))


def _facts(loaded: LoadedModel) -> ModelFacts:
    weights = next(loaded.model.parameters())
    return ModelFacts(
        name=loaded.name,
        context=loaded.context,
        parameters=loaded.model.num_parameters(),
        dtype=str(weights.dtype).removeprefix("torch."),
        device=weights.device.type,
    )
