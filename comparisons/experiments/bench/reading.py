"""Reading many tokens, against the model's own forward."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from comparisons.experiments.bench.caches import filled, library_cache
from comparisons.experiments.bench.measurement import Measurement
from comparisons.experiments.bench.timing import Work, in_turn
from streaming.policy import Policy
from streaming.stream import Loaded

__all__ = ["dense_chunk", "sinks"]

_SHARES = {
    ("cpu", 1024, 1, "float32"): 0.80, ("cpu", 1024, 2, "float32"): 0.80,
    ("cpu", 1024, 1, "bfloat16"): 0.75, ("cpu", 1024, 2, "bfloat16"): 0.70,
    ("cpu", 256, 1, "float32"): 0.95, ("cpu", 256, 2, "float32"): 0.95,
    ("cpu", 256, 1, "bfloat16"): 0.90, ("cpu", 256, 2, "bfloat16"): 0.85,
}  # fmt: skip
"""Device, cache, threads and dtype -> share of the plain forward that reading should reach."""

_BUNDLED = 0.97
"""What the bundled models' reading reached of the forward and its loss before larger ones were aimed at."""

_SHARES_ON_A_GPU = {"falcon": 0.7, "mpt": 0.7}


def sinks(loaded: Loaded, ids: Tensor, caches: tuple[int, ...], *, rounds: int = 3) -> Iterator[Measurement]:
    """Tokens per second with each cache, as a share of the plain forward's over the same tokens.

    Reading gives each token's likelihood, which a forward leaves to be computed: so there are two shares, of the
    forward alone, and of the forward with its loss.
    """
    model, text = loaded.model, ids[:1024]
    pieces = torch.split(text, min(1024, loaded.context))

    @torch.inference_mode()
    def forward() -> list[Tensor]:
        return [model(piece[None].to(model.device), use_cache=False).logits[0] for piece in pieces]

    def loss() -> None:
        for logits, piece in zip(forward(), pieces, strict=True):
            F.cross_entropy(logits[:-1].float(), piece[1:].to(model.device), reduction="none").cpu()

    works: dict[str, Work] = {"plain": forward, "loss": loss}
    for cache in caches:
        stream = filled(loaded, Policy(kind="sinks", sinks=4, recent=cache - 4), 2 * cache)
        works[str(cache)] = partial(stream.read, text)
    times = in_turn(works, model.device, rounds=rounds)
    of = f"over {len(text):,} tokens" if len(pieces) == 1 else f"over {len(pieces)} × {len(pieces[0]):,} tokens"
    for cache in caches:
        seconds, multiple = times[str(cache)]
        for name, words, least in (
            ("plain", "the plain forward", _share(loaded, cache)),
            ("loss", "the plain forward and its loss", _BUNDLED if loaded.context < 1024 else None),
        ):
            theirs, its_multiple = times[name]
            yield Measurement(
                name=f"reading with sinks 4+{cache - 4}, share of {words} {of}",
                ratio=its_multiple / multiple,
                ours=len(text) / seconds,
                other=len(text) / theirs,
                unit="tokens/s",
                at_least=least,
            )


def _share(loaded: Loaded, cache: int) -> float | None:
    model = loaded.model
    if model.device.type == "cuda":
        return _SHARES_ON_A_GPU.get(model.config.model_type, 0.85)
    key = (model.device.type, cache, torch.get_num_threads(), str(model.dtype).removeprefix("torch."))
    return _SHARES.get(key)


def dense_chunk(loaded: Loaded, ids: Tensor, held: int, *, rounds: int = 3) -> Measurement:
    """A chunk of 256 read into a dense cache, against the model with transformers' own cache at the same place."""
    model, chunk = loaded.model, ids[:256]
    stream = filled(loaded, Policy(kind="dense"), held - len(chunk))  # the warm-up reads one
    theirs = library_cache(stream)

    @torch.inference_mode()
    def library() -> None:
        model(chunk[None].to(model.device), cache=theirs, use_cache=True)

    times = in_turn({"theirs": library, "ours": lambda: stream.read(chunk)}, model.device, rounds=rounds)
    return Measurement(
        name=f"dense, a chunk of {len(chunk)} with {held:,} held, speed against transformers with its own cache",
        ratio=1 / times["ours"][1],
        ours=len(chunk) / times["ours"][0],
        other=len(chunk) / times["theirs"][0],
        unit="tokens/s",
        at_least=1.0,
    )
