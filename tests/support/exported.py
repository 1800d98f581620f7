"""What our own generation says where `tests/support/stranger.py` has an exported one say it."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from streaming import sink_cache, sink_generate
from streaming.sources import BUNDLED
from tests.support import tiny
from tests.support.stranger import NEW, PROMPT, RECENT, SINKS, TURN


def checkpoints(folder: Path) -> list[Path]:
    """Tiny models of every family, saved, and a bundled one."""
    for name in tiny.NAMES:
        tiny.build(name).save_pretrained(folder / name)
    return [*(folder / name for name in tiny.NAMES), BUNDLED / "sink"]


def ours(checkpoint: Path) -> list[int]:
    """All ids after the same two turns."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    settings = {"custom_generate": sink_generate, "max_new_tokens": NEW, "do_sample": False, "eos_token_id": None}
    cache, ids = sink_cache(model, sinks=SINKS, recent=RECENT), torch.tensor([PROMPT])
    for turn in ([], TURN):
        ids = torch.cat([ids, torch.tensor([turn], dtype=torch.long)], -1)
        ids = model.generate(ids, attention_mask=torch.ones_like(ids), cache=cache, **settings)
    return ids[0].tolist()
