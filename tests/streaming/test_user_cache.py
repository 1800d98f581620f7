"""The cache that users hold: whatever is done to it, its next answer is right, or a sentence that names the remedy."""

from __future__ import annotations

import copy
import pickle
import threading
from contextlib import nullcontext

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList

from streaming import sink_cache, sink_generate
from streaming.errors import SettingsError, StreamError, StreamingError
from streaming.user_cache import SinkCache
from tests.support import tiny

SIZES = {"sinks": 4, "recent": 12}
NAMES = ("llama", "llama-grouped", "gemma2", "falcon", "falcon-alibi", "mpt", "llama-dynamic")


def generate(model: PreTrainedModel, ids: Tensor, **more) -> Tensor:
    """Greedy; never ends by itself."""
    asked = {"do_sample": False, "eos_token_id": None, "pad_token_id": 1, "max_new_tokens": 6} | more
    asked = {"attention_mask": torch.ones_like(ids), "custom_generate": sink_generate} | asked
    return model.generate(ids, **asked)


class Interrupt:
    """Ends the n-th forward from now on in the middle of its last layer."""

    def __init__(self, model: PreTrainedModel, after: int) -> None:
        self.after = after
        *_, last = (module for module in model.modules() if "layer_idx" in vars(module))
        self.hook = last.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.after -= 1
        if self.after < 0:
            raise KeyboardInterrupt


class Conversation:
    """What a user does, step by step: every step says what it should come to."""

    def __init__(self, name: str, seed: int) -> None:
        self.model, self.other = tiny.build(name), tiny.build(name)
        self.cache, self.rows, self.seed = sink_cache(self.model, **SIZES), 1, seed
        self.ids = self.some(9)

    def some(self, count: int) -> Tensor:
        self.seed += 1
        return tiny.ids(self.rows * count, seed=self.seed).view(self.rows, count)

    def turn(self, **more) -> None:
        """The next turn is what a cache of its own would make of the whole."""
        said = generate(self.model, self.ids, cache=self.cache, **more)
        assert said.tolist() == generate(self.model, self.ids, **SIZES, **more).tolist()
        self.ids = torch.cat([said, self.some(5)], dim=1)

    def inference(self) -> None:
        with torch.inference_mode():
            self.turn()
        self.ids = self.ids.clone()  # torch keeps tensors of inference mode out of any call that could learn

    def sampled(self) -> None:
        state = torch.random.get_rng_state()
        said = generate(self.model, self.ids, cache=self.cache, do_sample=True)
        torch.random.set_rng_state(state)
        assert said.tolist() == generate(self.model, self.ids, **SIZES, do_sample=True).tolist()
        self.ids = said

    def anew(self) -> None:
        self.cache.reset()
        self.rows = 1 if self.rows > 1 else 2
        self.ids = self.some(20)
        self.turn()

    def edited(self) -> None:
        changed = self.ids.clone()
        changed[-1, 3] = (changed[-1, 3] + 1) % tiny.VOCAB
        self.refused(SettingsError, "reset", lambda: generate(self.model, changed, cache=self.cache))

    def shorter(self) -> None:
        self.refused(SettingsError, "reset", lambda: generate(self.model, self.ids[:, :4], cache=self.cache))

    def more_rows(self) -> None:
        self.refused(SettingsError, "reset", lambda: generate(self.model, self.ids.repeat(3, 1), cache=self.cache))

    def other_model(self) -> None:
        self.refused(SettingsError, "reset", lambda: generate(self.other, self.ids, cache=self.cache))

    def stock_generate(self) -> None:
        for ids in (self.ids, self.ids[:, :1]):
            self.refused(
                StreamError, "custom_generate", lambda ids=ids: generate(
                    self.model, ids, cache=self.cache, custom_generate=None)
            )  # fmt: skip

    def plain_call(self) -> None:
        self.refused(StreamError, "custom_generate", lambda: self.model(self.ids, cache=self.cache))

    def crop(self) -> None:
        self.refused(StreamError, "reset", lambda: self.cache.crop(2))

    def pickled(self) -> None:
        self.refused(StreamError, "read them again", lambda: pickle.dumps(self.cache))

    def copied(self) -> None:
        for twin in (copy.copy(self.cache), copy.deepcopy({"cache": self.cache})["cache"]):
            generate(self.model, torch.cat([self.ids, self.some(4)], dim=1), cache=twin)
        self.cache = copy.deepcopy(self.cache)

    def repeated(self) -> None:
        self.cache.batch_repeat_interleave(2)
        self.ids, self.rows = self.ids.repeat_interleave(2, dim=0), self.rows * 2
        self.ids = torch.cat([self.ids, self.some(3)], dim=1)

    def selected(self) -> None:
        rows = torch.tensor([self.rows - 1])
        self.cache.batch_select_indices(rows)
        self.ids, self.rows = self.ids[rows], 1

    def reordered(self) -> None:
        rows = torch.arange(self.rows - 1, -1, -1)
        self.cache.reorder_cache(rows)
        self.ids = self.ids[rows]

    def stopped_between(self) -> None:
        """What has been read stays read; the ids of a turn that did not end are lost, so the next is refused."""
        with pytest.raises(KeyboardInterrupt):
            generate(self.model, self.ids, cache=self.cache, stopping_criteria=StoppingCriteriaList([Raise(3)]))
        self.refused(SettingsError, "reset", lambda: generate(self.model, self.ids, cache=self.cache))
        self.anew()

    def stopped_within(self) -> None:
        """Half of a forward is never read again, not even by a copy."""
        interrupt = Interrupt(self.model, self.seed % 4)
        with pytest.raises(KeyboardInterrupt):
            generate(self.model, self.ids, cache=self.cache)
        interrupt.hook.remove()
        ids = torch.cat([self.ids, self.some(30)], dim=1)
        for verb in (
            lambda: generate(self.model, ids, cache=self.cache),
            lambda: copy.deepcopy(self.cache),
            lambda: self.cache.batch_repeat_interleave(2),
        ):
            with pytest.raises(StreamError, match="reset"):
                verb()
        self.anew()

    def refused(self, error: type[StreamingError], words: str, verb) -> None:
        """An error in words, and no harm done."""
        if not self.cache.tokens and verb.__name__ != "crop" and error is SettingsError:
            return
        with pytest.raises(error, match=words):
            verb()


