"""What bfloat16 gains on this machine's CPU, over sizes of models: what `load`'s rule for dtype="auto" is held to.

The models are of the shapes of real ones and have random weights, which cost the same: nothing is downloaded. Both
dtypes are measured in turn, on the same tokens, with a full cache of 4+252.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel

from streaming.loading.placement import fast_bfloat16
from streaming.policy import Policy
from streaming.stream import Stream, open_stream

__all__ = ["SHAPES", "DtypeRow", "compare_dtypes"]

POLICY = Policy(kind="sinks", sinks=4, recent=252)
READ, ROUNDS, STEPS = 256, 5, 8

SHAPES = {
    "4M": (256, 4, 4, 4, 768, 4_096),
    "30M": (384, 8, 6, 2, 1_024, 49_152),
    "135M": (576, 30, 9, 3, 1_536, 49_152),
    "360M": (960, 32, 15, 5, 2_560, 49_152),
}
"""Hidden size, layers, heads, heads of keys, inner size, vocabulary."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DtypeRow:
    """One size with one number of threads; tokens a second and milliseconds, float32 then bfloat16.

    Attributes:
        size: its name in `SHAPES`.
        parameters: of the model.
        threads: of torch.
        hardware: whether the CPU multiplies bfloat16 by itself.
        read: tokens a second in reads of 256.
        step: milliseconds for a token by itself.
    """

    size: str
    parameters: int
    threads: int
    hardware: bool
    read: tuple[float, float]
    step: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Random:
    """What a stream needs of a loaded model."""

    model: PreTrainedModel
    context: int = 2_048
    start_token: int | None = None


def compare_dtypes(
    sizes: Sequence[str] = tuple(SHAPES), threads: Sequence[int] = (1, 2), *, hardware: bool | None = None
) -> Iterator[DtypeRow]:
    """One row for each size and number of threads, as they are measured.

    Args:
        sizes: names of `SHAPES`.
        threads: of torch.
        hardware: what the rows say of the CPU; by default what is known of it.
    """
    before = torch.get_num_threads()
    try:
        for size in sizes:
            models = [_model(size, dtype) for dtype in (torch.float32, torch.bfloat16)]
            for count in threads:
                torch.set_num_threads(count)
                read, step = _measure(models)
                yield DtypeRow(
                    size=size,
                    parameters=sum(values.numel() for values in models[0].model.parameters()),
                    threads=count,
                    hardware=fast_bfloat16() if hardware is None else hardware,
                    read=read,
                    step=step,
                )
    finally:
        torch.set_num_threads(before)


def _model(size: str, dtype: torch.dtype) -> _Random:
    width, layers, heads, shared, inner, vocabulary = SHAPES[size]
    config = LlamaConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=shared,
        intermediate_size=inner, vocab_size=vocabulary, max_position_embeddings=2_048, tie_word_embeddings=True,
        dtype=dtype,
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]  # the library's
    return _Random(model.eval().requires_grad_(False))


def _measure(models: Sequence[_Random]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Both dtypes in turn; the medians."""
    streams = [open_stream(loaded, POLICY) for loaded in models]
    ids = torch.randint(0, models[0].model.config.vocab_size, (READ,)).tolist()
    reads: list[list[float]] = [[], []]
    steps: list[list[float]] = [[], []]
    for stream in streams:
        stream.read(ids + ids[:8])  # the cache is full, and the kernels are warm
    for _ in range(ROUNDS):
        for times, stream in zip(reads, streams, strict=True):
            times.append(READ / _seconds(stream, ids))
        for times, stream in zip(steps, streams, strict=True):
            times.extend(1000 * _seconds(stream, [token]) for token in ids[:STEPS])
    for stream in streams:
        stream.close()
    (slow, fast), (long, short) = map(statistics.median, reads), map(statistics.median, steps)
    return (slow, fast), (long, short)


def _seconds(stream: Stream, ids: Sequence[int]) -> float:
    begin = time.perf_counter()
    stream.read(ids)
    return time.perf_counter() - begin
