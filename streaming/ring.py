"""Decode steps over a full cache at constant shapes, so that a GPU can replay one captured graph for each.

A step of a small batch is bound by launching kernels: a GPU works a third of the time. A full cache has constant
shapes, which is what a CUDA graph wants. The recent tokens of each layer lie in a ring of `recent + 1` slots, whose
order means nothing to a softmax; slot and position are tensors on the device, advanced inside the graph; the sinks
stay where they are, and are scored by a query that is rotated by a tensor on the device, too.

The arithmetic is that of `attention.py` and runs un-captured on any device, which is how tests hold it to the oracle.

Shapes: B batch, S sinks, R recent tokens, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from streaming import families
from streaming.attention.readings import Reading, reading
from streaming.cache import StreamCache
from streaming.view import device_of

__all__ = ["RingStep", "ring_step"]


def ring_step(model: PreTrainedModel, cache: StreamCache, batch: int) -> RingStep | None:
    """The steps of a full cache on a CUDA device; None where each token takes a forward of its own."""
    full = cache.window.budget is not None and cache.tokens >= cache.window.budget
    if not full or not cache.may_ring or cache.window.positions != "cache":
        return None
    if cache.ring is None and device_of(model).type == "cuda":
        one_device = len({parameter.device for parameter in model.parameters()}) == 1
        cache.may_ring = one_device and families.of(model.config).way == "interface"
        if cache.may_ring:
            cache.ring = RingStep(model, cache, batch, capture=True)
    return cache.ring


class RingStep:
    """One step after another, each as one graph where it is captured.

    Args:
        model: a view from `families.prepare` whose attention goes through the interface, on one device.
        cache: full, of this model.
        batch: sequences.
        capture: whether a step is captured as a CUDA graph; the first one is, and replayed from then on.
    """

    def __init__(self, model: PreTrainedModel, cache: StreamCache, batch: int, *, capture: bool) -> None:
        """Nothing is moved or captured yet."""
        device = device_of(model)
        self._model, self._cache, self._capture = model, cache, capture
        self._sinks, self._recent = cache.window.sinks, cache.window.recent or 0
        self._ids = torch.zeros(batch, 1, dtype=torch.long, device=device)  # (B, 1)
        self._position = torch.zeros(1, 1, dtype=torch.long, device=device)
        self._slot = torch.zeros(1, dtype=torch.long, device=device)
        self._mask = torch.zeros(1, 1, 1, 1, dtype=model.dtype, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._logits: Tensor | None = None
        self._steps: int | None = None

    def step(self, ids: Tensor) -> CausalLMOutputWithPast | None:
        """Read (B, 1) ids; the logits (B, 1, V) are a copy. None, and nothing is read, where no graph can be made."""
        if self._steps is not None and self._cache.is_due:
            self.leave()
        if self._steps is None:
            self._enter()
        self._ids.copy_(ids)
        if self._capture and not self._can_capture():
            self.leave()
            self._cache.ring, self._cache.may_ring = None, False
            return None
        logits = self._replayed() if self._capture else self._run()
        assert self._steps is not None
        self._steps += 1
        self._cache.tokens += 1
        return CausalLMOutputWithPast(logits=logits.clone())  # (B, 1, V)

    def _enter(self) -> None:
        """Lay the recent tokens out as a ring, its free slot last."""
        self._cache.renumber(self._ids.device)
        for layer in self._cache.layers:
            layer.enter_ring(self._slot)
        self._steps = 0
        self._rewind()

    def _rewind(self) -> None:
        """Back to the first step since the ring was laid out."""
        self._slot.fill_(self._sinks + self._recent)
        self._position.fill_(self._cache.tokens - self._cache.base)

    def leave(self) -> None:
        """Put the tokens back in the order of the stream; harmless where they are."""
        if self._steps is None:
            return
        free = (self._recent + self._steps) % (self._recent + 1)
        for layer in self._cache.layers:
            layer.leave_ring(free)
        self._steps = None

    def _run(self) -> Tensor:
        """One step by tensors on the device alone: (B, 1, V)."""
        places = self._sinks + self._recent - self._position[0]  # (1,)
        rotaries = self._cache.rotaries
        turns = {rotary: rotary.by(places, places.device) for rotary in set(rotaries) if rotary is not None}
        inputs: dict[str, Any] = {"position_ids": self._position, "attention_mask": self._mask}
        plan = Reading(
            inputs=inputs,
            sinks=self._sinks,
            turns=tuple(None if rotary is None or not self._sinks else turns[rotary] for rotary in rotaries),
        )
        with reading(plan):
            logits: Tensor = self._model(input_ids=self._ids, cache=self._cache, use_cache=True, **inputs).logits
        self._position.add_(1)
        self._slot.copy_((self._slot - self._sinks + 1) % (self._recent + 1) + self._sinks)
        return logits

    def _replayed(self) -> Tensor:
        assert self._graph is not None
        assert self._logits is not None
        self._graph.replay()
        return self._logits

    def _can_capture(self) -> bool:
        """Whether there is a graph, made on first use; its rehearsals write into the slot that is written next."""
        try:
            if self._graph is None:
                self._make_graph()
        except RuntimeError:  # something of this model waits for the CPU
            return False
        return True

    def _make_graph(self) -> None:
        device = self._ids.device
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # of torch
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._run()
                self._rewind()
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other lanes go on meanwhile
            self._logits = self._run()
        self._rewind()
        self._graph = graph
