"""GGUF files, as llama.cpp and its kin write them: one file with settings, tokenizer and weights, often in few bits.

The weights are unpacked into a dtype to compute with. All of the file must have a place in the model, and all of the
model must come from the file: what is left over on either side is refused, from the header alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from torch import Tensor
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.tokenization_utils_tokenizers import TokenizersBackend

from streaming import families
from streaming.errors import ModelUnsupported
from streaming.loading.gguf_header import MOST_BYTES, GgufHeader, HeaderCut, HeaderDamaged, parse
from streaming.loading.gguf_models import FACTORS, config_of, restored
from streaming.loading.gguf_tokenizers import check_tokenizer, split_as_trained
from streaming.loading.load_errors import damaged, explained

__all__ = [
    "SUFFIX",
    "Described",
    "describe",
    "describe_file",
    "read_header",
    "read_tokenizer",
    "read_weights",
    "set_factors",
    "stretch",
]

SUFFIX = ".gguf"

_FIRST_BYTES = 2 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """A file that can be read.

    Attributes:
        header: what it says of itself.
        config: of its model.
        model_class: of its model, in transformers.
        dtype: of the weights; bfloat16 where they have fewer bits.
        names: of each tensor with weights, by its name in the file, the parameter that it is.
        parameters: how many numbers its weights are.
    """

    header: GgufHeader
    config: PreTrainedConfig
    model_class: type[PreTrainedModel]
    dtype: torch.dtype
    names: Mapping[str, str]
    parameters: int


def read_header(name: str, read: Callable[[int], bytes]) -> GgufHeader:
    """The header of a file of which `read` gives the first so many bytes, or all where there are fewer.

    Raises:
        ModelDamaged: it has none.
    """
    asked = _FIRST_BYTES
    while asked <= MOST_BYTES:
        data = read(asked)
        try:
            return parse(data)
        except HeaderDamaged as error:
            raise damaged(name) from error
        except HeaderCut as error:
            if len(data) < asked:
                raise damaged(name) from error
            asked *= 4
    raise damaged(name)


def describe_file(name: str, path: Path) -> Described:
    """What a file on this machine holds; raises as `describe` does."""

    def first(count: int) -> bytes:
        with path.open("rb") as file:
            return file.read(count)

    with explained(name):
        header, size = read_header(name, first), path.stat().st_size
    return describe(name, header, size)


def describe(name: str, header: GgufHeader, file_bytes: int) -> Described:
    """What a file holds, or why it cannot be read.

    Raises:
        ModelUnsupported: its architecture, its quantisation or one of its settings is not known here.
        ModelDamaged: it is cut short, or its parts do not fit together.
    """
    config = config_of(name, header)
    families.check(config)
    _check_types(name, header, file_bytes)
    check_tokenizer(name, header)
    with explained(name), torch.device("meta"):
        kind: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
        model = kind(config)
    shapes = {key: tuple(values.shape) for key, values in model.named_parameters()}
    names = _names(name, header, config, shapes)
    config.dtype = dtype = _dtype(header)
    config.architectures = [kind.__name__]
    return Described(
        header=header,
        config=config,
        model_class=kind,
        dtype=dtype,
        names=names,
        parameters=sum(map(prod, shapes.values())),
    )


def _check_types(name: str, header: GgufHeader, file_bytes: int) -> None:
    """Refuse weights that cannot be unpacked, and a file that ends before its weights do."""
    for number in sorted({tensor.type for tensor in header.tensors.values()}):
        if not _can_unpack(number):
            known = {each.value: each.name for each in gguf.GGMLQuantizationType}
            raise ModelUnsupported(
                f"'{name}' has weights in {known.get(number, f'type {number}')}, which cannot be unpacked here: choose "
                "a file in another quantisation (Q4_K_M and Q8_0 can be read)."
            )
    for tensor in header.tensors.values():
        values, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(tensor.type)]
        if header.data + tensor.offset + prod(tensor.shape) // values * size > file_bytes:
            raise damaged(name)


def _can_unpack(number: int) -> bool:
    try:
        kind = gguf.GGMLQuantizationType(number)
        gguf.dequantize(np.zeros((1, gguf.GGML_QUANT_SIZES[kind][1]), dtype=np.uint8), kind)
    except (ValueError, KeyError, NotImplementedError):
        return False
    return True


def _names(
    name: str, header: GgufHeader, config: PreTrainedConfig, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, str]:
    """Which parameter each tensor is: one for each, and each of the right size."""
    architecture = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == header.architecture)
    table = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    ours = {table.get_name(key, try_suffixes=(".weight", ".bias")): key for key in shapes}
    for key, tensor in header.tensors.items():
        if key not in ours and key not in FACTORS:
            raise ModelUnsupported(
                f"'{name}' holds {key!r}, which models of type {config.model_type} do not have here: choose another "
                "file, or the model in safetensors."
            )
        if key in ours and prod(tensor.shape) != prod(shapes[ours[key]]):
            raise damaged(name)
    if not ours.keys() <= header.tensors.keys():
        raise damaged(name)
    return {file: key for file, key in ours.items() if file is not None}


def _dtype(header: GgufHeader) -> torch.dtype:
    """That of the weights; of few bits, and of norms beside them, nothing is lost in bfloat16 that matters."""
    plain = {gguf.GGMLQuantizationType.F32: torch.float32, gguf.GGMLQuantizationType.F16: torch.float16}
    kinds = {gguf.GGMLQuantizationType(tensor.type) for tensor in header.tensors.values() if len(tensor.shape) > 1}
    return plain[next(iter(kinds))] if len(kinds) == 1 and kinds <= plain.keys() else torch.bfloat16


def read_weights(
    path: Path, described: Described, dtype: torch.dtype, report: Callable[[int], None]
) -> dict[str, Tensor]:
    """All weights of a file in `dtype`, by the names of their parameters; `report` is told how many are unpacked."""
    weights: dict[str, Tensor] = {}
    done = 0
    for tensor in gguf.GGUFReader(path).tensors:
        if tensor.name not in described.names:
            continue
        values = torch.from_numpy(np.array(gguf.dequantize(tensor.data, tensor.tensor_type)))
        values = values.reshape(described.header.tensors[tensor.name].shape)
        values = restored(described.config, described.header.architecture, tensor.name, values)
        weights[described.names[tensor.name]] = values.to(dtype).contiguous()
        done += values.numel()
        report(done)
    return weights


def set_factors(path: Path, described: Described) -> None:
    """Put the factors of the rotary frequencies that stand among the weights into the configuration."""
    short, long = (_factors(path, described, key) for key in FACTORS[1:])
    if long is not None:
        described.config.rope_parameters |= {"short_factor": (short or long), "long_factor": long}


def stretch(path: Path, described: Described, model: PreTrainedModel) -> None:
    """Divide the rotary frequencies by the factors of the file (as Llama 3.1 does), which no setting expresses."""
    factors = _factors(path, described, FACTORS[0])
    if factors is not None:
        rotary: Any = model.base_model.rotary_emb
        rotary.inv_freq = rotary.inv_freq / torch.tensor(factors, device=rotary.inv_freq.device)
        rotary.original_inv_freq = rotary.inv_freq


def _factors(path: Path, described: Described, key: str) -> list[float] | None:
    place = described.header.tensors.get(key)
    if place is None:
        return None
    values = np.fromfile(path, np.float32, prod(place.shape), offset=described.header.data + place.offset)
    return [float(value) for value in values]


def read_tokenizer(name: str, path: Path, header: GgufHeader) -> PreTrainedTokenizerBase:
    """The tokenizer of a file."""
    with explained(name):
        tokenizer: PreTrainedTokenizerBase = TokenizersBackend.from_pretrained(
            path.parent, gguf_file=path.name, local_files_only=True
        )
        split_as_trained(tokenizer, header)
    return tokenizer
