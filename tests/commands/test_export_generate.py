"""The exported repository, used as a stranger uses it: another folder, no repository of ours on the path."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest
import torch

from comparisons.__main__ import main
from comparisons.commands.export_generate import files
from streaming import sink_cache, sink_generate
from tests.support import tiny

FAMILIES = ["llama", "gemma2", "gpt_neox", "falcon", "mpt", "qwen3"]

STRANGER = """
import sys, torch
from transformers import AutoModelForCausalLM
from transformers.generation.streamers import BaseStreamer

class Heard(BaseStreamer):
    ids = []
    def put(self, value): self.ids += value.flatten().tolist()
    def end(self): self.ids.append(-1)

folder, checkpoint = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(checkpoint)
ours = dict(custom_generate=folder, trust_remote_code=True, max_new_tokens=30, do_sample=False, eos_token_id=None)
ids = torch.arange(7, 27)[None]
heard = Heard()
first = dict(sinks=4, recent=12, return_dict_in_generate=True, streamer=heard)
out = model.generate(ids, attention_mask=torch.ones_like(ids), **first, **ours)
assert heard.ids == [*out.sequences[0].tolist(), -1], heard.ids
turn = torch.cat([out.sequences, torch.tensor([[5, 9, 2]])], -1)
more = model.generate(turn, attention_mask=torch.ones_like(turn), cache=out.cache, **ours)
assert not {"streaming", "comparisons"} & set(sys.modules)
print(more[0].tolist())
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "sinks"
    assert main(["export-generate", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_it_says_what_ours_says_over_several_turns_and_to_a_streamer(repository, family, tmp_path):
    model = tiny.load(family).model
    model.save_pretrained(tmp_path / "model")
    env = {"PATH": os.environ["PATH"], "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", STRANGER, str(repository), str(tmp_path / "model")]
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    cache = sink_cache(model, sinks=4, recent=12)
    ours = {"custom_generate": sink_generate, "max_new_tokens": 30, "do_sample": False, "eos_token_id": None}
    ids = torch.arange(7, 27)[None]
    for turn in (ids.new_empty(1, 0), torch.tensor([[5, 9, 2]])):
        ids = torch.cat([ids, turn], -1)
        ids = model.generate(ids, attention_mask=torch.ones_like(ids), cache=cache, **ours)
    assert ended.stdout.strip().splitlines()[-1] == str(ids[0].tolist())


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
