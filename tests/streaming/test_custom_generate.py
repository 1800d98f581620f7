"""transformers' own generate(), streaming with sinks."""

from __future__ import annotations

import threading

import pytest
import torch
from tokenizers import Tokenizer, decoders, models
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import (
    DynamicCache,
    GPT2Config,
    GPT2LMHeadModel,
    LogitsProcessor,
    PreTrainedTokenizerFast,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)
from transformers.generation.streamers import BaseStreamer

from streaming import families
from streaming.custom_generate import sink_cache, sink_generate
from streaming.errors import ModelUnsupported, SettingsError
from streaming.generate import Sampling, decode
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import tiny

OWN = {"falcon": "sdpa", "falcon-grouped": "sdpa", "falcon-alibi": "sdpa", "mpt": "eager"}


def stock(name: str, **changes: object):
    """A model as a user of transformers has it, under plain attention."""
    return tiny.build(name, attention=OWN.get(name, "eager"), **changes)


def generate(model, ids, **more):
    """Greedy unless told otherwise; never ends by itself."""
    settings = {"do_sample": False, "eos_token_id": None, "pad_token_id": 1, "max_new_tokens": 8} | more
    settings = {"custom_generate": sink_generate, "attention_mask": torch.ones_like(torch.atleast_2d(ids))} | settings
    return model.generate(torch.atleast_2d(ids), **settings)


@pytest.mark.parametrize("name", tiny.NAMES)
def test_greedy_is_our_own_decode_loop_past_the_cache(name: str) -> None:
    ids = tiny.ids(40)
    ours = generate(stock(name), ids, sinks=4, recent=12, max_new_tokens=30)[0, 40:]
    stream = open_stream(tiny.load(name), Policy(kind="sinks", sinks=4, recent=12))
    stream.read(ids)
    assert ours.tolist() == list(decode(stream, sampling=Sampling(), max_tokens=30))


@pytest.mark.parametrize("name", tiny.NAMES)
def test_greedy_is_transformers_own_while_nothing_is_evicted(name: str) -> None:
    wide = {"sliding_window": 64} if "sliding_window" in tiny.CONFIGS[name][1] else {}  # streaming overrides it
    model, ids = stock(name, **wide), tiny.ids(6)[None]
    theirs = model.generate(ids, do_sample=False, eos_token_id=None, pad_token_id=1, max_new_tokens=5)
    assert generate(model, ids, sinks=4, recent=30, max_new_tokens=5).tolist() == theirs.tolist()


def test_the_model_is_left_as_it_was() -> None:
    for name in ("llama", "llama-dynamic", "mpt"):
        model, ids = stock(name), tiny.ids(50)[None]
        before = model(ids).logits
        generate(model, ids, sinks=4, recent=12)
        assert torch.equal(model(ids).logits, before)
        assert model.config._attn_implementation == "eager"
        assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_batch_is_each_of_its_prompts() -> None:
    model, prompts = stock("llama-grouped"), tiny.ids(60).view(2, 30)
    together = generate(model, prompts, sinks=2, recent=10, max_new_tokens=12)
    for row, prompt in zip(together, prompts, strict=True):
        assert row.tolist() == generate(model, prompt, sinks=2, recent=10, max_new_tokens=12)[0].tolist()


def test_several_turns_on_one_cache_are_one_long_stream() -> None:
    model, loaded = stock("llama"), tiny.load("llama")
    cache, ids = sink_cache(model, sinks=4, recent=12), tiny.ids(20)[None]
    stream = open_stream(loaded, Policy(kind="sinks", sinks=4, recent=12))
    for turn in range(3):
        before, ids = ids, generate(model, ids, cache=cache, max_new_tokens=7)
        stream.read(before[0, stream.tokens :])
        assert ids[0, -7:].tolist() == list(decode(stream.fork(), sampling=Sampling(), max_tokens=7))
        ids = torch.cat([ids, tiny.ids(9, seed=turn + 1)[None]], dim=1)


class Collected(BaseStreamer):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.seen, self.ended = [], False

    def put(self, value: torch.Tensor) -> None:
        self.seen += value.flatten().tolist()

    def end(self) -> None:
        self.ended = True


def test_a_streamer_gets_every_token_and_the_end() -> None:
    streamer = Collected()
    ids = generate(stock("llama"), tiny.ids(20), sinks=4, recent=8, streamer=streamer)
    assert streamer.seen == ids[0].tolist()
    assert streamer.ended


class Forbid(LogitsProcessor):
    """Rules one token out."""

    def __init__(self, token: int) -> None:
        self.token = token

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return scores.index_fill(-1, torch.tensor([self.token]), float("-inf"))


