"""A tiny random Llama that can read and speak: it comes with a tokenizer, made on the spot from the prompt stream."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from comparisons.text import prompts
from comparisons.text.feeds import Feed, Segment
from streaming.cache import StreamCache
from streaming.models import LoadedModel
from tests.support import tiny

BYTES_PER_TOKEN = 2 * 2 * 4 * tiny.config("llama").head_dim * 4
"""Keys and values, two layers, four heads, float32."""


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE: any text, and some characters take several tokens."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator((turn.text for turn in islice(prompts.turns(0), 200)), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>")


@cache
def loaded() -> LoadedModel:
    """The model with its tokenizer; what it says means nothing."""
    return _with_tokenizer(tiny.build("llama", vocab_size=len(tokenizer())))


def streams_left() -> int:
    """Caches of streams that are open."""
    gc.collect()
    return sum(type(thing) is StreamCache and bool(thing.layers) for thing in gc.get_objects())


def save(folder: Path) -> Path:
    """The model and its tokenizer as a checkpoint."""
    loaded().model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def by_rote(first: str, *following: str) -> LoadedModel:
    """A model that says `following`, token by token, after a text that ends with the token `first`."""
    model = tiny.build("llama", vocab_size=len(tokenizer()))
    chain = [tokenizer().encode(text, add_special_tokens=False)[-1] for text in (first, *following)]
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.lm_head.weight.zero_()
        for token, after in pairwise(chain):
            model.lm_head.weight[after] += nn.functional.normalize(model.model.embed_tokens.weight[token], dim=0)
    return _with_tokenizer(model)


def _with_tokenizer(model: PreTrainedModel) -> LoadedModel:
    return LoadedModel(name="tiny", model=model, tokenizer=tokenizer(), context=64, start_token=0)


def ids_of(feed: Iterable[Segment], count: int) -> list[int]:
    """The first tokens of a feed."""
    return list(islice((token for segment in feed for token in segment.ids), count))


class FailingFeed:
    """A feed whose n-th reader, counted from 0, meets an error after so many segments."""

    def __init__(self, feed: Feed, *, reader: int, after: int) -> None:
        self._feed, self._reader, self._after = feed, reader, after
        self._readers = 0

    def __iter__(self):
        mine, self._readers = self._readers, self._readers + 1
        for count, segment in enumerate(self._feed):
            if mine == self._reader and count == self._after:
                raise ZeroDivisionError("the feed broke")
            yield segment


class PatientFeed:
    """A feed that waits for its text, like one that somebody types: `say` gives it some, `end` ends it for good."""

    def __init__(self) -> None:
        self._texts: list[str | None] = []

    def say(self, text: str) -> None:
        self._texts.append(text)

    def end(self) -> None:
        self._texts.append(None)

    def __iter__(self):
        told = 0
        while True:
            if told == len(self._texts):
                time.sleep(0.05)
                yield None
            elif self._texts[told] is None:
                return
            else:
                told += 1
                yield Segment(ids=tuple(tokenizer().encode(self._texts[told - 1])), part="text")


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Fail unless it comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.005)
