"""StreamingLLM inside transformers' own `generate()`, past the training length and at constant memory.

```python
from streaming.custom_generate import sink_generate

model.generate(**inputs, custom_generate=sink_generate, sinks=4, recent=1020, max_new_tokens=100_000)
```

`generate()` prepares logits processors, stopping criteria and the streamer, and calls us in place of its own loop,
which would count positions in the text. For a conversation, hand the cache of one turn to the next:
`cache=sink_cache(model, sinks=4, recent=1020)`, each time with all ids of the conversation so far.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList
from transformers.generation import GenerateDecoderOnlyOutput
from transformers.generation.streamers import BaseStreamer

from streaming import families
from streaming.cache import StreamCache
from streaming.errors import SettingsError
from streaming.forward import CHUNK, new_cache, read_into
from streaming.window import SinkWindow

__all__ = ["sink_cache", "sink_generate"]

DEFAULT_SINKS, DEFAULT_RECENT = 4, 1020  # the paper's setting


def sink_cache(model: PreTrainedModel, *, sinks: int = DEFAULT_SINKS, recent: int = DEFAULT_RECENT) -> StreamCache:
    """A cache to hand to several calls of `generate` as `cache`."""
    return new_cache(families.prepare(model), SinkWindow(sinks=sinks, recent=recent))


def sink_generate(
    model: PreTrainedModel,
    input_ids: Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    synced_gpus: bool = False,
    streamer: BaseStreamer | None = None,
    sinks: int | None = None,
    recent: int | None = None,
    **model_kwargs: Any,
) -> Tensor | GenerateDecoderOnlyOutput:
    """Decode with a cache of `sinks` first and `recent` latest tokens; pass it to `generate` as `custom_generate`.

    Args:
        model: any model of a supported family, however it was loaded.
        input_ids: (B, n) all ids so far; what a cache from an earlier turn has read already is not read again.
        logits_processor: applied to the logits of every step.
        stopping_criteria: end sequences.
        generation_config: sampling and output options.
        synced_gpus: not supported.
        streamer: gets every new token.
        sinks: first tokens to keep (4 unless a cache is given).
        recent: latest tokens to keep (1020 unless a cache is given).
        **model_kwargs: `cache` may hold a cache made by `sink_cache`; `attention_mask` must hide nothing.

    Returns:
        (B, n + new) ids, or a GenerateDecoderOnlyOutput where `return_dict_in_generate` asks for it.

    Raises:
        SettingsError: beams, padding, contrastive search, attentions or hidden states are asked for.
        ModelUnsupported: the model cannot be streamed exactly.
    """
    _refuse_unsupported(generation_config, synced_gpus, model_kwargs)
    streamer = streamer or _streamer_of_generate()
    prepared = families.prepare(model)
    cache = _cache_for(prepared, model_kwargs.get("cache"), sinks, recent)
    unread = input_ids[:, cache.tokens :]
    if not unread.shape[1]:
        raise SettingsError("The cache has read all of input_ids already: add the ids of the new turn to them.")
    return _loop(prepared, cache, input_ids, unread, logits_processor, stopping_criteria, generation_config, streamer)


def _loop(
    model: PreTrainedModel,
    cache: StreamCache,
    ids: Tensor,
    unread: Tensor,
    processors: LogitsProcessorList,
    criteria: StoppingCriteriaList,
    config: GenerationConfig,
    streamer: BaseStreamer | None,
) -> Tensor | GenerateDecoderOnlyOutput:
    """Read what is unread, choose, repeat."""
    can_end = any(hasattr(criterion, "eos_token_id") for criterion in criteria)
    going = torch.ones(len(ids), dtype=torch.long, device=ids.device)
    scores: list[Tensor] = []
    logits: list[Tensor] = []
    while going.any():
        raw = read_into(model, cache, unread.to(model.device), chunk=CHUNK).to(ids.device, torch.float32)
        chosen_from = processors(ids, raw.clone())
        if config.output_scores:
            scores.append(chosen_from)
        if config.output_logits:
            logits.append(raw)
        unread = _choose(chosen_from, config)
        if can_end:
            unread = torch.where(going[:, None].bool(), unread, config._pad_token_tensor.to(ids.device))
        ids = torch.cat([ids, unread], dim=-1)
        if streamer is not None:
            streamer.put(unread[:, 0].cpu())
        going = going & ~criteria(ids, tuple(scores) or None)
    if streamer is not None:
        streamer.end()
    if not config.return_dict_in_generate:
        return ids
    return GenerateDecoderOnlyOutput(
        sequences=ids, scores=tuple(scores) or None, logits=tuple(logits) or None, cache=cache
    )


def _choose(scores: Tensor, config: GenerationConfig) -> Tensor:
    """One token for each sequence: (B, 1)."""
    if config.do_sample:
        return torch.multinomial(torch.softmax(scores, dim=-1), num_samples=1)
    return scores.argmax(dim=-1, keepdim=True)


def _cache_for(model: PreTrainedModel, given: Any, sinks: int | None, recent: int | None) -> StreamCache:
    if not isinstance(given, StreamCache):  # generate() has prepared an empty one of its own, which we leave unused
        if given is not None and given.get_seq_length():
            raise SettingsError("cache must be one made by sink_cache(model, …), or be left out.")
        chosen = {
            "sinks": DEFAULT_SINKS if sinks is None else sinks,
            "recent": DEFAULT_RECENT if recent is None else recent,
        }
        return new_cache(model, SinkWindow(**chosen))
    if (sinks, recent) not in ((None, None), (given.window.sinks, given.window.recent)):
        raise SettingsError(
            f"The cache that is passed keeps {given.window.sinks} sinks and {given.window.recent} recent tokens: "
            "leave sinks and recent out, or make another cache."
        )
    return given


def _refuse_unsupported(config: GenerationConfig, synced_gpus: bool, model_kwargs: dict[str, Any]) -> None:
    wrong = {
        "num_beams must be 1: beams would need a cache each": config.num_beams not in (None, 1),
        "attentions and hidden states cannot be returned": config.output_attentions or config.output_hidden_states,
        "penalty_alpha (contrastive search) is not supported": bool(config.penalty_alpha),
        "synced_gpus is not supported": synced_gpus,
        "a batch must not be padded: generate for one prompt at a time, or for prompts of one length":
            model_kwargs.get("attention_mask") is not None,
        "inputs_embeds is not supported: pass input_ids": model_kwargs.get("inputs_embeds") is not None,
    }  # fmt: skip
    reasons = [reason for reason, holds in wrong.items() if holds]
    if reasons:
        raise SettingsError(f"Streaming generation: {'; '.join(reasons)}.")


def _streamer_of_generate() -> BaseStreamer | None:
    """The streamer that the calling `generate()` was given.

    transformers hands a streamer to its own loops, but (in 5.23) not to a callable, although it has already put the
    prompt into it; a consumer would wait for ever. It is still a local variable of the caller.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if (
            frame.f_code.co_name == "generate"
            and "streamer" in frame.f_locals
            and "generation_mode_kwargs" in frame.f_locals
        ):
            return frame.f_locals["streamer"]
        frame = frame.f_back
    return None
