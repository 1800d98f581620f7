"""A run's lanes, against the engine alone."""

from __future__ import annotations

from collections.abc import Iterator

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
    """Dense beside sinks in one run, a thread each: tokens per second of each lane, against its policy read alone."""
    policies = (Policy(kind="dense"), Policy(kind="sinks", sinks=4, recent=cache - 4))
    settings = RunSettings(
        lanes=policies, max_tokens=tokens, answers=False, threads=1, kv_budget_bytes=2**36, max_seconds=3600
    )
    with Run(loaded, settings) as run:
        *_, last = run.frames()
    ids = prompt_ids(loaded, seed=settings.seed, tokens=tokens)
    for lane in last["lanes"]:
        ours, other = lane["tokens"] / lane["seconds"], _alone(loaded, Policy.parse(lane["label"]), ids)
        yield Measurement(
            name=f"a run to token {tokens:,}, lane {lane['label']}: speed against the engine alone",
            ratio=ours / other,
            ours=ours,
            other=other,
            unit="tokens/s",
            at_least=0.85,
        )


def _alone(loaded: LoadedModel, policy: Policy, ids: Tensor) -> float:
    """Tokens per second of a stream on one thread that nothing stands beside."""
    before = torch.get_num_threads()
    stream = open_stream(loaded, policy)
    torch.set_num_threads(1)
    try:
        return len(ids) / seconds(lambda: stream.read(ids), loaded.model.device)
    finally:
        torch.set_num_threads(before)
