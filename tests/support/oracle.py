"""The slow and obvious reader that all fast paths are held against.

One token at a time. Every key is kept as it was before its rotary embedding, and rotated, in float64 and by complex
numbers, to its position for every single query; attention is a plain softmax in float64. Nothing here is taken from
`streaming` but which tokens a policy is said to keep, and what a rotary embedding that depends on the length is
pinned to.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.cache_utils import Cache, CacheLayerMixin
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.utils import ModelOutput

from streaming import families
from tests.support import tiny


def plain_attention(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask, *, scaling, **more):
    """Softmax in float64, for one query over all the keys that it is given."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = query.double() @ key.double().transpose(-1, -2) * scaling
    if more.get("softcap") is not None:
        scores = more["softcap"] * torch.tanh(scores / more["softcap"])
    return (torch.softmax(scores, dim=-1) @ value.double()).to(query.dtype).transpose(1, 2).contiguous(), None


class OracleLayer(CacheLayerMixin):
    """Raw keys of one layer, and where each of them has to stand for the query at hand."""

    def __init__(self, inv_freq: Tensor | None) -> None:
        super().__init__()
        self.inv_freq = inv_freq
        self.raw: list[Tensor] = []
        self.kept_values: list[Tensor] = []
        self.attended: list[int] = []
        self.places: list[int] = []
        self.query_id = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to allocate."""

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor]:
        """Keep the raw key; return all attended keys, each rotated from raw to its place."""
        self.raw.append(turn(key_states.double(), [-self.query_id], self.inv_freq))
        self.kept_values.append(value_states)
        raw, values = (torch.cat([kept[i] for i in self.attended], dim=-2) for kept in (self.raw, self.kept_values))
        return turn(raw, self.places, self.inv_freq).to(key_states.dtype), values

    def get_seq_length(self) -> int:
        """Keys held before the token being read."""
        return len(self.attended) - 1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """As a cache that holds just these keys."""
        return len(self.attended), 0

    def get_max_length(self) -> int:
        """No limit."""
        return -1


def turn(x: Tensor, places: list[int], inv_freq: Tensor | None) -> Tensor:
    """Rotate the pairs (i, i + r/2) of each (..., n, D) by its place, of n, times inv_freq, as complex numbers."""
    if inv_freq is None:
        return x
    half = len(inv_freq)
    pairs = torch.complex(x[..., :half], x[..., half : 2 * half])
    angles = torch.tensor(places)[:, None] * inv_freq  # (n, half)
    pairs = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag, x[..., 2 * half :]], dim=-1)


def frequencies(model: PreTrainedModel) -> list[Tensor | None]:
    """The inverse frequencies of each layer, None where keys are not rotated."""
    config = model.config
    layers = config.num_hidden_layers
    if config.model_type == "mpt" or getattr(config, "alibi", False):
        return [None] * layers
    embedding = model.base_model.rotary_emb
    if config.model_type == "gemma3_text":
        return [getattr(embedding, f"{kind}_inv_freq").double() for kind in config.layer_types]
    used = getattr(config, "no_rope_layers", None) or [1] * layers
    return [embedding.inv_freq.double() if use else None for use in used]


def twin(name: str, prepared: PreTrainedModel, attention: str = "oracle") -> PreTrainedModel:
    """The same weights in float64 under plain attention, sliding windows of its own switched off."""
    AttentionInterface.register("oracle", plain_attention)
    AttentionMaskInterface.register("oracle", sdpa_mask)
    own = prepared.config.model_type in ("falcon", "mpt")
    model = tiny.build(
        name, attention=("sdpa" if prepared.config.model_type == "falcon" else "eager") if own else attention
    )
    model.load_state_dict(prepared.state_dict())
    rope, pinned = (
        getattr(model.base_model, "rotary_emb", None),
        getattr(families.prepare(prepared).base_model, "rotary_emb", None),
    )
    model = model.double()
    if model.config.model_type == "mpt":
        model.config.max_seq_len = 4096  # the stock bias is a table of this length, read from its end
    if rope is not None and hasattr(rope, "rope_type") and isinstance(rope.rope_type, str):
        rope.inv_freq, rope.rope_type = copy.deepcopy(pinned.inv_freq.double()), "default"
        rope.attention_scaling = pinned.attention_scaling
    return model


@torch.no_grad()
def nll(
    name: str,
    prepared: PreTrainedModel,
    ids: Tensor,
    *,
    sinks: int,
    recent: int | None,
    text: bool = False,
    without: range = range(0),
) -> Tensor:
    """Nats per token of (n,) ids, NaN for the first, in float64. Text positions are for rotary models only.

    The tokens of `without` are read without the sinks.
    """
    out, before = [float("nan")], None
    reading = _read(twin(name, prepared), ids, sinks, recent, text, without)
    for (_, read), token in zip(reading, ids, strict=True):
        if before is not None:
            out.append(float(F.cross_entropy(before, token[None])))
        before = read.logits[0].double()
    return torch.tensor(out, dtype=torch.float64)


@torch.no_grad()
def shares(name: str, prepared: PreTrainedModel, ids: Tensor, *, sinks: int, recent: int | None, first: int) -> Tensor:
    """Attention of each of (n,) tokens on the stream's first ones, (n, L, H) float64, by transformers' eager attention.

    NaN where one of the first tokens has been evicted.
    """
    out, model = [], _with_alibi_once(twin(name, prepared, "eager"))
    for kept, read in _read(model, ids, sinks, recent, output_attentions=True):
        columns = [column for column, i in enumerate(kept) if i < first]
        gone = min(first, kept[-1] + 1) - len(columns)
        heads = torch.stack([layer[0, :, -1, columns].sum(-1).double() for layer in read.attentions])
        out.append(heads * torch.nan if gone else heads)
    return torch.stack(out)


def rows(name: str, prepared: PreTrainedModel, ids: Tensor, *, sinks: int, recent: int | None) -> list[Tensor]:
    """What each of (n,) tokens gives to the tokens that it attends to: (L, K) float64, the mean over heads."""
    read = _read(_with_alibi_once(twin(name, prepared, "eager")), ids, sinks, recent, output_attentions=True)
    return [torch.stack([layer[0, :, -1].mean(0).double() for layer in out.attentions]) for _, out in read]


def _with_alibi_once(model: PreTrainedModel) -> PreTrainedModel:
    """Falcon's bias is in its mask already; where probabilities are asked for, its attention adds it once more."""

    def without(module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        return args, kwargs | {"alibi": torch.zeros_like(kwargs["alibi"])}

    for module in model.modules():
        if type(module).__name__ == "FalconAttention" and getattr(model.config, "alibi", False):
            module.register_forward_pre_hook(without, with_kwargs=True)
    return model


def _read(
    model: PreTrainedModel,
    ids: Tensor,
    sinks: int,
    recent: int | None,
    text: bool = False,
    without: range = range(0),
    **more: bool,
) -> Iterator[tuple[list[int], ModelOutput]]:
    """Token by token: the tokens that each attends to, and what the model says."""
    layers = [OracleLayer(f) for f in frequencies(model)]
    cache = Cache(layers=layers)
    for t, token in enumerate(ids.tolist()):
        kept = [i for i in range(t + 1) if recent is None or (i < sinks and t not in without) or i >= t - recent]
        positions = kept if text else list(range(len(kept)))
        query_id = len(kept) - 1
        for layer in layers:
            layer.attended, layer.query_id = kept, query_id
            layer.places = [p - positions[-1] + query_id for p in positions]
        inputs = {**_inputs(model, query_id), **more}
        yield kept, model(torch.tensor([[token]]), cache=cache, use_cache=True, **inputs)


def _inputs(model: PreTrainedModel, query_id: int) -> dict:
    if model.config.model_type == "mpt" or getattr(model.config, "alibi", False):
        return {}
    everything = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    return {"position_ids": torch.tensor([[query_id]]), "attention_mask": everything}
