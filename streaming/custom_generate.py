"""StreamingLLM inside transformers' own `generate()`, past the training length and at constant memory.

```python
from streaming import sink_generate

model.generate(**inputs, custom_generate=sink_generate, sinks=4, recent=1020, max_new_tokens=100_000)
```

`generate()` prepares logits processors, stopping criteria and the streamer, and calls us in place of its own loop,
which would count positions in the text. For a conversation, hand the cache of one turn to the next:
`cache=sink_cache(model, sinks=4, recent=1020)`, each time with all ids of the conversation so far.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList
from transformers.generation.stopping_criteria import StopStringCriteria
from transformers.generation.streamers import BaseStreamer
from transformers.generation.utils import GenerateDecoderOnlyOutput

from streaming import families
from streaming.errors import SettingsError
from streaming.forward import default_chunk
from streaming.user_cache import SinkCache
from streaming.view import unwrapped
from streaming.window import SinkWindow

__all__ = ["sink_cache", "sink_generate"]

DEFAULT_SINKS, DEFAULT_RECENT = 4, 1020  # the paper's setting


def sink_cache(model: PreTrainedModel, *, sinks: int = DEFAULT_SINKS, recent: int = DEFAULT_RECENT) -> SinkCache:
    """A cache to hand to several calls of `generate` as `cache`.

    Args:
        model: the model that will fill it, alone or wrapped (PEFT, torch.compile, accelerate); it stays as it is.
        sinks: first tokens to keep.
        recent: latest tokens to keep.

    Raises:
        SettingsError: a count is out of range.
        ModelUnsupported: the model cannot be streamed exactly.
    """
    families.prepare(model)
    return SinkCache(SinkWindow(sinks=sinks, recent=recent))


@torch.inference_mode(False)
@torch.no_grad()
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
    stop_strings: str | list[str] | None = None,
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
        stop_strings: end sequences, with the `tokenizer` that `generate` is given.
        **model_kwargs: `cache` may hold a cache made by `sink_cache`; `attention_mask` must hide nothing.

    Returns:
        (B, n + new) ids, or a GenerateDecoderOnlyOutput where `return_dict_in_generate` asks for it.

    Raises:
        SettingsError: beams, padding, an assistant, attentions or hidden states are asked for, or the cache that is
            given has read something else.
        StreamError: the cache is in use, or was interrupted; or the model computes NaN.
        ModelUnsupported: the model cannot be streamed exactly.
    """
    call = _arguments_of_generate()
    _refuse(unwrapped(model), generation_config, synced_gpus, call, input_ids, model_kwargs)
    if stop_strings is not None:
        stopping_criteria.append(_stop_strings(call.get("tokenizer"), stop_strings))
    cache = _cache_for(model_kwargs.get("cache"), sinks, recent)
    view = families.prepare(model)
    with cache.turn(unwrapped(model), view, input_ids) as unread:
        chunk = generation_config.prefill_chunk_size or default_chunk(view, cache.window)
        loop = _Loop(view, cache, logits_processor, stopping_criteria, generation_config, chunk)
        return loop.run(input_ids, unread, streamer or call.get("streamer"))


@dataclass(kw_only=False)
class _Loop:
    """Read what is unread, choose, repeat."""

    view: PreTrainedModel
    cache: SinkCache
    processors: Any  # transformers types their calls more narrowly than it makes them
    criteria: Any
    config: GenerationConfig
    chunk: int
    scores: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)

    def run(self, given: Tensor, unread: Tensor, streamer: Any) -> Tensor | GenerateDecoderOnlyOutput:
        """Go on from (B, n) ids, of which (B, m) are unread, until every sequence has ended."""
        ids = _Ids(given)
        going = torch.ones(len(given), dtype=torch.bool, device=given.device)
        can_end = any(hasattr(criterion, "eos_token_id") for criterion in self.criteria)
        while going.any():
            chosen = self._next(ids.so_far, unread)
            if can_end:
                chosen = torch.where(going, chosen, self._pad(given.device))
            unread = ids.add(chosen)
            if streamer is not None:
                streamer.put(chosen.cpu())
            going = going & ~self.criteria(ids.so_far, tuple(self.scores) or None)
        if streamer is not None:
            streamer.end()
        return self._output(ids.so_far.clone())

    def _next(self, ids: Tensor, unread: Tensor) -> Tensor:
        """Read (B, m) ids, the last of the (B, n) so far; choose the next of each sequence, (B,)."""
        raw = self.cache.read(self.view, unread, chunk=self.chunk).to(ids.device, torch.float32)  # (B, V)
        scores: Tensor = self.processors(ids, raw.clone())  # (B, V)
        self._note(scores, raw)
        if self.config.do_sample:
            return torch.multinomial(torch.softmax(scores, dim=-1), num_samples=1)[:, 0]
        return scores.argmax(dim=-1)

    def _note(self, scores: Tensor, raw: Tensor) -> None:
        if self.config.return_dict_in_generate and self.config.output_scores:
            self.scores.append(scores)
        if self.config.return_dict_in_generate and self.config.output_logits:
            self.logits.append(raw)

    def _pad(self, device: torch.device) -> Tensor:
        pad: Any = self.config._pad_token_tensor
        return torch.as_tensor(pad, device=device)

    def _output(self, ids: Tensor) -> Tensor | GenerateDecoderOnlyOutput:
        if not self.config.return_dict_in_generate:
            return ids
        lists: dict[str, Any] = {"scores": tuple(self.scores) or None, "logits": tuple(self.logits) or None}
        sequences: Any = ids
        return GenerateDecoderOnlyOutput(sequences=sequences, cache=self.cache, **lists)


