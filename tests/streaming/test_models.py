"""Loading: what a visitor gets, what is refused, and that nothing of a checkpoint is ever run.

Hub loads run in a child process, because the client reads HF_ENDPOINT when it is imported; it is the real
client, against a server on loopback.
"""

from __future__ import annotations

import importlib.util
import io
import json
import multiprocessing
import os
import pickle
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as library_logging

from streaming import models
from streaming.errors import (
    HubUnreachable,
    ModelDamaged,
    ModelGated,
    ModelNotFound,
    ModelTooLarge,
    ModelUnsafe,
    ModelUnsupported,
    SettingsError,
    StreamError,
    StreamingError,
)
from streaming.loading import placement, sources
from tests.support.hub_server import HubServer, Repository

TOKEN = "hf_notarealtoken"
IDS = [1, 5, 9, 4, 2, 7]
WEIGHTS = "model.safetensors"
MIB = 2**20


# --------------------------------------------------------------------------------------- checkpoints


def make_checkpoint(folder: Path, **config: Any) -> dict[str, bytes]:
    """Save a random Llama with a tokenizer of 32 words and a start token, and return its files."""
    torch.manual_seed(0)
    settings = {"vocab_size": 32, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    settings |= {"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64}
    model = LlamaForCausalLM(LlamaConfig(**(settings | config)))
    model.save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel({"<s>": 1, **{f"w{i}": i for i in range(2, 32)}}, unk_token="w2"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>").save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a tiny sound checkpoint."""
    return make_checkpoint(tmp_path_factory.mktemp("tiny"))


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a new folder."""
    folder.mkdir()
    for name, body in files.items():
        (folder / name).write_bytes(body)
    return folder


def with_config(files: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    """The same files with other entries in config.json."""
    config = json.loads(files["config.json"]) | changes
    return files | {"config.json": json.dumps(config).encode()}


def in_shards(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same weights in two files and an index."""
    tensors = read_tensors(files[WEIGHTS])
    names = sorted(tensors)
    shards = {f"model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    index = {"weight_map": {name: shard for shard, held in shards.items() for name in held}}
    split = {shard: write_tensors({name: tensors[name] for name in held}) for shard, held in shards.items()}
    split["model.safetensors.index.json"] = json.dumps({"metadata": {}, **index}).encode()
    return {name: body for name, body in files.items() if name != WEIGHTS} | split


class Bomb:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def in_pickle(files: dict[str, bytes], mark: Path) -> dict[str, bytes]:
    """The same checkpoint with its weights in a pickle, which creates `mark` when it is read."""
    body = io.BytesIO()
    torch.save({"model.norm.weight": Bomb(mark)}, body)
    assert pickle.dumps(Bomb(mark))
    return {name: data for name, data in files.items() if name != WEIGHTS} | {"pytorch_model.bin": body.getvalue()}


def with_code(files: dict[str, bytes], mark: Path, model_type: str) -> dict[str, bytes]:
    """The same checkpoint with a model class of its own, which creates `mark` when it is imported."""
    auto_map = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    code = f"open({str(mark)!r}, 'w').close()\n"
    return with_config(files, auto_map=auto_map, model_type=model_type) | {"own.py": code.encode()}


def logits(loaded: models.LoadedModel) -> list[float]:
    """What the model says after IDS."""
    with torch.inference_mode():
        return loaded.model(torch.tensor([IDS])).logits[0, -1].float().tolist()


# --------------------------------------------------------------------------------------- local folders


def test_a_folder_loads_ready_to_stream(tmp_path: Path, files: dict[str, bytes]) -> None:
    seen: list[models.Progress] = []
    loaded = models.load(str(write(tmp_path / "tiny", files)), on_progress=seen.append)
    assert (loaded.name, loaded.context, loaded.start_token) == ("tiny", 64, 1)
    assert loaded.tokenizer("w5 w9").input_ids == [1, 5, 9]
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert [step.stage for step in seen] == ["loading", "loading"]
    assert seen[0].done_bytes == 0
    assert seen[-1].done_bytes == seen[-1].total_bytes == len(files[WEIGHTS])


def test_a_load_draws_nothing_on_the_terminal(
    tmp_path: Path, files: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    models.load(str(write(tmp_path / "tiny", files)))
    assert capfd.readouterr() == ("", "")
    assert library_logging.is_progress_bar_enabled()


def test_two_loads_share_no_config(tmp_path: Path, files: dict[str, bytes]) -> None:
    folder = str(write(tmp_path / "tiny", files))
    first, second = models.load(folder), models.load(folder)
    assert first.model.config is not second.model.config
    first.model.config.max_position_embeddings = 7
    assert second.model.config.max_position_embeddings == 64


def test_shards_load_like_one_file(tmp_path: Path, files: dict[str, bytes]) -> None:
    whole = models.load(str(write(tmp_path / "whole", files)))
    split = models.load(str(write(tmp_path / "split", in_shards(files))))
    assert logits(split) == logits(whole)


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16, "float16"])
def test_a_dtype_leaves_the_rotary_frequencies_exact(
    tmp_path: Path, files: dict[str, bytes], dtype: str | torch.dtype
) -> None:
    folder = str(write(tmp_path / "tiny", files))
    low, exact = models.load(folder, dtype=dtype), models.load(folder)
    assert f"torch.{low.model.dtype}".endswith(str(dtype))
    rotary = low.model.model.rotary_emb.inv_freq
    assert rotary.dtype == torch.float32
    assert torch.equal(rotary, exact.model.model.rotary_emb.inv_freq)


def test_a_small_half_precision_checkpoint_loads_in_float32(tmp_path: Path, files: dict[str, bytes]) -> None:
    halved = {name: tensor.half() for name, tensor in read_tensors(files[WEIGHTS]).items()}
    half = with_config(files, dtype="float16") | {WEIGHTS: write_tensors(halved, {"format": "pt"})}
    loaded = models.load(str(write(tmp_path / "half", half)), device="cpu")
    assert loaded.model.dtype == torch.float32


@pytest.mark.parametrize(
    ("device", "stored", "parameters", "fast", "expected"),
    [
        ("cuda", torch.float32, 10**6, False, torch.bfloat16),
        ("cpu", torch.bfloat16, 10**6, True, torch.float32),
        ("cpu", torch.float16, 16_000_000, True, torch.float32),
        ("cpu", torch.float16, 17_000_000, True, torch.bfloat16),
        ("cpu", torch.bfloat16, 268_000_000, False, torch.float32),
        ("cpu", torch.bfloat16, 269_000_000, False, torch.bfloat16),
        ("cpu", torch.float32, 10**9, True, torch.bfloat16),
        ("cpu", torch.float32, 10**9, False, torch.float32),
        ("cpu", torch.float16, 10**9, False, torch.float32),
        ("cpu", torch.bfloat16, 10**9, False, torch.bfloat16),
    ],
)
def test_the_rule_of_dtype_auto(
    device: str, stored: torch.dtype, parameters: int, fast: bool, expected: torch.dtype
) -> None:
    size = parameters * stored.itemsize
    assert placement.auto_dtype(torch.device(device), stored, size, fast_bfloat16=fast) == expected


def test_the_rule_of_dtype_auto_is_what_was_measured() -> None:
    """In bfloat16 where it reads at least a fifth faster and a step is no slower, whatever the threads."""
    rows = json.loads((Path(__file__).parents[2] / "assets/results/dtypes.json").read_text("utf-8"))
    assert {row["threads"] for row in rows} == {1, 2}
    for parameters, hardware in {(row["parameters"], row["hardware"]) for row in rows}:
        measured = [row for row in rows if (row["parameters"], row["hardware"]) == (parameters, hardware)]
        faster = all(row["read"][1] > 1.2 * row["read"][0] for row in measured)
        gains = faster and all(row["step"][1] <= 1.02 * row["step"][0] for row in measured)
        size = parameters * torch.bfloat16.itemsize
        chosen = placement.auto_dtype(torch.device("cpu"), torch.bfloat16, size, fast_bfloat16=hardware)
        assert chosen == (torch.bfloat16 if gains else torch.float32), (parameters, hardware)


def test_a_pickle_is_never_read(tmp_path: Path, files: dict[str, bytes]) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(ModelUnsafe, match="safetensors"):
        models.load(str(write(tmp_path / "tiny", in_pickle(files, mark))))
    assert not mark.exists()


def test_code_of_a_checkpoint_is_never_run(tmp_path: Path, files: dict[str, bytes]) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(ModelUnsafe, match="code of its own"):
        models.load(str(write(tmp_path / "unknown", with_code(files, mark, "own"))))
    known = models.load(str(write(tmp_path / "known", with_code(files, mark, "llama"))))
    assert type(known.model) is LlamaForCausalLM
    assert not mark.exists()


def damage(files: dict[str, bytes], kind: str) -> dict[str, bytes]:
    """The files with one fault."""
    tensors = read_tensors(files[WEIGHTS])
    name = "model.layers.0.mlp.up_proj.weight"
    lacking = {key: tensor for key, tensor in tensors.items() if key != name}
    reshaped = tensors | {name: torch.zeros(3, 3)}
    shards = in_shards(files)
    first_shard = next(name for name in shards if name.startswith("model-"))
    return {
        "weights cut short": files | {WEIGHTS: files[WEIGHTS][:-100]},
        "weights empty": files | {WEIGHTS: b""},
        "weights are a pointer": files | {WEIGHTS: b"version https://git-lfs.github.com/spec/v1\n"},
        "a tensor lacks": files | {WEIGHTS: write_tensors(lacking, {"format": "pt"})},
        "a tensor has another shape": files | {WEIGHTS: write_tensors(reshaped, {"format": "pt"})},
        "a shard lacks": {name: body for name, body in shards.items() if name != first_shard},
        "an index is no index": shards | {"model.safetensors.index.json": b"[]"},
        "config cut short": files | {"config.json": files["config.json"][:-9]},
        "config is a list": files | {"config.json": b"[1]"},
        "config makes no sense": with_config(files, hidden_size="wide"),
        "config divides by zero": with_config(files, num_attention_heads=0),
        "config is no text": files | {"config.json": b"\xff\xfe\x00"},
        "tokenizer cut short": files | {"tokenizer.json": files["tokenizer.json"][:-9]},
        "no tokenizer": {name: body for name, body in files.items() if not name.startswith("tokenizer")},
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "weights cut short",
        "weights empty",
        "weights are a pointer",
        "a tensor lacks",
        "a tensor has another shape",
        "a shard lacks",
        "an index is no index",
        "config cut short",
        "config is a list",
        "config makes no sense",
        "config divides by zero",
        "config is no text",
        "tokenizer cut short",
        "no tokenizer",
    ],
)
def test_a_damaged_folder_is_named(tmp_path: Path, files: dict[str, bytes], kind: str) -> None:
    folder = write(tmp_path / "tiny", damage(files, kind))
    with pytest.raises(ModelDamaged, match=r"^'tiny' .*fetch it again") as caught:
        models.load(str(folder))
    assert str(tmp_path) not in str(caught.value)


def test_an_index_leads_nowhere_else(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "outside.safetensors").write_bytes(files[WEIGHTS])
    index = {
        "metadata": {},
        "weight_map": dict.fromkeys(read_tensors(files[WEIGHTS]), "../outside.safetensors"),
    }
    shards = in_shards(files) | {"model.safetensors.index.json": json.dumps(index).encode()}
    with pytest.raises(ModelDamaged):
        models.load(str(write(tmp_path / "tiny", shards)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "nonesuch"}, "does not know"),
        ({"architectures": ["LlamaModel"]}, "not a causal"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "not a causal"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantised"),
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "'tiny'"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "'tiny'"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "'tiny'"),
    ],
)
def test_a_model_that_cannot_stream_is_refused_by_name(
    tmp_path: Path, files: dict[str, bytes], changes: dict[str, Any], words: str
) -> None:
    folder = write(tmp_path / "tiny", with_config(files, **changes))
    with pytest.raises(ModelUnsupported, match=words) as caught:
        models.load(str(folder))
    assert "'tiny'" in str(caught.value)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(ModelUnsupported, match=r"config\.json"):
        models.load(str(write(tmp_path / "empty", {})))
    with pytest.raises(ModelUnsupported, match="safetensors"):
        models.load(str(write(tmp_path / "bare", {"config.json": files["config.json"]})))


