"""The files of a checkpoint: which of them a load reads, and what they say before any weight is read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig

from streaming.errors import ModelUnsafe, ModelUnsupported
from streaming.loading.load_errors import damaged, explained, shown

__all__ = ["CONFIG", "INDEX", "SINGLE", "TEXT_FILES", "read_config", "sizes_of", "wanted", "weight_bytes"]

CONFIG = "config.json"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
TEXT_FILES = (
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")


def wanted(name: str, files: Iterable[str]) -> list[str]:
    """The files of a checkpoint that a load reads, of all that there are."""
    files = set(files)
    weights = [SINGLE] if SINGLE in files else sorted(filter(SHARD.fullmatch, files))
    if SINGLE not in files and INDEX in files:
        weights.append(INDEX)
    if CONFIG not in files:
        raise ModelUnsupported(f"'{name}' has no {CONFIG}: choose a model in the format of transformers.")
    if not weights and any(file.endswith(PICKLES) for file in files):
        raise ModelUnsafe(
            f"'{name}' has its weights in pickle files, which can run code: choose a model with safetensors."
        )
    if not weights:
        raise ModelUnsupported(f"'{name}' has no weights in {SINGLE}: choose a model with safetensors.")
    return weights + [file for file in TEXT_FILES if file in files]


def sizes_of(name: str, folder: Path) -> dict[str, int]:
    """Bytes of each file that a load reads of a folder, whose shards are those that its index names."""
    with explained(name):
        sizes = {file: (folder / file).stat().st_size for file in wanted(name, os.listdir(folder))}
        if INDEX in sizes:
            shards = set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values())
            if not shards <= sizes.keys():
                raise damaged(name)
    return sizes


def weight_bytes(sizes: Mapping[str, int]) -> int:
    """Of the files that a load reads, those that hold weights."""
    return sum(size for file, size in sizes.items() if file.endswith(".safetensors"))


def read_config(name: str, folder: Path) -> PreTrainedConfig:
    """A config object of this load's own, of a type that the library knows without the repository's code."""
    if not (folder / CONFIG).is_file():
        raise damaged(name)
    with explained(name):
        raw = dict(json.loads((folder / CONFIG).read_text("utf-8")))
        kind = raw.get("model_type")
        if kind in CONFIG_MAPPING:
            config: PreTrainedConfig = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            return config
    if "auto_map" in raw:
        raise ModelUnsafe(f"'{name}' needs code of its own, never run here: choose a model that transformers knows.")
    raise ModelUnsupported(
        f"'{name}' is of the type {shown(kind)}, which transformers does not know: choose another model, "
        "or a newer transformers."
    )
