"""The exported repository, used as a stranger uses it: another folder, no repository of ours on the path."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys

import pytest
import torch
from torch import Tensor
from transformers import Cache

from comparisons.__main__ import main
from comparisons.commands.export_generate import files
from tests.fresh import stranger
from tests.fresh.generate import checkpoints, ours


def test_it_says_what_ours_says_with_every_family_over_two_turns_and_to_a_streamer(tmp_path):
    folder = tmp_path / "sinks"
    assert main(["export-generate", str(folder)]) == 0
    read = checkpoints(tmp_path / "models")
    env = {"PATH": os.environ["PATH"], "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}
    command = [sys.executable, "-I", stranger.__file__, str(folder), *map(str, read)]
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for path, line in zip(read, ended.stdout.splitlines(), strict=True):
        assert json.loads(line) == ours(path), path.name


def test_it_is_made_of_the_sources_and_names_nothing_else_of_ours():
    for name, text in files().items():
        assert "comparisons" not in text or name.endswith(("generate.py", "README.md")), name
        if name.endswith(".py"):
            imports = [node for node in ast.walk(ast.parse(text, name)) if isinstance(node, ast.ImportFrom)]
            assert all(node.level == 1 or not str(node.module).startswith("streaming") for node in imports), name


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["export-generate", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


# ----------------------------------------------------------------------------- what its README says of other caches


def _rotated(keys: Tensor, angles: Tensor) -> Tensor:
    """Keys (N, D) turned by angles (D / 2,), in the keys' own dtype."""
    cos, sin = (part.to(keys.dtype).repeat(2) for part in (angles.cos(), angles.sin()))
    first, second = keys.chunk(2, -1)
    return keys * cos + torch.cat([-second, first], -1) * sin


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_window_that_is_turned_back_for_every_token_drifts_as_the_readme_says(dtype):
    steps, dim = 1020, 64
    said = re.search(rf"([\d.e-]+)(?: of a key's\s+length)?\s+in\s+{dtype}", files()["README.md"])
    frequencies = 1e4 ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    keys = torch.randn(64, dim, generator=torch.Generator().manual_seed(0)).to(getattr(torch, dtype))
    turned = keys
    for _ in range(steps):
        turned = _rotated(turned, -frequencies)
    right = _rotated(keys.double(), -steps * frequencies)
    drift = ((turned.double() - right).norm(dim=-1) / right.norm(dim=-1)).mean()
    assert float(said[1]) == pytest.approx(float(drift), rel=0.1)


def test_a_cache_of_no_layers_is_refused_by_transformers_as_the_readme_says():
    with pytest.raises(ValueError, match="exactly one of `layers` or `layer_class_to_replicate`"):
        Cache()
    assert "`layer_class_to_replicate`" in files()["README.md"]
