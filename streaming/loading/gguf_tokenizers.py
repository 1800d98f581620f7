"""How the tokenizers of GGUF files cut a text before anything else; a file gives the name of the way, not the way."""

from __future__ import annotations

from collections.abc import Callable

from tokenizers import Regex, pre_tokenizers
from transformers import PreTrainedTokenizerBase
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

from streaming.errors import ModelUnsupported
from streaming.loading.gguf_header import GgufHeader
from streaming.loading.load_errors import shown

__all__ = ["check_tokenizer", "split_as_trained"]

_AS_GPT2 = frozenset({"", "default", "gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion"})


def _digit_by_digit() -> pre_tokenizers.PreTokenizer:
    digits = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])


def _falcon() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Punctuation(behavior="contiguous"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), behavior="isolated"),
        ]
    )


def _as_qwen2() -> pre_tokenizers.PreTokenizer:
    split = pre_tokenizers.Split(Regex(GGUF_PRE_TOKENIZER_SPLITS["qwen2"]), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


_OURS: dict[str, Callable[[], pre_tokenizers.PreTokenizer]] = {
    "smollm": _digit_by_digit,
    "starcoder": _digit_by_digit,
    "refact": _digit_by_digit,
    "falcon": _falcon,
    "stablelm2": _as_qwen2,
}
"""Ways that transformers does not know."""


def check_tokenizer(name: str, header: GgufHeader) -> None:
    """Refuse a tokenizer that would cut a text otherwise than the one that the model was trained with.

    Raises:
        ModelUnsupported: there is none, or it is of a kind that is not known here.
    """
    kind, way = header.fields.get("tokenizer.ggml.model"), _way(header)
    known = _AS_GPT2 | _OURS.keys() | GGUF_PRE_TOKENIZER_SPLITS.keys()
    if kind not in ("gpt2", "llama") or (kind == "gpt2" and way not in known):
        what = shown(way if kind == "gpt2" else kind)
        raise ModelUnsupported(
            f"'{name}' has a tokenizer of the kind {what}, which is not known here: choose the model in safetensors."
        )


def split_as_trained(tokenizer: PreTrainedTokenizerBase, header: GgufHeader) -> None:
    """Make a byte-level tokenizer cut as its file says."""
    if header.fields.get("tokenizer.ggml.model") == "gpt2" and _way(header) in _OURS:
        tokenizer.backend_tokenizer.pre_tokenizer = _OURS[_way(header)]()


def _way(header: GgufHeader) -> str:
    return str(header.fields.get("tokenizer.ggml.pre", ""))
