"""A run's lanes, against the engine without a run: alone on the machine, and with as many streams beside it.

The second says what a run costs; the first says what a visitor loses by looking at several lanes at once, which depends
on how much of a core there is for each: on two threads of one core, each is slower beside the other, run or no run.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

from comparisons.experiments.bench.measurement import Measurement
from comparisons.experiments.bench.timing import seconds
from comparisons.experiments.measuring import prompt_ids
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import open_stream

__all__ = ["against_the_engine"]


def against_the_engine(loaded: LoadedModel, cache: int, tokens: int) -> Iterator[Measurement]:
    """Dense beside sinks in one run, a thread each: tokens per second of each lane, against its policy read without."""
    policies = (Policy(kind="dense"), Policy(kind="sinks", sinks=4, recent=cache - 4))
    settings = RunSettings(
        lanes=policies, max_tokens=tokens, chunk=512, answers=False, threads=1, kv_budget_bytes=2**36, max_seconds=3600
    )
    with Run(loaded, settings) as run:
        *_, last = run.frames()
    ids = prompt_ids(loaded, seed=settings.seed, tokens=tokens)
    read = partial(_read, loaded, ids)
    with ThreadPoolExecutor(len(policies)) as pool:
        beside = list(pool.map(read, policies))
    for lane, policy, together in zip(last["lanes"], policies, beside, strict=True):
        name = f"a run to token {tokens:,}, lane {policy.label}: speed against the"
        ours = lane["tokens"] / lane["seconds"]
        yield _row(f"{name} same streams side by side without a run", ours, together)
        yield _row(f"{name} engine alone", ours, read(policy))


def _row(name: str, ours: float, other: float) -> Measurement:
    return Measurement(name=name, ratio=ours / other, ours=ours, other=other, unit="tokens/s", at_least=0.85)


def _read(loaded: LoadedModel, ids: Tensor, policy: Policy) -> float:
    """Tokens per second of a stream on one thread."""
    before = torch.get_num_threads()
    stream = open_stream(loaded, policy)
    torch.set_num_threads(1)
    try:
        return len(ids) / seconds(lambda: stream.read(ids), loaded.model.device)
    finally:
        torch.set_num_threads(before)
