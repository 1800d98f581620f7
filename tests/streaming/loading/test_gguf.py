"""GGUF files: every family computes what it did before; what cannot be read exactly is refused by name."""

from __future__ import annotations

import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from gguf import GGMLQuantizationType as Type
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from streaming import models
from streaming.errors import ModelDamaged, ModelError, ModelNotFound, ModelUnsupported, SettingsError
from streaming.loading.gguf_header import HeaderCut, HeaderDamaged, parse
from streaming.loading.gguf_models import KINDS
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import gguf_files, tiny
from tests.support.hub_server import HubServer, Repository, as_the_hub

IDS = torch.randint(0, 250, (1, 30), generator=torch.Generator().manual_seed(3))
FULL = {"sliding_window": None}  # a model's own window is no part of what a policy reads
AS_LLAMA_CPP_KNOWS = {"tie_word_embeddings": True, "num_hidden_layers": 7, "layer_types": None}
CHANGES: dict[str, dict[str, Any]] = {
    "mistral": FULL,
    "phi3": FULL,
    "qwen2": {**FULL, "use_sliding_window": False, "layer_types": ["full_attention"] * 2},
    "gemma2": {**AS_LLAMA_CPP_KNOWS, "final_logit_softcapping": 30.0},
    "gemma3_text": AS_LLAMA_CPP_KNOWS,
    "smollm3": {"num_hidden_layers": 5, "no_rope_layers": None},
    "stablelm": {"qk_layernorm": False},
}
NAMES = [name for name in tiny.NAMES if name not in ("llama-llama3", "falcon-alibi", "phi3-longrope")]
"""llama.cpp has no Falcon with ALiBi; the two stretched ones have tests of their own."""


def build(name: str, **more: Any) -> PreTrainedModel:
    """A tiny model whose settings a GGUF file can say."""
    changes = CHANGES.get(name, {}) | {"vocab_size": gguf_files.VOCAB} | more
    return tiny.build(name, attention="eager", **changes)


