"""Whoever has torch and transformers alone, and an exported folder: `python -I stranger.py FOLDER CHECKPOINT …`.

Generates with each checkpoint in two turns, past what its cache keeps, and prints all ids of each as a line of JSON.
Nothing of this project may be imported here, nor be there to be imported.
"""

import importlib.util
import json
import sys

import torch
from transformers import AutoModelForCausalLM
from transformers.generation.streamers import BaseStreamer

SINKS, RECENT, NEW = 4, 12, 12
PROMPT, TURN = list(range(7, 27)), [5, 9, 2]


class Heard(BaseStreamer):
    """A streamer that keeps the ids that it is given, and -1 for the end."""

    def __init__(self):
        self.ids = []

    def put(self, value):
        self.ids += value.flatten().tolist()

    def end(self):
        self.ids.append(-1)


def talked(folder, checkpoint):
    """All ids after two turns."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    ours = {"custom_generate": folder, "trust_remote_code": True, "max_new_tokens": NEW, "do_sample": False,
            "eos_token_id": None, "return_dict_in_generate": True}  # fmt: skip
    ids, more = torch.tensor([PROMPT]), {"sinks": SINKS, "recent": RECENT}
    for turn in ([], TURN):
        ids, heard = torch.cat([ids, torch.tensor([turn], dtype=torch.long)], -1), Heard()
        out = model.generate(ids, attention_mask=torch.ones_like(ids), streamer=heard, **more, **ours)
        assert heard.ids == [*out.sequences[0].tolist(), -1], heard.ids
        ids, more = out.sequences, {"cache": out.cache}
    return ids[0].tolist()


if __name__ == "__main__":
    assert not any(importlib.util.find_spec(name) for name in ("streaming", "comparisons")), sys.path
    for each in sys.argv[2:]:
        print(json.dumps(talked(sys.argv[1], each)), flush=True)
