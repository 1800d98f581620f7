"""Tokenizers of many kinds, trained on the spot on a little text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import islice

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from comparisons.text import prompts

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def _texts() -> list[str]:
    turns = [turn.text for turn in islice(prompts.turns(0), 150)]
    return [*turns, "née über 語の本 1807 12345   \t—\r\n\n\n", "".join(turns[:20])]


def _byte_level(*, prefix_space: bool = False, regex: str | None = None, trim: bool = False) -> Tokenizer:
    made = Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space, use_regex=regex is None)
    split = [] if regex is None else [pre_tokenizers.Split(Regex(regex), behavior="isolated")]
    made.pre_tokenizer = pre_tokenizers.Sequence([*split, level])
    made.decoder = decoders.ByteLevel()
    if trim:
        made.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        _texts(), trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, show_progress=False)
    )
    return made


def _sentencepiece_bpe() -> Tokenizer:
    """BPE with bytes for what is unknown; its merges stay within words, though nothing splits a text into words."""
    made = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", behavior="removed"), pre_tokenizers.Metaspace(prepend_scheme="never")]
    )
    special = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    made.train_from_iterator(
        _texts(), trainers.BpeTrainer(vocab_size=900, special_tokens=special, show_progress=False, limit_alphabet=60)
    )
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return made


def _llama2() -> Tokenizer:
    """The mark in front of every text is a normaliser's work."""
    made = _sentencepiece_bpe()
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.pre_tokenizer = None
    return made


def _mistral() -> Tokenizer:
    """The mark in front of every text is a pre-tokenizer's work, which splits nothing."""
    made = _sentencepiece_bpe()
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return made


def _metaspace(scheme: str) -> Tokenizer:
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    made.decoder = decoders.Metaspace(prepend_scheme=scheme)
    made.train_from_iterator(
        _texts(),
        trainers.UnigramTrainer(vocab_size=400, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False),
    )
    return made


def _no_words() -> Tokenizer:
    """Merges over anything, also over line breaks and the ends of sentences."""
    made = Tokenizer(models.BPE())
    made.train_from_iterator(
        [text[:200] for text in _texts()],
        trainers.BpeTrainer(
            vocab_size=900, max_token_length=9, initial_alphabet=list(map(chr, range(1, 127))), show_progress=False
        ),
    )
    return made


def _word_piece() -> Tokenizer:
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.train_from_iterator(
        _texts(), trainers.WordPieceTrainer(vocab_size=600, special_tokens=["[UNK]"], show_progress=False)
    )
    return made


def _normalised(normalizer: normalizers.Normalizer) -> Tokenizer:
    made = _byte_level()
    made.normalizer = normalizer
    return made


def _t5() -> Tokenizer:
    made = _metaspace("always")
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    return made


MAKERS: dict[str, Callable[[], Tokenizer]] = {
    "byte-level": _byte_level,
    "byte-level, prefix space": lambda: _byte_level(prefix_space=True),
    "byte-level, GPT-2, trimmed": lambda: _byte_level(regex=GPT2, trim=True),
    "byte-level, Llama 3": lambda: _byte_level(regex=LLAMA3),
    "Llama 2": _llama2,
    "Mistral": _mistral,
    "Metaspace, always": lambda: _metaspace("always"),
    "Metaspace, first": lambda: _metaspace("first"),
    "Metaspace, never": lambda: _metaspace("never"),
    "merges over everything": _no_words,
    "WordPiece": _word_piece,
    "NFC": lambda: _normalised(normalizers.NFC()),
    "stripped": lambda: _normalised(normalizers.Strip()),
    "lower case, no accents": lambda: _normalised(
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    ),
    "T5": _t5,
}

LOSSLESS = ("byte-level", "byte-level, GPT-2, trimmed", "byte-level, Llama 3", "Llama 2", "Mistral")
"""Those whose ids decode to any text."""


@cache
def make(name: str) -> PreTrainedTokenizerFast:
    """One of them."""
    return PreTrainedTokenizerFast(tokenizer_object=MAKERS[name]())
