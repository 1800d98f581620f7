from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from comparisons.server.model_cache import MOST_GUESTS, Copy, ModelCache
from streaming.errors import ModelError, ModelGated, ModelNotFound, ModelTooLarge, SettingsError
from streaming.models import LoadedModel
from tests.support import speaking
from tests.support.hub_server import HubServer, Repository, as_the_hub, files_of
from tests.support.speaking import wait_until

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    return files_of(speaking.save(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, files) -> Iterator[HubServer]:
    with as_the_hub(tmp_path_factory.mktemp("cache")) as server:
        server.repositories |= {f"someone/{name}": Repository(files=files) for name in "abc"}
        yield server


@pytest.fixture
def hub(server) -> HubServer:
    server.requests.clear()
    return server


@pytest.fixture
def cache() -> ModelCache:
    return ModelCache(speaking.loaded())


def loaded(copy: Copy) -> LoadedModel:
    return copy.loaded.result(timeout=60)


def test_the_servers_own_model_is_there_at_once_by_its_name_or_by_none(cache):
    for name in ("", "tiny"):
        with cache.borrow(name) as copy:
            assert copy.loaded.done() and loaded(copy) is speaking.loaded()


def test_a_bundled_model_is_loaded_once_and_stays(cache):
    with cache.borrow("vanilla") as copy:
        first = loaded(copy)
        assert (first.name, first.context) == ("vanilla", 256)
    with cache.borrow("vanilla") as copy:
        assert copy.loaded.done() and loaded(copy) is first


def test_two_who_ask_for_the_same_model_share_one_load(cache, hub):
    with cache.borrow("someone/a") as one, cache.borrow("someone/a") as other:
        assert one is other
        assert loaded(one).name == "someone/a"
        assert hub.downloads().count(WEIGHTS) <= 1


def test_the_guest_that_was_borrowed_longest_ago_makes_room_and_is_freed(cache, hub):
    with cache.borrow("someone/a") as copy:
        gone = weakref.ref(loaded(copy).model)
    with cache.borrow("someone/b") as copy:
        stays = loaded(copy)
    del copy
    with cache.borrow("someone/c") as copy:
        loaded(copy)
        with cache.borrow("someone/b") as other:
            assert loaded(other) is stays
    gc.collect()
    assert gone() is None


def test_no_model_is_taken_from_somebody_who_reads_with_it(cache, hub):
    assert MOST_GUESTS == 2
    with cache.borrow("someone/a") as one, cache.borrow("someone/b") as other:
        with (
            pytest.raises(ModelError, match=r"'someone/a' and 'someone/b'.*choose one of these"),
            cache.borrow("someone/c"),
        ):
            pass
        assert loaded(one).name == "someone/a" and loaded(other).name == "someone/b"
    with cache.borrow("someone/c") as copy:
        assert loaded(copy).name == "someone/c"


def test_a_load_that_everybody_left_ends_and_can_be_asked_for_again(cache, hub, files):
    held = threading.Event()
    larger = files | {"tokenizer.json": files["tokenizer.json"] + b"\n"}  # another commit, not in the cache
    hub.repositories["someone/slow"] = Repository(files=larger, held=held)
    with cache.borrow("someone/slow") as copy:
        wait_until(lambda: WEIGHTS in hub.downloads(), seconds=30)
    held.set()
    assert copy.loaded.exception(timeout=60) is not None
    with cache.borrow("someone/slow") as again:
        assert again is not copy and loaded(again).name == "someone/slow"


def test_memory_that_nobody_needs_is_given_up_before_a_model_is_too_large(cache, hub, files):
    hub.repositories["someone/huge"] = Repository(files=files, told_sizes={WEIGHTS: 10**14})
    with cache.borrow("someone/a") as copy:
        idle = weakref.ref(loaded(copy).model)
    del copy
    with (
        cache.borrow("someone/huge") as copy,
        pytest.raises(ModelTooLarge, match=r"'someone/huge' needs .* GB are free"),
    ):
        loaded(copy)
    gc.collect()
    assert idle() is None


def test_errors_are_said_in_words_for_visitors_and_a_failed_load_is_tried_again(cache, hub, files):
    with cache.borrow("someone/new") as copy, pytest.raises(ModelNotFound, match="check the spelling") as missing:
        loaded(copy)
    assert "HF_TOKEN" not in str(missing.value) and "./" not in str(missing.value)
    hub.repositories["someone/new"] = Repository(files=files, gated=True)
    with cache.borrow("someone/new") as copy, pytest.raises(ModelGated, match="licence"):
        loaded(copy)
    hub.repositories["someone/new"] = Repository(files=files)
    with cache.borrow("someone/new") as copy:
        assert loaded(copy).name == "someone/new"


@pytest.mark.parametrize(
    "name",
    ["/etc", ".", "./assets/models/sink", "../sink", "assets/models/sink", "~/x", "https://example.org/a/b",
     "someone@example.org/a", "//example.org/a", "some\0one/a", "x" * 5000],
)  # fmt: skip
def test_neither_a_path_nor_another_host_is_ever_asked_for(cache, hub, name):
    with pytest.raises(SettingsError, match="owner/name"), cache.borrow(name):
        pass
    assert hub.requests == []


def test_a_folder_that_is_named_like_a_hub_model_is_not_opened(cache, hub, tmp_path: Path, monkeypatch):
    speaking.save(tmp_path / "some" / "folder")
    monkeypatch.chdir(tmp_path)
    with cache.borrow("some/folder") as copy, pytest.raises(ModelNotFound):
        loaded(copy)
