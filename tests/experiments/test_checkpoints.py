"""A checkpoint comes back as it was, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from comparisons.experiments import checkpoints
from streaming.errors import RecordingError, StreamError

STATE = {"keys": torch.randn(1, 2, 3, 4), "none": torch.empty(1, 0, 4), "at": [1, None, "ü"], "sum": 0.1 + 0.2}


def test_a_checkpoint_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "here.safetensors"
    checkpoints.save(path, {"old": 1})
    checkpoints.save(path, STATE)
    back = checkpoints.load(path)
    assert back.keys() == STATE.keys()
    assert all(torch.equal(back[name], STATE[name]) for name in ("keys", "none"))
    assert all(back[name] == STATE[name] for name in ("at", "sum"))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:40], lambda b: b"", lambda b: b"x" * 99])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage) -> None:
    path = tmp_path / "here.safetensors"
    checkpoints.save(path, STATE)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RecordingError, match="damaged"):
        checkpoints.load(path)


def test_weights_are_no_checkpoint(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(RecordingError, match="no checkpoint"):
        checkpoints.load(tmp_path / "model.safetensors")


def test_a_save_that_fails_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    path = tmp_path / "here.safetensors"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StreamError, match="make room"):
        checkpoints.save(tmp_path / "file" / "here.safetensors", STATE)
    checkpoints.save(path, STATE)
    with pytest.raises(TypeError):
        checkpoints.save(path, {"odd": object()})
    assert checkpoints.load(path)["at"] == STATE["at"]


def test_what_killed_writers_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "here.safetensors"
    checkpoints.save(path, STATE)
    (tmp_path / ".here.safetensors.0a1b2c3d.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"not ours")
    checkpoints.clean(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here.safetensors", "mine.tmp"]