class At(StoppingCriteria):
    """Stops at a length."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, input_ids: torch.Tensor, scores, **kwargs) -> torch.Tensor:
        return torch.full((len(input_ids),), input_ids.shape[1] >= self.length)


def test_processors_and_criteria_are_obeyed() -> None:
    model, ids = stock("llama"), tiny.ids(20)
    first = int(generate(model, ids, sinks=4, recent=8)[0, 20])
    forbidden = generate(model, ids, sinks=4, recent=8, logits_processor=[Forbid(first)])
    assert first not in forbidden[0, 20:].tolist()
    stopped = generate(model, ids, sinks=4, recent=8, stopping_criteria=StoppingCriteriaList([At(23)]))
    assert stopped.shape[1] == 23


def test_a_finished_sequence_is_padded_while_others_go_on() -> None:
    model, prompts = stock("llama"), tiny.ids(40).view(2, 20)
    free = generate(model, prompts, sinks=4, recent=8, max_new_tokens=6)[:, 20:]
    end = next(int(t) for t in free[0] if t not in free[1])
    at = free[0].tolist().index(end)
    rows = generate(model, prompts, sinks=4, recent=8, max_new_tokens=6, eos_token_id=end)[:, 20:]
    assert rows[0].tolist() == [*free[0, : at + 1].tolist(), *[1] * (5 - at)]
    assert rows[1].tolist() == free[1].tolist()


def test_sampling_follows_the_generation_config_and_the_seed() -> None:
    model, ids = stock("llama"), tiny.ids(20)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(generate(model, ids, sinks=4, recent=8, do_sample=True, temperature=2.0).tolist())
    assert drawn[0] == drawn[1] != drawn[2]
    nearly_greedy = generate(model, ids, sinks=4, recent=8, do_sample=True, top_k=1)
    assert nearly_greedy.tolist() == generate(model, ids, sinks=4, recent=8).tolist()


def test_scores_and_the_cache_come_back_when_asked_for() -> None:
    asked = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True}
    out = generate(stock("llama"), tiny.ids(30), sinks=4, recent=8, **asked)
    assert [int(s.argmax()) for s in out.scores] == out.sequences[0, 30:].tolist()
    assert len(out.logits) == 8
    assert out.cache.get_seq_length() == 12


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"num_beams": 2}, "num_beams"),
        ({"output_attentions": True, "return_dict_in_generate": True}, "attentions"),
        ({"output_hidden_states": True, "return_dict_in_generate": True}, "hidden states"),
        ({"penalty_alpha": 0.6, "top_k": 4}, "contrastive search is not supported"),
        ({"prompt_lookup_num_tokens": 3}, "assisted generation is not supported"),
        ({"assistant_model": tiny.build("llama")}, "assisted generation is not supported"),
        ({"synced_gpus": True}, "synced_gpus"),
        ({"position_ids": torch.arange(5, 10)[None]}, "position_ids must count from 0"),
        ({"inputs_embeds": torch.zeros(1, 5, 64)}, "inputs_embeds would be ignored"),
        ({"stop_strings": "a"}, "pass generate.*tokenizer"),
        ({"cache": DynamicCache()}, "sink_cache"),
        ({"sinks": -1}, "sinks"),
        ({"recent": 0}, "recent"),
    ],
)
def test_what_is_not_supported_is_refused(more: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        generate(stock("llama"), tiny.ids(5), **more)


@pytest.mark.parametrize(
    "more",
    [
        {"max_new_tokens": None, "max_length": 28},
        {"prefill_chunk_size": 3},
        {"use_cache": False},
        {"output_hidden_states": True, "output_attentions": True},
        {"labels": torch.zeros(1, 20), "num_items_in_batch": 3, "tokenizer": object()},
        {"guidance_scale": 1.5},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "min_new_tokens": 3},
        {"watermarking_config": {"bias": 2.0}},
        {"max_time": 60.0},
        {"do_sample": True, "top_k": 5, "temperature": 1.5, "num_return_sequences": 3},
    ],
)
def test_while_nothing_is_evicted_every_option_does_what_it_always_does(more: dict) -> None:
    model, ids = tiny.build("llama"), tiny.ids(20)[None]
    said = []
    for own in ({"custom_generate": None}, {"sinks": 4, "recent": 40}):
        torch.manual_seed(3)
        said.append(generate(model, ids, **more, **own).tolist())
    assert said[0] == said[1]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_ids_of_any_type_are_read(dtype: torch.dtype) -> None:
    model, ids = tiny.build("llama"), tiny.ids(30)
    said = generate(model, ids.to(dtype), sinks=4, recent=8)
    assert said.dtype == torch.int64
    assert said.tolist() == generate(model, ids, sinks=4, recent=8).tolist()


def letters() -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are letters, the first of them "A"."""
    inner = Tokenizer(models.BPE(vocab={chr(ord("A") + i): i for i in range(tiny.VOCAB)}, merges=[]))
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=inner)