def logits(model: PreTrainedModel) -> torch.Tensor:
    """What the model says after each of IDS, by the stock attention."""
    if type(model)._can_set_attn_implementation():
        model.set_attn_implementation("eager")
    with torch.inference_mode():
        return model(IDS).logits


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound file."""
    return gguf_files.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf", build("llama-grouped"))


# ------------------------------------------------------------------------------------------------- every family


@pytest.mark.parametrize("name", NAMES)
def test_a_family_computes_what_it_did_before(name: str, tmp_path: Path) -> None:
    model = build(name)
    loaded = models.load(str(gguf_files.write(tmp_path / "a.gguf", model)), device="cpu")
    assert loaded.context == 64 or name == "llama-yarn"
    torch.testing.assert_close(logits(loaded.model), logits(model), atol=5e-5, rtol=0)


def test_every_kind_is_tried() -> None:
    assert {gguf_files.ARCHITECTURES[tiny.config(name).model_type] for name in NAMES} == KINDS.keys()


def test_the_factors_of_llama_3_are_heeded(tmp_path: Path) -> None:
    model = build("llama-llama3")
    plain = 1.0 / 1e4 ** (torch.arange(0, 16, 2) / 16)
    factors = {"rope_freqs.weight": plain / model.model.rotary_emb.inv_freq}
    loaded = models.load(str(gguf_files.write(tmp_path / "a.gguf", model, more=factors)), device="cpu")
    torch.testing.assert_close(logits(loaded.model), logits(model), atol=5e-5, rtol=0)
    without = models.load(str(gguf_files.write(tmp_path / "b.gguf", model)), device="cpu")
    assert (logits(without.model) - logits(model)).abs().max() > 0.1


def test_the_factors_of_phi_3_are_heeded(tmp_path: Path) -> None:
    rope = tiny.config("phi3-longrope").rope_parameters | {"short_factor": [1.5] * 8}
    model = build("phi3-longrope", rope_parameters=rope, sliding_window=None)
    factors = {"rope_factors_short.weight": torch.full((8,), 1.5), "rope_factors_long.weight": torch.full((8,), 3.0)}
    loaded = models.load(str(gguf_files.write(tmp_path / "a.gguf", model, more=factors)), device="cpu")
    assert loaded.context == 64
    torch.testing.assert_close(logits(loaded.model), logits(model), atol=5e-5, rtol=0)


@pytest.mark.parametrize("kind", [Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1])
def test_a_quantisation_is_unpacked(kind: Type, tmp_path: Path) -> None:
    model = build("llama-grouped")
    path = gguf_files.write(tmp_path / "a.gguf", model, kind=kind)
    loaded = models.load(str(path), device="cpu")
    stored = model.model.layers[0].mlp.up_proj.weight.detach()
    unpacked = torch.from_numpy(gguf.dequantize(gguf.quantize(stored.numpy(), kind), kind).copy())
    assert torch.equal(loaded.model.model.layers[0].mlp.up_proj.weight, unpacked)
    assert not torch.equal(unpacked, stored)


def test_a_file_streams_and_speaks(llama: Path) -> None:
    seen: list[models.Progress] = []
    loaded = models.load(str(llama), device="cpu", on_progress=seen.append)
    assert (loaded.name, loaded.model.training, loaded.model.dtype) == ("tiny.gguf", False, torch.float32)
    assert {step.stage for step in seen} == {"loading"}
    assert seen[-1].done_bytes == seen[-1].total_bytes
    assert loaded.tokenizer.decode(loaded.tokenizer("It was 1984, n'est-ce pas? 🦊").input_ids) == (
        "It was 1984, n'est-ce pas? 🦊"
    )
    assert loaded.tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False) == (
        "<s>user: Hi</s>"
    )
    assert len(open_stream(loaded, Policy.parse("sinks:2+8")).read(IDS[0].tolist())) == 30


def test_a_dtype_leaves_the_rotary_frequencies_exact(llama: Path) -> None:
    low, exact = models.load(str(llama), dtype="bfloat16"), models.load(str(llama), dtype="float32")
    assert low.model.dtype == torch.bfloat16
    assert torch.equal(low.model.model.rotary_emb.inv_freq, exact.model.model.rotary_emb.inv_freq)


# ---------------------------------------------------------------------------------------------- what is refused


def test_an_unknown_architecture_is_refused_by_name(llama: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(llama.read_bytes().replace(b"llama", b"mamba"))
    with pytest.raises(ModelUnsupported, match=r"'a.gguf'.*'mamba'.*choose one of falcon, gemma2"):
        models.load(str(path))


def test_an_unknown_quantisation_is_refused_by_name(llama: Path, tmp_path: Path) -> None:
    name = b"blk.0.ffn_up.weight"
    body = bytearray(llama.read_bytes())
    at = body.index(name) + len(name) + 4 + 16
    body[at : at + 4] = struct.pack("<I", 200)
    (tmp_path / "a.gguf").write_bytes(body)
    with pytest.raises(ModelUnsupported, match=r"'a.gguf' has weights in type 200.*Q4_K_M"):
        models.load(str(tmp_path / "a.gguf"))
    body[at : at + 4] = struct.pack("<I", Type.Q8_K)
    (tmp_path / "a.gguf").write_bytes(body)
    with pytest.raises(ModelUnsupported, match=r"'a.gguf' has weights in Q8_K"):
        models.load(str(tmp_path / "a.gguf"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"expert_count": 8}, "sets expert_count to 8"),
        ({"attention__scale": 0.3}, "sets attention.scale"),
        ({"attention__causal": True}, "sets attention.causal"),
        ({"logit_scale": 2.0}, "sets logit_scale"),
        ({"rope__scaling__type": "su"}, "scaled by 'su'"),
        ({"attention__value_length": 8}, "differ in length"),
        ({"attention__head_count": [4, 4]}, "head_count is"),
        ({"block_count": 0}, "block_count is 0"),
    ],
)
def test_what_would_be_passed_over_is_refused(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    path = gguf_files.write(tmp_path / "a.gguf", build("llama-grouped"), **fields)
    with pytest.raises(ModelUnsupported, match=words):
        models.load(str(path))


def test_a_weight_without_a_place_is_refused(tmp_path: Path) -> None:
    more = {"blk.0.attn_q.bias": torch.zeros(64)}
    path = gguf_files.write(tmp_path / "a.gguf", build("llama-grouped"), more=more)
    with pytest.raises(ModelUnsupported, match=r"'blk.0.attn_q.bias', which models of type llama do not have"):
        models.load(str(path))


@pytest.mark.parametrize("size", [0, 3, 30, 1000, 20_000, -1])
def test_a_file_that_is_cut_short_is_damaged(llama: Path, tmp_path: Path, size: int) -> None:
    (tmp_path / "a.gguf").write_bytes(llama.read_bytes()[:size])
    with pytest.raises(ModelDamaged, match=r"'a.gguf'.*fetch it again"):
        models.load(str(tmp_path / "a.gguf"))


def test_a_tokenizer_that_would_cut_otherwise_is_refused(llama: Path, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(llama.read_bytes().replace(b"smollm", b"smirkm"))
    with pytest.raises(ModelUnsupported, match="tokenizer of the kind 'smirkm'"):
        models.load(str(tmp_path / "a.gguf"))


def test_a_header_reads_the_same_however_much_follows(llama: Path) -> None:
    body = llama.read_bytes()
    header = parse(body)
    assert header.architecture == "llama"
    assert parse(body[: header.data]) == header == parse(body + b"\xff" * 100)
    with pytest.raises(HeaderCut):
        parse(body[: header.data - 40])


@pytest.mark.parametrize("place", [8, 16])
def test_a_count_that_makes_no_sense_is_refused_before_it_is_counted(llama: Path, place: int) -> None:
    body = bytearray(llama.read_bytes()[:100])
    body[place : place + 8] = struct.pack("<Q", 2**40)
    with pytest.raises(HeaderDamaged, match="it claims 1,099,511,627,776"):
        parse(bytes(body))


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_no_bytes_at_all_take_long_or_fail_otherwise(llama: Path, data: st.DataObject) -> None:
    body = bytearray(llama.read_bytes()[:12_000])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 9))
        body[at : at + 8] = data.draw(
            st.sampled_from([b"\xff" * 8, b"\0" * 8, struct.pack("<Q", 2**24), b"\x09\0\0\0" * 2])
        )
    begin = time.monotonic()
    with suppress(HeaderCut, HeaderDamaged):
        parse(bytes(body))
    assert time.monotonic() - begin < 2


# ----------------------------------------------------------------------------------------------------- the Hub


@pytest.fixture
def hub(tmp_path: Path) -> Any:
    with as_the_hub(tmp_path / "cache") as server:
        yield server


def offer(hub: HubServer, **files: bytes) -> None:
    hub.repositories["someone/quantised"] = Repository(files=files)


def test_a_file_of_the_hub_loads(hub: HubServer, llama: Path) -> None:
    offer(hub, **{"sub/tiny-Q8_0.gguf": llama.read_bytes(), "other.gguf": b"never asked for"})
    seen: list[models.Progress] = []
    name = "someone/quantised:sub/tiny-Q8_0.gguf"
    loaded = models.load(name, device="cpu", on_progress=seen.append)
    assert loaded.name == name
    assert list(dict.fromkeys(step.stage for step in seen)) == ["looking up", "downloading", "loading"]
    assert torch.equal(logits(loaded.model), logits(models.load(str(llama), device="cpu").model))
    assert set(hub.downloads()) == {"tiny-Q8_0.gguf"}
    hub.stop()
    assert models.load(name, device="cpu").name == name  # from the local cache


@pytest.mark.parametrize("broken", ["architecture", "tokenizer", "too large"])
def test_what_cannot_be_read_is_refused_before_it_travels(hub: HubServer, llama: Path, broken: str) -> None:
    body = llama.read_bytes()
    if broken == "architecture":
        body = body.replace(b"llama", b"mamba")
    if broken == "tokenizer":
        body = body.replace(b"smollm", b"smirkm")
    if broken == "too large":
        width = b"llama.embedding_length" + struct.pack("<I", 4)
        body = body.replace(width + struct.pack("<I", 64), width + struct.pack("<I", 2**30))
    hub.repositories["someone/quantised"] = Repository(files={"a.gguf": body + bytes(8 * 2**20)})
    with pytest.raises(ModelError, match="someone/quantised"):
        models.load("someone/quantised:a.gguf")
    asked = [request.range for request in hub.requests if request.method == "GET" and "/resolve/" in request.path]
    assert asked == ["bytes=0-2097151"]


def test_a_file_that_is_not_there_is_named_with_those_that_are(hub: HubServer, llama: Path) -> None:
    offer(hub, **{"tiny-Q8_0.gguf": b"", "tiny-Q4_0.gguf": b"", "README.md": b""})
    with pytest.raises(ModelNotFound, match=r"no file 'tiny.gguf'; its GGUF files: tiny-Q4_0.gguf, tiny-Q8_0.gguf"):
        models.load("someone/quantised:tiny.gguf")


@pytest.mark.parametrize(
    "text", ["a/b:../c.gguf", "a/b:/c.gguf", "a/b:c.bin", "a/b:", "a/b:c//d.gguf", "a/b:c.gguf/.."]
)
def test_an_odd_file_is_refused_without_a_request(hub: HubServer, text: str) -> None:
    with pytest.raises((SettingsError, ModelNotFound)):
        models.load(text)
    with pytest.raises(SettingsError):
        models.check_hub_id(text)
    assert hub.requests == []


def test_a_form_field_takes_files_of_the_hub() -> None:
    assert models.check_hub_id("someone/quantised:sub/tiny-Q8_0.gguf") == "someone/quantised:sub/tiny-Q8_0.gguf"
