"""The four kinds of streams behind their verbs."""

from __future__ import annotations

import json
import threading
from itertools import pairwise, product
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from streaming.errors import SettingsError, StreamError
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import oracle, tiny

KINDS = ("dense", "window", "recompute", "sinks")


@pytest.mark.parametrize("kind", KINDS)
def test_reading_stepping_and_logits_tell_the_same(kind: str) -> None:
    loaded, ids, policy = tiny.load("llama"), tiny.ids(40), Policy(kind=kind, sinks=2, recent=10)
    reader, stepper = open_stream(loaded, policy), open_stream(loaded, policy)
    nll = reader.read(ids)
    logits = torch.stack([stepper.step(int(token)) for token in ids])
    assert nll[0].isnan()
    assert torch.allclose(nll[1:], F.cross_entropy(logits[:-1], ids[1:], reduction="none"), atol=1e-4)
    assert torch.allclose(reader.logits, logits[-1], atol=1e-4)
    assert reader.tokens == stepper.tokens == 40


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_not_matter_how_the_text_is_cut(kind: str) -> None:
    loaded, ids, policy = tiny.load("llama-grouped"), tiny.ids(50), Policy(kind=kind, sinks=3, recent=9)
    whole = open_stream(loaded, policy).read(ids)
    stream = open_stream(loaded, policy, chunk=5)
    pieces = torch.cat([stream.read(part) for part in (ids[:1], ids[1:4], ids[4:4], ids[4:33], ids[33:])])
    assert torch.allclose(whole[1:], pieces[1:], atol=1e-4)