@pytest.mark.parametrize("as_list", [True, False])
def test_stop_strings_end_it_with_the_tokenizer_that_generate_is_given(as_list: bool) -> None:
    model, ids, tokenizer = stock("llama"), tiny.ids(20), letters()
    free = generate(model, ids, sinks=4, recent=8, max_new_tokens=20)[0, 20:].tolist()
    end = tokenizer.decode(free[4:6])
    first = next(at for at in range(1, 20) if tokenizer.decode(free[at - 1 : at + 1]) == end)
    more = {"stop_strings": [end] if as_list else end, "tokenizer": tokenizer, "max_new_tokens": 20}
    assert generate(model, ids, sinks=4, recent=8, **more)[0, 20:].tolist() == free[: first + 1]


class Where(StoppingCriteria):
    """Notes where the ids that it is given lie, and that those of earlier steps stay what they were."""

    def __init__(self) -> None:
        self.places, self.earlier = [], None

    def __call__(self, input_ids: torch.Tensor, scores, **kwargs) -> torch.Tensor:
        self.places.append(input_ids.untyped_storage().data_ptr())
        assert self.earlier is None or torch.equal(input_ids[:, :-1], self.earlier)
        self.earlier = input_ids
        return torch.zeros(len(input_ids), dtype=torch.bool)


def test_a_step_costs_the_same_however_long_the_text_is() -> None:
    """Not all ids are copied for each new one: hundreds of them lie where the others do."""
    where, ids = Where(), tiny.ids(4_000).view(2, 2_000)
    generate(tiny.build("llama"), ids, sinks=4, recent=8, max_new_tokens=300, stopping_criteria=[where])
    assert len(where.places) == 300
    assert len(set(where.places)) <= 2


def test_a_pad_token_in_the_text_is_told_from_padding() -> None:
    model, ids = stock("llama"), tiny.ids(9)[None]
    ids[0, 4] = 1
    asked = {"custom_generate": sink_generate, "max_new_tokens": 3, "pad_token_id": 1, "eos_token_id": None}
    with pytest.raises(SettingsError, match=r"pad token 1 in it.*ones_like") as told:
        model.generate(ids, **asked)
    assert "position" not in str(told.value)
    assert model.generate(ids, attention_mask=torch.ones_like(ids), **asked).shape[1] == 12


@pytest.mark.parametrize("kind", ["static", "dynamic", "offloaded"])
def test_a_cache_that_would_be_left_unused_is_refused(kind: str) -> None:
    model = tiny.build("llama")
    with pytest.raises(SettingsError, match=f"cache_implementation='{kind}'.*leave it out"):
        generate(model, tiny.ids(6), sinks=4, recent=8, cache_implementation=kind)
    model.generation_config.cache_implementation = kind  # the checkpoint's own: nobody asked for it
    assert generate(model, tiny.ids(6), sinks=4, recent=8).shape[1] > 6


def test_padding_is_refused() -> None:
    mask = torch.tensor([[0, 1, 1], [1, 1, 1]])
    with pytest.raises(SettingsError, match="padded"):
        generate(stock("llama"), tiny.ids(6).view(2, 3), attention_mask=mask)


def test_a_family_that_cannot_stream_is_refused() -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=tiny.VOCAB, n_embd=32, n_layer=1, n_head=2))
    with pytest.raises(ModelUnsupported, match="learned"):
        generate(model, tiny.ids(5))


def test_a_cache_of_another_kind_is_refused() -> None:
    model = stock("llama")
    cache = model(tiny.ids(4)[None], use_cache=True).cache
    with pytest.raises(SettingsError, match="sink_cache"):
        generate(model, tiny.ids(6), cache=cache)


def test_a_text_streamer_in_another_thread_does_not_hang() -> None:
    class Words:
        def decode(self, ids, **kwargs) -> str:
            return " ".join(map(str, ids)) + " "

    streamer = TextIteratorStreamer(Words(), timeout=20)
    arguments = {"sinks": 4, "recent": 8, "streamer": streamer}
    thread = threading.Thread(target=generate, args=(stock("llama"), tiny.ids(10)), kwargs=arguments)
    thread.start()
    text = "".join(streamer)
    thread.join(timeout=20)
    assert len(text.split()) >= 8
    assert families.of(stock("llama").config).way == "interface"


class Touched(TorchDispatchMode):
    """Counts the elements that operations read and write; a view touches none."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.elements += sum(x.numel() for x in tree_leaves((args, kwargs, out)) if isinstance(x, Tensor))
        return out


def test_a_token_costs_as_much_however_many_ids_there_are() -> None:
    """Counted, not timed: between calls that write 10 tokens and 74, with few ids before them and with many."""
    model = stock("llama")
    few, many = tiny.ids(500), tiny.ids(40_000)

    def per_token(ids: Tensor) -> float:
        cache = sink_cache(model, sinks=4, recent=60)
        ids = generate(model, ids, cache=cache, max_new_tokens=1)
        counts = []
        for new in (10, 74):
            with Touched() as touched:
                generate(model, ids, cache=cache.fork(), max_new_tokens=new)
            counts.append(touched.elements)
        return (counts[1] - counts[0]) / 64

    assert abs(per_token(many) - per_token(few)) < len(many) / 10