@pytest.mark.parametrize("name", ["👩\u200d🚀", "می\u200cخواهم", "a\u00a0b", "a\nb", "a\u202eb", "smollm2 ", " "])
def test_a_folder_is_found_whatever_it_is_called(tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    loaded = models.load(str(write(tmp_path / name, files)))
    assert loaded.name == name


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_a_name_that_is_no_text_is_refused_in_words(tmp_path: Path, files: dict[str, bytes]) -> None:
    folder = os.fsdecode(bytes(tmp_path) + b"/caf\xe9")
    write(Path(folder), files)
    for path in (folder, folder + "/nothing"):
        with pytest.raises((SettingsError, ModelNotFound)) as caught:
            models.load(path)
        str(caught.value).encode()  # fit to be shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"device": "tpu"}, "device is"),
        ({"device": "cuda:63"}, "no device"),
        ({"dtype": "int8"}, "dtype is"),
        ({"dtype": torch.int64}, "dtype is"),
        ({"revision": "main"}, "revisions"),
    ],
)
def test_an_argument_out_of_range_is_named(
    tmp_path: Path, files: dict[str, bytes], arguments: dict[str, Any], words: str
) -> None:
    folder = write(tmp_path / "tiny", files)
    with pytest.raises(SettingsError, match=words):
        models.load(str(folder), **arguments)


