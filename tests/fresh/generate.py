"""`export-generate` with torch and transformers alone: the ids of every family are ours."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from comparisons.__main__ import main
from streaming import models, sink_cache, sink_generate
from streaming.families import FAMILIES
from tests.fresh import stranger
from tests.fresh.environment import fresh
from tests.support import tiny


def checkpoints(folder: Path) -> list[Path]:
    """A tiny model of each family, saved, and a bundled one."""
    first = {"falcon_alibi": "falcon-alibi"}
    for name in tiny.NAMES:
        first.setdefault(tiny.CONFIGS[name][0], name)
    assert set(first) == set(FAMILIES)
    for name in first.values():
        tiny.build(name).save_pretrained(folder / name)
    return [*(folder / name for name in first.values()), models.BUNDLED / "sink"]


def ours(checkpoint: Path) -> list[int]:
    """All ids after the two turns of `stranger.py`, by our own generation."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    cache = sink_cache(model, sinks=stranger.SINKS, recent=stranger.RECENT)
    settings = {"custom_generate": sink_generate, "max_new_tokens": stranger.NEW, "do_sample": False, "cache": cache}
    ids = torch.tensor([stranger.PROMPT])
    for turn in ([], stranger.TURN):
        ids = torch.cat([ids, torch.tensor([turn], dtype=torch.long)], -1)
        ids = model.generate(ids, attention_mask=torch.ones_like(ids), eos_token_id=None, **settings)
    return ids[0].tolist()


def check(folder: Path) -> dict[str, float]:
    """Export, install what it asks for, and have a stranger generate with it."""
    repository = folder / "sinks"
    assert main(["export-generate", str(repository)]) == 0
    read = checkpoints(folder / "models")
    environment = fresh(folder / "environment", "--requirement", repository / "custom_generate" / "requirements.txt")
    said = environment.run(environment.python, "-I", stranger.__file__, repository, *read, cwd=folder)
    for path, line in zip(read, said.splitlines(), strict=True):
        assert json.loads(line) == ours(path), path.name
    return {**environment.measured, "models": len(read)}
