"""What reading and decoding cost, on any model, device and dtype: ratios of times that are measured in turn.

Begin with `bench`, which gives the rows as they are measured; `commands/bench.py` prints them, and
`reports/speed.py` makes a page of what was kept. Each figure is against what a user would have without this project:
the model's own forward, transformers with its own cache, the window encoded anew, the engine without a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from comparisons.experiments.bench import ceilings, lanes, memory, reading, steps
from comparisons.experiments.bench.measurement import Measurement
from streaming.models import LoadedModel
from streaming.stream import Loaded

__all__ = ["BenchSettings", "Measurement", "bench", "hardware"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchSettings:
    """How much of it.

    Attributes:
        copied_per_second: bytes that the device can copy, for the floor of a step.
        memory: whether the peak of reading dense to 16,384 tokens is measured; in a fresh process only.
        run: whether a run's lanes are measured; they need a tokenizer.
        far: how many tokens the memory of a long stream is watched for; 0 leaves it out.
    """

    copied_per_second: float
    memory: bool = False
    run: bool = False
    far: int = 0


def bench(loaded: Loaded, settings: BenchSettings) -> Iterator[Measurement]:
    """All rows, as they are measured."""
    model, small = loaded.model, loaded.context < 2048
    vocabulary = model.config.get_text_config().vocab_size
    ids = torch.randint(vocabulary, (4096,), generator=torch.Generator().manual_seed(0))
    caches = (loaded.context // 2,) if small else (1024, 256)
    held = max(512, 4 * loaded.context) if small else 4096
    if settings.memory:
        yield memory.dense_peak(loaded, ids, 16_384)
    if settings.far:
        yield memory.growth(loaded, ids, caches[0], settings.far)
    yield from reading.sinks(loaded, ids, caches)
    yield reading.dense_chunk(loaded, ids, held)
    for cache in caches:
        yield steps.sinks(loaded, cache)
    yield steps.dense(loaded, held + 504)
    yield steps.late(loaded, caches[0])
    on_a_gpu = model.device.type == "cuda"
    largest = loaded.context if small else 4096
    yield steps.floor(loaded, largest if on_a_gpu else caches[0], settings.copied_per_second)
    yield from steps.against_recompute(loaded, (256, 1024, 2048, 4096) if on_a_gpu else (256, 1024))
    if settings.run and isinstance(loaded, LoadedModel):
        yield from lanes.against_the_engine(loaded, caches[0], 4000)


def hardware(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """The ceilings of a device: operations and bytes per second."""
    return {
        "multiplied_per_second": ceilings.multiplied_per_second(device, dtype),
        "copied_per_second": ceilings.copied_per_second(device),
    }
