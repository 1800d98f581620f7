"""A short warm-up: what a model is, and how fast it reads on this machine."""

from __future__ import annotations

import time

import numpy as np

from comparisons.runs.fit import ModelFacts
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import open_stream

__all__ = ["model_facts"]

SECONDS = 1.0
"""How long the reading takes, at most; a model that is slower than two chunks of it takes longer."""

CHUNK = 64
STEPS = 5
"""Of which the shortest counts: whatever else the machine does makes them longer, never shorter."""

MOST_GROWTH = 4.0
"""Times what arithmetic says that a token in the cache adds: more than that is noise of a second's measuring."""


def model_facts(loaded: LoadedModel, *, seconds: float = SECONDS) -> ModelFacts:
    """Measure a model: some chunks with a growing cache, then a few single steps."""
    model, context = loaded.model, loaded.context
    stream = open_stream(loaded, Policy(kind="dense"))
    random = np.random.default_rng(0)
    vocabulary = int(model.config.vocab_size)
    times: list[tuple[float, float]] = []  # tokens in the cache, seconds per token
    begin = time.monotonic()
    try:
        count = min(CHUNK, max(1, context // 4))
        stream.read(random.integers(0, vocabulary, count).tolist())  # the first is slow: memory, kernels
        while len(times) < 2 or (time.monotonic() - begin < seconds and stream.tokens + count <= context // 2):
            before = time.perf_counter()
            stream.read(random.integers(0, vocabulary, count).tolist())
            times.append((stream.tokens - count / 2, (time.perf_counter() - before) / count))
        steps = []
        for token in random.integers(0, vocabulary, STEPS).tolist():
            before = time.perf_counter()
            stream.read([token])
            steps.append(time.perf_counter() - before)
        token_seconds, held_seconds = _line(times, _least_growth(loaded))
        return ModelFacts(
            context=context,
            token_bytes=stream.nbytes // stream.tokens,
            vocabulary=vocabulary,
            chat=bool(loaded.tokenizer.chat_template),
            token_seconds=token_seconds,
            held_seconds=held_seconds,
            step_seconds=min(steps),
        )
    finally:
        stream.close()


def _line(times: list[tuple[float, float]], least_growth: float) -> tuple[float, float]:
    """Seconds per token with an empty cache, and what each token in it adds; noise must not make reading free."""
    held, each = np.array(times).T
    growth = float(np.polyfit(held, each, 1)[0]) if len(times) >= 4 else 0.0
    middle = float(np.median(each))
    growth = min(max(growth, least_growth * middle), MOST_GROWTH * least_growth * middle)
    growth = min(growth, middle / float(np.mean(held)) / 2)
    return max(middle - growth * float(np.mean(held)), middle / 2), growth


def _least_growth(loaded: LoadedModel) -> float:
    """By arithmetic: attention to one more token, as a share of all that reading a token multiplies."""
    config, model = loaded.model.config, loaded.model
    weights = sum(values.numel() for values in model.parameters())
    return float(2 * config.hidden_size * config.num_hidden_layers / weights)
