"""From text to rows of token ids: the tokenizer of the bundled models, and what they are trained on.

Two sources are mixed: an endless stream of turns, taken from many training seeds, and texts given as files.
Both are tokenized once and kept as arrays of uint16 ids on disk. A row of a batch is cut out of them at a
random place, in the middle of a turn as well: that is how a text goes on behind the sinks of a full cache.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from comparisons.documents import holds
from comparisons.files import write_whole
from comparisons.text.prompts import training_text
from streaming.errors import SettingsError

__all__ = [
    "START",
    "START_ID",
    "Mix",
    "Sources",
    "Tokens",
    "draw_rows",
    "load_tokenizer",
    "prepare",
    "train_tokenizer",
    "wrap",
]

START = "<|sink|>"
START_ID = 0

FIRST_SEED = 1_000_000
HELD_OUT_SEED = 1_999_999  # a training seed that is never trained on, for the log
SEED_TOKENS = 500_000
HELD_OUT_TOKENS = 20_000
SAMPLE_CHARACTERS = 8_000_000  # of the turns, for the tokenizer

# Line breaks first and together: turns are tokenized one by one, and must come out as in a running text.
WORDS = Regex(r"\n+|'(?:[sdmt]|ll|ve|re)\b| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The texts that are mixed with the prompt stream: UTF-8 files; `held_out` is one that is only measured on."""

    texts: tuple[Path, ...] = ()
    held_out: Path | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without reading anything."""
        for path in (*self.texts, *filter(None, [self.held_out])):
            if not path.is_file():
                raise SettingsError(f"There is no text file {path}: correct its path.")
        if self.held_out in self.texts:
            raise SettingsError(f"{self.held_out} is to be held out: take it off the texts to train on.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mix:
    """How much of what: tokens taken from the stream in all, entries of the vocabulary."""

    vocabulary: int = 4096
    stream_tokens: int = 6_000_000

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 257 <= self.vocabulary <= 65_536:
            raise SettingsError(f"vocabulary must be 257 (bytes, sink) to 65536, not {self.vocabulary}.")
        if self.stream_tokens < 1_000:
            raise SettingsError(f"stream_tokens must be at least 1000, not {self.stream_tokens}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Token ids to train on and to measure on, each (N,) uint16; empty where there is no such text."""

    stream: np.ndarray
    texts: np.ndarray
    held_out_stream: np.ndarray
    held_out_text: np.ndarray


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A byte-level BPE tokenizer: every text round-trips. The sink token is id 0."""
    tokenizer = Tokenizer(models.BPE())
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(WORDS, "isolated"), to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[START],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def wrap(tokenizer: Tokenizer, *, start: bool) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers loads it; `start` says whether it begins texts with the sink token."""
    own, special = Tokenizer.from_str(tokenizer.to_str()), {}
    if start:
        own.post_processor = processors.TemplateProcessing(f"{START} $A", special_tokens=[(START, START_ID)])
        special["bos_token"] = START
    wrapped: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # it has no types
        tokenizer_object=own, clean_up_tokenization_spaces=False, **special
    )
    return wrapped


def prepare(folder: Path, sources: Sources, mix: Mix) -> Tokens:
    """Tokenize everything into `folder`, or open what an earlier call with the same arguments left there.

    Raises:
        SettingsError: the folder holds tokens of other sources.
    """
    record = {"sources": asdict(sources), "mix": asdict(mix)}
    done = folder / "tokens.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_tokens(folder, sources, mix)
        write_whole(done, json.dumps(record, indent=1, default=str) + "\n")
    elif not holds(done, record):
        raise SettingsError(f"{folder} holds tokens of other texts or settings: name another folder.")
    return Tokens(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in Tokens.__slots__})


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer that `prepare` left in its folder."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _write_tokens(folder: Path, sources: Sources, mix: Mix) -> None:
    books = [path.read_text(encoding="utf-8") for path in sources.texts]
    sample = _take(training_text(FIRST_SEED), min(SAMPLE_CHARACTERS, 4 * mix.stream_tokens))
    tokenizer = train_tokenizer([*books, *sample], mix.vocabulary)
    write_whole(folder / "tokenizer.json", tokenizer.to_str(pretty=True))
    held_out = [sources.held_out.read_text(encoding="utf-8")] if sources.held_out else []
    arrays = {
        "stream": _many_seeds(tokenizer, mix.stream_tokens),
        "texts": _ids(tokenizer, books),
        "held_out_stream": _stream_ids(tokenizer, training_text(HELD_OUT_SEED), HELD_OUT_TOKENS),
        "held_out_text": _ids(tokenizer, held_out),
    }
    for name, ids in arrays.items():
        content = io.BytesIO()
        np.save(content, ids)
        write_whole(folder / f"{name}.npy", content.getvalue())


def _many_seeds(tokenizer: Tokenizer, count: int) -> np.ndarray:
    """`count` ids: every seed gives its first `SEED_TOKENS`."""
    sizes = [min(SEED_TOKENS, count - start) for start in range(0, count, SEED_TOKENS)]
    parts = [_stream_ids(tokenizer, training_text(FIRST_SEED + i), size) for i, size in enumerate(sizes)]
    return np.concatenate(parts)


def _stream_ids(tokenizer: Tokenizer, turns: Iterator[str], count: int) -> np.ndarray:
    parts, found = [], 0
    while found < count:
        parts.append(_ids(tokenizer, list(_take(turns, 100_000))))
        found += len(parts[-1])
    return np.concatenate(parts)[:count]


def _take(turns: Iterator[str], characters: int) -> Iterator[str]:
    for turn in turns:
        yield turn
        characters -= len(turn)
        if characters <= 0:
            return


def _ids(tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    parts = [np.asarray(each.ids, dtype=np.uint16) for each in encoded]
    return np.concatenate([np.empty(0, np.uint16), *parts])


def draw_rows(
    tokens: Tokens, rng: np.random.Generator, *, shape: tuple[int, int], texts: float, spliced: float
) -> np.ndarray:
    """Rows of running text.

    Args:
        tokens: what to draw from.
        rng: the only source of chance.
        shape: (rows, length).
        texts: chance of a row from the text files; where there are none, all rows come from the stream.
        spliced: chance of a row whose first few tokens come from elsewhere, as the tokens of sinks do.

    Returns:
        (rows, length) int64 ids.
    """
    length = shape[1]
    rows = np.empty(shape, dtype=np.int64)
    for row in rows:
        source = tokens.texts if len(tokens.texts) > length and rng.random() < texts else tokens.stream
        row[:] = _cut(source, rng, length)
        if rng.random() < spliced:
            head = int(rng.integers(1, min(8, length)))
            row[head:] = _cut(source, rng, length - head)
    return rows


def _cut(ids: np.ndarray, rng: np.random.Generator, length: int) -> np.ndarray:
    start = int(rng.integers(0, len(ids) - length + 1))
    return ids[start : start + length]