class Raise(StoppingCriteria):
    """Ends a generation from outside, between two forwards."""

    def __init__(self, after: int) -> None:
        self.after = after

    def __call__(self, input_ids: Tensor, scores, **kwargs) -> Tensor:
        self.after -= 1
        if self.after < 0:
            raise KeyboardInterrupt
        return torch.zeros(len(input_ids), dtype=torch.bool)


STEPS = ("turn", "inference", "sampled", "anew", "edited", "shorter", "more_rows", "other_model", "stock_generate",
         "plain_call", "crop", "pickled", "copied", "repeated", "selected", "reordered", "stopped_between",
         "stopped_within")  # fmt: skip


@example(name="llama", steps=["repeated", "repeated", "anew"], seed=0)
@example(name="llama", steps=["inference", "plain_call"], seed=0)
@settings(max_examples=20)
@given(
    name=st.sampled_from(NAMES), steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=6), seed=st.integers(0, 99)
)
def test_whatever_is_done_the_next_turn_is_right_or_refused_in_words(name: str, steps: list[str], seed: int) -> None:
    conversation = Conversation(name, seed)
    for step in steps:
        if conversation.rows > 4:
            conversation.selected()
        getattr(conversation, step)()
    conversation.turn()


@pytest.mark.parametrize("step", STEPS)
def test_every_step_by_itself(step: str) -> None:
    conversation = Conversation("llama", 0)
    for each in ("turn", step, "turn", step, "turn"):
        getattr(conversation, each)()


def test_a_cache_may_be_used_by_one_thread_at_a_time() -> None:
    model, ids = tiny.build("llama"), tiny.ids(20)[None]
    cache, refused = sink_cache(model, **SIZES), []

    class Meddle(StoppingCriteria):
        def __call__(self, input_ids: Tensor, scores, **kwargs) -> Tensor:
            for verb in (lambda: generate(model, ids, cache=cache), cache.reset, cache.fork):
                thread = threading.Thread(target=lambda verb=verb: refused.append(words_of(verb)))
                thread.start()
                thread.join()
            return torch.zeros(1, dtype=torch.bool)

    said = generate(model, ids, cache=cache, max_new_tokens=3, stopping_criteria=StoppingCriteriaList([Meddle()]))
    assert said.tolist() == generate(model, ids, max_new_tokens=3, **SIZES).tolist()
    assert len(refused) == 9 and all("in use" in words for words in refused)


def words_of(verb) -> str:
    try:
        verb()
    except StreamError as error:
        return str(error)
    return "no error"


@pytest.mark.parametrize("change", ["train", "cast", "autocast"])
def test_a_model_that_has_changed_since_is_another_model(change: str) -> None:
    model, cache = tiny.build("llama"), None
    cache = sink_cache(model, **SIZES)
    ids = torch.cat([generate(model, tiny.ids(20)[None], cache=cache), tiny.ids(4)[None]], dim=1)
    if change == "train":
        with torch.no_grad():
            model.lm_head.weight.mul_(1.5)
    if change == "cast":
        model.to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16) if change == "autocast" else nullcontext():
        with pytest.raises(SettingsError, match="changed since"):
            generate(model, ids, cache=cache)
        cache.reset()
        assert generate(model, ids, cache=cache).tolist() == generate(model, ids, **SIZES).tolist()


def test_it_says_what_it_holds() -> None:
    cache = sink_cache(tiny.build("llama"), **SIZES)
    assert (cache.tokens, cache.batch_size, cache.nbytes, cache.held()) == (0, -1, 0, [])
    model = tiny.build("llama-grouped")
    generate(model, tiny.ids(40)[None], cache=cache)
    assert cache.tokens == 45 and cache.held() == [0, 1, 2, 3, *range(33, 45)]
    assert cache.get_seq_length() == cache.get_max_length() == 16
    assert cache.nbytes == 16 * 2 * 2 * 2 * 16 * 4 < cache.allocated_nbytes
    assert "tokens=45" in repr(cache) and len(cache) == 2


def test_a_cache_that_comes_back_goes_on() -> None:
    model, ids = tiny.build("llama"), tiny.ids(20)[None]
    first = generate(model, ids, return_dict_in_generate=True, **SIZES)
    assert isinstance(first.cache, SinkCache)
    ids = torch.cat([first.sequences, tiny.ids(7)[None]], dim=1)
    assert generate(model, ids, cache=first.cache).tolist() == generate(model, ids, **SIZES).tolist()


def test_an_empty_prompt_and_ids_that_were_all_read_are_told_apart() -> None:
    model = tiny.build("llama")
    cache = sink_cache(model, **SIZES)
    with pytest.raises(SettingsError, match="empty"):
        generate(model, torch.empty(1, 0, dtype=torch.long), cache=cache)
    said = generate(model, tiny.ids(20)[None], cache=cache)
    with pytest.raises(SettingsError, match="all of input_ids"):
        generate(model, said[:, :-1], cache=cache)