class _Ids:
    """Ids that grow by one for each sequence, without copying all of them every time."""

    def __init__(self, given: Tensor) -> None:
        """Begin with (B, n) ids."""
        self._room, self._count = given, given.shape[1]

    @property
    def so_far(self) -> Tensor:
        """(B, n): a view, which later ids do not change."""
        return self._room[:, : self._count]

    def add(self, chosen: Tensor) -> Tensor:
        """Take in (B,) ids; return them as the last column, (B, 1)."""
        if self._count == self._room.shape[1]:
            grown = self._room.new_empty(len(chosen), self._count * 5 // 4 + 64, dtype=torch.long)
            grown[:, : self._count] = self._room
            self._room = grown
        self._room[:, self._count] = chosen
        self._count += 1
        return self._room[:, self._count - 1 : self._count]


def _cache_for(given: Any, sinks: int | None, recent: int | None) -> SinkCache:
    if not isinstance(given, SinkCache):  # generate() has prepared an empty one of its own, which we leave unused
        if given is not None and (getattr(given, "_is_user_defined", False) or given.get_seq_length()):
            raise SettingsError("cache must be one made by sink_cache(model, …), or be left out.")
        return SinkCache(
            SinkWindow(
                sinks=DEFAULT_SINKS if sinks is None else sinks, recent=DEFAULT_RECENT if recent is None else recent
            )
        )
    window = given.window
    if sinks not in (None, window.sinks) or recent not in (None, window.recent):
        raise SettingsError(
            f"The cache that is passed keeps {window.sinks} sinks and {window.recent} recent tokens: "
            "leave sinks and recent out, or make another cache."
        )
    return given


# ------------------------------------------------------------------------------------------------ what is refused

_KNOWN = frozenset(
    {"attention_mask", "cache", "labels", "logits_to_keep", "num_items_in_batch", "output_attentions",
     "output_hidden_states", "position_ids", "return_dict", "use_cache"}
)  # fmt: skip


def _refuse(
    model: PreTrainedModel,
    config: GenerationConfig,
    synced_gpus: bool,
    call: dict[str, Any],
    ids: Tensor,
    more: dict[str, Any],
) -> None:
    kind = config.cache_implementation
    mode, hidden = config.get_generation_mode(call.get("assistant_model")), more.get("attention_mask")
    returned = config.return_dict_in_generate and (config.output_attentions or config.output_hidden_states)
    unknown = sorted(name for name, value in more.items() if value is not None and name not in _KNOWN)
    wrong = {
        f"{mode.value.replace('_', ' ')} is not supported, only greedy search and sampling: leave num_beams, "
        "penalty_alpha, assistants and the like out": mode.value not in ("greedy_search", "sample"),
        "attentions and hidden states cannot be returned": returned,
        "synced_gpus is not supported": synced_gpus or call.get("synced_gpus"),
        f"{', '.join(unknown)} would be ignored: leave it out (of inputs_embeds, pass the input_ids)": unknown,
        f"cache_implementation={kind!r} asks for another cache: leave it out, sinks and recent say what is kept":
            kind not in (None, model.generation_config.cache_implementation),
        "position_ids must count from 0: leave them out": hidden is None and not _counts(more.get("position_ids")),
        _hidden(config, ids): hidden is not None,
    }  # fmt: skip
    reasons = [reason for reason, holds in wrong.items() if holds]
    if reasons:
        raise SettingsError(f"Streaming generation: {'; '.join(reasons)}.")


def _counts(positions: Tensor | None) -> bool:
    return positions is None or bool((positions == torch.arange(positions.shape[-1], device=positions.device)).all())


def _hidden(config: GenerationConfig, ids: Tensor) -> str:
    """Why some of the ids are hidden."""
    pad: Any = config._pad_token_tensor
    inside = pad is not None and len(ids) == 1 and bool((ids == pad.to(ids.device)).any())
    if inside:
        return (
            f"input_ids has the pad token {int(pad)} in it, which attention_mask hides: take it out, or pass "
            "attention_mask=torch.ones_like(input_ids) to have it read"
        )
    return "a batch must not be padded: generate for one prompt at a time, or for prompts of one length"


# ---------------------------------------------------------------------------------- what generate() does not hand over


def _stop_strings(tokenizer: Any, strings: str | Sequence[str]) -> StopStringCriteria:
    if tokenizer is None:
        raise SettingsError("stop_strings needs the tokenizer: pass generate(…, tokenizer=tokenizer) as well.")
    return StopStringCriteria(tokenizer=tokenizer, stop_strings=[strings] if isinstance(strings, str) else [*strings])


def _arguments_of_generate() -> dict[str, Any]:
    """The streamer, tokenizer and assistant that the calling `generate()` was given, where it was.

    transformers hands them to its own loops, but (in 5.24) not to a callable, although it has put the prompt into the
    streamer already: a consumer would wait for ever. They are still local variables of the caller and its wrappers.
    """
    frame = sys._getframe(1)
    while frame is not None and not (frame.f_code.co_name == "generate" and "generation_mode_kwargs" in frame.f_locals):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return {}
    found = {name: frame.f_locals.get(name) for name in ("streamer", "assistant_model")}
    while frame is not None:
        given = frame.f_locals.get("kwargs")
        if isinstance(given, dict) and "custom_generate" in given:  # a decorator of generate()
            return {**given, **found}
        frame = frame.f_back  # type: ignore[assignment]
    return found
