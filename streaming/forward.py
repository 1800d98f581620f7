"""One forward of a model into the cache of one stream, and reading many tokens by several of them."""

from __future__ import annotations

from torch import Tensor
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from streaming import families
from streaming.attention import merged as attention
from streaming.attention.readings import reading
from streaming.cache import StreamCache
from streaming.errors import StreamError
from streaming.ring import ring_step
from streaming.share import SinkShare
from streaming.view import device_of
from streaming.window import SinkWindow

__all__ = ["CHUNK", "default_chunk", "forward", "longest_forward", "new_cache", "read_into", "require_numbers"]

CHUNK = 512
"""Most tokens read in one forward on a CPU: longer chunks cost less each, and activations still stay in caches."""

_CHUNK_OF_DENSE = 256
"""Where all is kept, no token is read for less in longer ones, and their logits would add to the peak of memory."""

_CHUNK_ON_A_GPU = 1024


def default_chunk(model: PreTrainedModel, window: SinkWindow) -> int:
    """Most tokens per forward where nobody says how many; results do not depend on it."""
    if device_of(model).type != "cpu":
        return _CHUNK_ON_A_GPU
    return _CHUNK_OF_DENSE if window.recent is None else CHUNK


def new_cache(model: PreTrainedModel, window: SinkWindow) -> StreamCache:
    """An empty cache for a prepared model."""
    return StreamCache(window, families.rotaries(model))


def forward(
    model: PreTrainedModel,
    cache: StreamCache,
    ids: Tensor,
    *,
    last_only: bool = False,
    share: SinkShare | None = None,
) -> CausalLMOutputWithPast:
    """One forward of (B, n) ids into a cache, n at most `longest_forward`; logits of all, or (B, 1, V) of the last.

    A `share` goes with a single stream (B = 1).
    """
    if ids.shape[1] == 1 and share is None and (ring := ring_step(model, cache, len(ids))):
        stepped = ring.step(ids)
        if stepped is not None:
            return stepped
    copies = families.of(model.config).way == "copies"
    span = cache.begin(ids.shape[1], copies=copies, device=device_of(model))
    plan = families.plan(model, span, cache.rotaries, share)
    more = {"logits_to_keep": 1} if last_only else {}
    with reading(plan):
        out: CausalLMOutputWithPast = model(input_ids=ids, cache=cache, use_cache=True, **plan.inputs, **more)
    if plan.share is not None and out.attentions:
        attention.note_attentions(plan, out.attentions)
    return out


def require_numbers(computed: Tensor) -> None:
    """Raise StreamError where a model computed NaN: no other number of it means anything then."""
    if computed.isnan().any():
        raise StreamError(
            "The model gives no number (NaN): its weights are damaged, or too large for float16. Load it in bfloat16 "
            "or float32, or choose another checkpoint."
        )


def longest_forward(model: PreTrainedModel, cache: StreamCache, chunk: int) -> int:
    """Most tokens of the next forward: no more than `chunk`, than the family can, than there are sinks to come."""
    unread_sinks = cache.window.sinks - cache.tokens
    family = families.of(model.config)
    most = min(chunk, family.longest if device_of(model).type == "cpu" else family.longest_on_a_gpu)
    return min(most, unread_sinks) if unread_sinks > 0 else most


def read_into(model: PreTrainedModel, cache: StreamCache, ids: Tensor, *, chunk: int = 1 << 20) -> Tensor:
    """Read (B, n) ids into a cache, n at least 1; return the logits (B, V) after the last."""
    start = 0
    while start < ids.shape[1]:
        end = min(ids.shape[1], start + longest_forward(model, cache, chunk))
        logits = logits_of(forward(model, cache, ids[:, start:end], last_only=True))  # (B, 1, V)
        start = end
    return logits[:, -1]  # (B, V)


def logits_of(out: CausalLMOutputWithPast) -> Tensor:
    """The logits, which every causal language model returns."""
    assert out.logits is not None
    return out.logits