# ------------------------------------------------------------------------------------- bundled models


@pytest.mark.parametrize("name", models.available())
def test_every_bundled_model_loads(name: str) -> None:
    loaded = models.load(name, device="cpu")
    assert loaded.name == name
    assert loaded.model.dtype == torch.float32


def test_bundled_names(tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BUNDLED", tmp_path)
    write(tmp_path / "zig", files)
    write(tmp_path / "ant", files)
    write(tmp_path / "broken", damage(files, "weights cut short"))
    write(tmp_path / "hollow", {})
    assert models.available() == ["ant", "broken", "zig"]
    assert models.load("zig").name == "zig"
    with pytest.raises(ModelDamaged, match="'broken'"):
        models.load("broken")
    with pytest.raises(ModelUnsupported, match="'hollow'"):
        models.load("hollow")
    with pytest.raises(ModelNotFound, match=r"'bee'.* ant, broken, zig"):
        models.load("bee")
    monkeypatch.setattr(sources, "BUNDLED", tmp_path / "nowhere")
    assert models.available() == []


# --------------------------------------------------------------------------------------------- memory


def test_a_model_larger_than_one_device_is_spread_or_refused() -> None:
    cuda, bf16 = torch.device("cuda"), torch.bfloat16
    assert not placement.must_spread("x", 10**9, (10**9, 10**9), torch.device("cpu"), bf16)
    with pytest.raises(ModelTooLarge, match=r"needs 9\.0 GB .* 8\.0 GB are free on cpu"):
        placement.must_spread("x", 9 * 10**9, (8 * 10**9, 99 * 10**9), torch.device("cpu"), bf16)
    with pytest.raises(ModelTooLarge, match="free on cuda:0"):
        placement.must_spread("x", 9 * 10**9, (8 * 10**9, 99 * 10**9), torch.device("cuda:0"), bf16)
    with pytest.raises(ModelTooLarge, match="choose a smaller model"):
        placement.must_spread("x", 100 * 10**9, (8 * 10**9, 99 * 10**9), cuda, bf16)
    if importlib.util.find_spec("accelerate"):
        assert placement.must_spread("x", 9 * 10**9, (8 * 10**9, 99 * 10**9), cuda, bf16)
    else:
        with pytest.raises(ModelTooLarge, match="pip install accelerate"):
            placement.must_spread("x", 9 * 10**9, (8 * 10**9, 99 * 10**9), cuda, bf16)


# -------------------------------------------------------------------------------------------- the Hub

CONTACTED: list[str] = []  # in the child: every address that it connected to or looked up


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a load in the child gave."""

    name: str
    logits: list[float]
    progress: list[models.Progress]
    contacted: list[str]


def watch_connections() -> None:
    """In the child: note whom it talks to, from now on."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            CONTACTED.append(str(arguments[1][0] if isinstance(arguments[1], tuple) else arguments[1]))
        elif event == "socket.getaddrinfo":
            CONTACTED.append(str(arguments[0]))

    sys.addaudithook(note)
    torch.set_num_threads(1)


def load_in_child(source: str, stop_at: str | None, arguments: dict[str, Any]) -> Result:
    """In the child: load, and tell what came of it; stop at the stage `stop_at`."""
    progress: list[models.Progress] = []

    def note(step: models.Progress) -> None:
        progress.append(step)
        if step.stage == stop_at:
            raise StreamError("enough")

    CONTACTED.clear()
    loaded = models.load(source, device="cpu", on_progress=note, **arguments)
    return Result(name=loaded.name, logits=logits(loaded), progress=progress, contacted=list(CONTACTED))


def contacted_in_child() -> list[str]:
    """In the child: whom the last load talked to."""
    return list(CONTACTED)


class Hub:
    """A server and the child that loads from it."""

    def __init__(self, server: HubServer, child: ProcessPoolExecutor) -> None:
        self.server = server
        self.child = child
        self.told_a_secret = False

    def add(self, name: str, files: dict[str, bytes], **faults: Any) -> str:
        """Put a repository on the server and return its id."""
        self.server.repositories[f"someone/{name}"] = Repository(files=files, **faults)
        self.server.requests.clear()
        return f"someone/{name}"

    def load(self, source: str, stop_at: str | None = None, **arguments: Any) -> Result:
        """Load in the child; its exceptions arrive here.

        Whatever comes of it, nobody but the server was contacted, about nothing but the model, and no
        message tells the token.
        """
        self.server.requests.clear()
        try:
            return self.child.submit(load_in_child, source, stop_at, arguments).result(timeout=60)
        except StreamingError as error:
            told = f"{error} {error.__cause__}"  # __cause__ is the text of the child's whole traceback
            self.told_a_secret |= TOKEN in told
            raise
        finally:
            assert set(self.child.submit(contacted_in_child).result()) <= {"127.0.0.1"}
            assert all("/someone/" in request.path for request in self.server.requests)
            assert not self.told_a_secret


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A running server, and a child whose client knows it as the Hub and has a cache of its own."""
    server = HubServer()
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE", "HTTP_PROXY", "http_proxy"):
            patch.delenv(name, raising=False)
        patch.setenv("HF_ENDPOINT", server.url)
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_TOKEN", TOKEN)
        child = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        child.submit(watch_connections).result(timeout=60)
    yield Hub(server, child)
    child.shutdown()
    server.stop()


def test_a_hub_model_loads_with_progress_then_from_the_cache(hub: Hub, files: dict[str, bytes], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    extra = {"pytorch_model.bin": b"x", "own.py": b"x", "README.md": b"x", "consolidated.safetensors": b"x"}
    source = hub.add("sound", extra | with_code(files, mark, "llama"))
    result = hub.load(source)
    local = models.load(str(write(tmp_path / "tiny", files)), device="cpu")
    assert result.name == source
    assert result.logits == pytest.approx(logits(local), abs=1e-5)
    assert sorted(hub.server.downloads()) == sorted(files)
    assert not mark.exists()

    assert [step.stage for step in result.progress][:2] == ["looking up", "downloading"]
    assert result.progress[-1].stage == "loading"
    received = [step for step in result.progress if step.stage == "downloading"]
    assert received[-1].done_bytes == received[-1].total_bytes > len(files[WEIGHTS])
    assert all(a.done_bytes <= b.done_bytes for a, b in pairwise(received))

    again = hub.load(source)
    assert again.logits == result.logits
    assert hub.server.downloads() == []

    hub.server.stop()
    try:
        assert hub.load(source).logits == result.logits
    finally:
        hub.server.start()


def test_a_revision_is_a_branch_or_a_commit(hub: Hub, files: dict[str, bytes]) -> None:
    source = hub.add("revised", files)
    commit = hub.server.repositories[source].commit
    assert hub.load(source, revision=commit).logits == hub.load(source, revision="main").logits
    with pytest.raises(ModelNotFound, match=f"'{source}' has no such revision"):
        hub.load(source, revision="nonesuch")


def test_a_new_commit_is_fetched(hub: Hub, files: dict[str, bytes], tmp_path: Path) -> None:
    source = hub.add("moving", files)
    first = hub.load(source)
    hub.add("moving", make_checkpoint(tmp_path / "other", rms_norm_eps=0.5))
    assert hub.load(source).logits != first.logits


def test_shards_travel(hub: Hub, files: dict[str, bytes]) -> None:
    shards = in_shards(files)
    hub.load(hub.add("shards", shards))
    assert sorted(hub.server.downloads()) == sorted(shards)


def test_a_private_model_loads_with_its_token(hub: Hub, files: dict[str, bytes]) -> None:
    hub.load(hub.add("mine", files, needs_token=TOKEN))
    with pytest.raises(ModelNotFound, match="HF_TOKEN"):
        hub.load(hub.add("theirs", files, needs_token="another"))


def test_a_missing_model(hub: Hub) -> None:
    with pytest.raises(ModelNotFound, match=r"'someone/nothing' is not on the Hub.*spelling"):
        hub.load("someone/nothing")


def test_a_gated_model(hub: Hub, files: dict[str, bytes]) -> None:
    source = hub.add("gated", files, gated=True)
    with pytest.raises(ModelGated, match=f"'{source}' .*licence.*HF_TOKEN"):
        hub.load(source)


def test_a_truncated_file_on_the_server(hub: Hub, files: dict[str, bytes]) -> None:
    source = hub.add("truncated", damage(files, "weights cut short"))
    for _ in range(2):  # the second time from the cache
        with pytest.raises(ModelDamaged, match=f"'{source}' .*cache"):
            hub.load(source)


def test_a_file_shorter_than_announced(hub: Hub, files: dict[str, bytes]) -> None:
    source = hub.add("shorter", files, told_sizes={WEIGHTS: len(files[WEIGHTS]) + 1})
    with pytest.raises(ModelDamaged, match=source):
        hub.load(source)


def test_a_pickle_never_travels(hub: Hub, files: dict[str, bytes], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(ModelUnsafe, match="pickle"):
        hub.load(hub.add("pickled", in_pickle(files, mark)))
    assert hub.server.downloads() == []
    assert not mark.exists()


def test_code_never_travels_and_nobody_is_asked(hub: Hub, files: dict[str, bytes], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    start = time.monotonic()
    with pytest.raises(ModelUnsafe, match="code of its own"):
        hub.load(hub.add("coded", with_code(files, mark, "own")))
    assert time.monotonic() - start < 10  # the library's question waits 15 s for an answer
    assert hub.server.downloads() == ["config.json"]
    assert not mark.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["LlamaModel"]},
        {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]},
        {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]},
    ],
)
def test_what_cannot_stream_is_refused_before_its_weights_travel(
    hub: Hub, files: dict[str, bytes], changes: dict[str, Any]
) -> None:
    source = hub.add("other-" + str(changes["architectures"][0]), with_config(files, **changes))
    with pytest.raises(ModelUnsupported, match=f"'{source}'"):
        hub.load(source)
    assert hub.server.downloads() == ["config.json"]


def test_what_is_too_large_is_refused_before_it_travels(hub: Hub, files: dict[str, bytes]) -> None:
    source = hub.add("huge", files, told_sizes={WEIGHTS: 10**14})
    words = rf"'{source}' needs [\d.,]+ GB .* [\d.,]+ GB are free on cpu: choose"
    with pytest.raises(ModelTooLarge, match=words):
        hub.load(source)
    assert hub.server.downloads() == ["config.json"]


def test_a_hub_that_is_down_is_known_at_once(hub: Hub, files: dict[str, bytes]) -> None:
    source = hub.add("down", files)
    hub.server.stop()
    start = time.monotonic()
    try:
        with pytest.raises(HubUnreachable, match=f"'{source}' .*network"):
            hub.load(source)
    finally:
        hub.server.start()
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("status", [500, 503, 429, 200])
def test_a_hub_that_answers_with_nonsense(hub: Hub, files: dict[str, bytes], status: int) -> None:
    with pytest.raises(HubUnreachable, match="network"):
        hub.load(hub.add("nonsense", files, error_code=status))


def test_a_broken_download_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    large = make_checkpoint(tmp_path / "large", vocab_size=60_000, tie_word_embeddings=False)
    assert len(large[WEIGHTS]) > 14 * MIB
    source = hub.add("cut", large, cut_after=12 * MIB)
    result = hub.load(source)
    assert [request.range for request in hub.server.requests if request.range] == [f"bytes={10 * MIB}-"]
    local = models.load(str(tmp_path / "large"), device="cpu")
    assert result.logits == pytest.approx(logits(local), abs=1e-5)
    received = [step for step in result.progress if step.stage == "downloading"]
    assert received[-1].done_bytes == received[-1].total_bytes
    assert any(0 < step.done_bytes < 12 * MIB for step in received)


def test_a_load_can_be_stopped(hub: Hub, files: dict[str, bytes]) -> None:
    source = hub.add("stopped", files)
    for stage in ("looking up", "downloading", "loading"):
        with pytest.raises(StreamError, match="enough"):
            hub.load(source, stop_at=stage)
    assert hub.load(source).name == source


@pytest.mark.parametrize(
    "source",
    [
        "",
        " ",
        "../x",
        "someone/..",
        "someone/x..y",
        "../../etc/passwd",
        "http://example.org/a",
        "https://huggingface.co/someone/sound",
        "//example.org/a",
        "someone@example.org/a",
        "a/b/c",
        "someone/-a",
        "someone/a.git",
        "someone/a--b",
        "someone/a?x=1",
        "someone/a#x",
        "someone/a%2e%2e",
        "someone/sound\n",
        "someone/so\0und",
        "someone/soünd",
        "x" * 10_000,
        "someone/" + "x" * 97,
        None,
        7,
    ],
)
def test_an_odd_id_is_refused_without_a_request(hub: Hub, source: str) -> None:
    with pytest.raises((SettingsError, ModelNotFound)) as caught:
        hub.load(source)
    assert len(str(caught.value)) < 300
    assert hub.server.requests == []


@pytest.mark.parametrize("revision", ["", "../../x", "a/../b", "/etc", "x" * 200, "a b", "a\0", 3])
def test_an_odd_revision_is_refused_without_a_request(hub: Hub, revision: str) -> None:
    with pytest.raises(SettingsError, match="revision"):
        hub.load("someone/sound", revision=revision)
    assert hub.server.requests == []


def test_a_form_field_takes_hub_ids_alone() -> None:
    assert models.check_hub_id("someone/a_model-1.0") == "someone/a_model-1.0"
    for text in ("", "sink", "./someone/model", "/etc", "a/b/c", "someone/x..y", "someone/model "):
        with pytest.raises(SettingsError, match="owner/name"):
            models.check_hub_id(text)