def test_streams_in_two_threads_share_a_model_without_seeing_each_other() -> None:
    loaded, ids = tiny.load("mpt"), tiny.ids(400)
    policies = [Policy(kind="dense"), Policy(kind="sinks", sinks=4, recent=12)]
    alone = [open_stream(loaded, policy).read(ids) for policy in policies]
    together: dict[int, torch.Tensor] = {}

    def read(index: int) -> None:
        stream = open_stream(loaded, policies[index])
        together[index] = torch.cat([stream.read(part) for part in ids.split(9)])

    threads = [threading.Thread(target=read, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(2):
        assert torch.allclose(together[i][1:], alone[i][1:], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_stream_says_so(kind: str) -> None:
    stream = open_stream(tiny.load("llama"), Policy(kind=kind, sinks=2, recent=5))
    stream.read(tiny.ids(9))
    stream.close()
    stream.close()
    assert stream.nbytes == stream.allocated_nbytes == 0
    for verb in (
        lambda: stream.read([1]),
        lambda: stream.step(1),
        lambda: stream.logits,
        stream.fork,
        stream.held,
        stream.state,
    ):
        with pytest.raises(StreamError, match="closed"):
            verb()


def test_nothing_is_predicted_before_anything_is_read() -> None:
    with pytest.raises(StreamError, match="read a token first"):
        _ = open_stream(tiny.load("llama"), Policy(kind="dense")).logits


@pytest.mark.parametrize("ids", [[-1], [tiny.VOCAB], [[1, 2]]])
def test_ids_outside_the_vocabulary_are_refused_and_harm_nothing(ids: list) -> None:
    stream = open_stream(tiny.load("llama"), Policy(kind="sinks", sinks=1, recent=4))
    stream.read([1, 2])
    with pytest.raises(SettingsError, match="from 0 to 95"):
        stream.read(ids)
    assert stream.tokens == 2
    assert stream.read([3]).isfinite().all()


@pytest.mark.parametrize("chunk", [0, -1, True, 1.5, "9"])
def test_a_chunk_that_is_no_count_is_refused(chunk: object) -> None:
    with pytest.raises(SettingsError, match="chunk"):
        open_stream(tiny.load("llama"), Policy(kind="dense"), chunk=chunk)


def test_a_forward_that_fails_ends_the_stream_with_words() -> None:
    loaded = tiny.load("llama")
    stream = open_stream(loaded, Policy(kind="sinks", sinks=1, recent=4))
    stream.read([1, 2])

    def fail(*args: object) -> None:
        raise MemoryError

    hook = loaded.model.base_model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(MemoryError):
        stream.read([3])
    hook.remove()
    with pytest.raises(StreamError, match="open a new one"):
        stream.read([3])


def through_a_file(state: dict, folder: Path) -> dict:
    """What comes back when the tensors and the numbers were written down."""
    tensors = {name: x for name, x in state.items() if isinstance(x, torch.Tensor)}
    save_file(tensors, folder / "state.safetensors")
    numbers = json.dumps({name: x for name, x in state.items() if name not in tensors})
    return {**load_file(folder / "state.safetensors"), **json.loads(numbers)}


@pytest.mark.parametrize(("name", "kind"), [*product(tiny.NAMES, ("dense", "window", "sinks")), ("llama", "recompute")])
def test_a_restored_stream_goes_on_to_the_last_bit(name: str, kind: str, tmp_path: Path) -> None:
    loaded, policy, ids = tiny.load(name), Policy(kind=kind, sinks=3, recent=9), tiny.ids(80)
    stream = open_stream(loaded, policy, chunk=16)
    for begin, end in pairwise((0, 2, 7, 30, 61, 80)):  # no sinks yet, room left, full, moved inside its buffer
        restored = open_stream(loaded, policy, chunk=16)
        restored.restore(through_a_file(stream.state(), tmp_path))
        assert (restored.tokens, restored.nbytes) == (stream.tokens, stream.nbytes)
        assert restored.held() == stream.held()
        again, nats = restored.read(ids[begin:end]), stream.read(ids[begin:end])
        assert torch.equal(again.nan_to_num(), nats.nan_to_num())
        assert torch.equal(restored.logits, stream.logits)
        assert (restored.nbytes, restored.allocated_nbytes) == (stream.nbytes, stream.allocated_nbytes)


def test_a_state_stays_as_it_was_whatever_is_read_afterwards() -> None:
    loaded, policy, ids = tiny.load("llama"), Policy(kind="sinks", sinks=2, recent=8), tiny.ids(60)
    stream = open_stream(loaded, policy)
    stream.read(ids[:20])
    state = stream.state()
    expected = stream.read(ids[20:])
    for _ in range(2):
        restored = open_stream(loaded, policy)
        restored.restore(state)
        assert torch.equal(restored.read(ids[20:]), expected)


def test_restoring_works_past_the_renumbering_of_a_long_stream() -> None:
    loaded, policy, ids = tiny.load("llama"), Policy(kind="sinks", sinks=2, recent=8), tiny.ids(700)
    stream = open_stream(loaded, policy, chunk=25)
    stream.read(ids[:400])
    restored = open_stream(loaded, policy, chunk=25)
    restored.restore(stream.state())
    assert torch.equal(restored.read(ids[400:]), stream.read(ids[400:]))


@pytest.mark.parametrize("other", ["dense", "window:8", "recompute:10", "sinks:2+9", "sinks:3+8"])
def test_the_state_of_another_policy_is_refused(other: str) -> None:
    loaded = tiny.load("llama")
    stream = open_stream(loaded, Policy.parse("sinks:2+8"))
    stream.read(tiny.ids(30))
    with pytest.raises(StreamError, match="another"):
        open_stream(loaded, Policy.parse(other)).restore(stream.state())


@pytest.mark.parametrize("policy", ["sinks:2+8", "dense", "recompute:10"])
def test_a_damaged_state_is_refused_whatever_is_missing_or_wrong(policy: str) -> None:
    loaded = tiny.load("llama")
    stream = open_stream(loaded, Policy.parse(policy))
    stream.read(tiny.ids(30))
    state = stream.state()
    damaged = [{}, *({name: x for name, x in state.items() if name != lost} for lost in state)]
    damaged += [{**state, name: wrong} for name in state for wrong in (None, "nonsense")]
    tensors = {name: x for name, x in state.items() if isinstance(x, torch.Tensor)}
    cut = {name: x[..., 1:, :] if x.ndim > 1 else x[1:] for name, x in tensors.items()}
    damaged += [{**state, name: x} for name, x in cut.items() if x.shape != tensors[name].shape]
    for each in damaged:
        with pytest.raises(StreamError, match="restore it"):
            open_stream(loaded, Policy.parse(policy)).restore(each)


def test_a_stream_that_has_read_something_is_not_overwritten() -> None:
    stream = open_stream(tiny.load("llama"), Policy(kind="sinks", sinks=2, recent=8))
    stream.read(tiny.ids(5))
    with pytest.raises(StreamError, match="new stream"):
        stream.restore(stream.state())


def test_text_positions_belong_to_sinks_alone() -> None:
    with pytest.raises(SettingsError, match="sinks"):
        Policy(kind="window", positions="text")


@pytest.mark.parametrize("name", ["llama-grouped", "gpt_neox", "falcon", "falcon-alibi", "mpt", "gemma2"])
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_sinks_can_be_set_aside_and_given_back(name: str, chunk: int) -> None:
    loaded, ids = tiny.load(name), tiny.ids(90)
    truth = oracle.nll(name, loaded.model, ids, sinks=3, recent=9, without=range(31, 60))
    stream = open_stream(loaded, Policy.parse("sinks:3+9"), chunk=chunk)
    nats, held = [stream.read(ids[:31])], stream.nbytes
    stream.set_aside_sinks()
    stream.set_aside_sinks()
    assert stream.held() == list(range(22, 31))
    assert stream.nbytes == held * 9 // 12
    fork = stream.fork()
    nats.append(stream.read(ids[31:60]))
    fork.restore_sinks()
    assert fork.held() == [0, 1, 2, *range(22, 31)]
    stream.restore_sinks()
    stream.restore_sinks()
    assert stream.nbytes == held
    nats.append(stream.read(ids[60:]))
    assert torch.cat(nats).double().numpy() == pytest.approx(truth.numpy(), abs=1e-3, nan_ok=True)


def test_sinks_cannot_be_set_aside_where_there_are_none_or_before_the_cache_is_full() -> None:
    for policy in ("dense", "window:12", "recompute:12", "sinks:3+9"):
        stream = open_stream(tiny.load("llama"), Policy.parse(policy))
        stream.read(tiny.ids(11))
        with pytest.raises(StreamError, match="sinks"):
            stream.set_aside_sinks()
        stream.restore_sinks()
        assert stream.read(tiny.ids(30)).shape == (30,)
    stream.set_aside_sinks()
    with pytest.raises(StreamError, match="restore"):
        stream.state()


def test_a_recomputed_token_tells_what_it_was_read_with() -> None:
    loaded = tiny.load("llama")
    stream, dense = open_stream(loaded, Policy.parse("recompute:12")), open_stream(loaded, Policy.parse("dense"))
    assert stream.peak_nbytes == 0
    stream.read(tiny.ids(40))
    dense.read(tiny.ids(13))
    assert (stream.nbytes, stream.peak_nbytes) == (0, dense.nbytes)
    assert dense.peak_nbytes == dense.nbytes
