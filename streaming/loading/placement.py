"""Where a model goes: its dtype, and whether its weights fit into the memory that is free."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import psutil
import torch

from streaming.errors import ModelTooLarge
from streaming.loading.machine import read_machine

__all__ = ["auto_dtype", "fast_bfloat16", "free_bytes", "free_bytes_everywhere", "must_spread"]

SMALL_BYTES = 2**30
"""On a CPU that multiplies no bfloat16 by itself, a model below this size in float32 stays in float32."""

SMALL_FAST_BYTES = 2**26
"""On one that does, this is the size: below it a step takes longer in bfloat16; above it reads are 1.6 to 2 times as
fast and steps are no slower, as `python -m comparisons dtypes` measured (assets/results/dtypes.json)."""


def auto_dtype(device: torch.device, stored: torch.dtype, stored_bytes: int, *, fast_bfloat16: bool) -> torch.dtype:
    """The rule of `load`'s dtype="auto" for `stored_bytes` of weights in dtype `stored`."""
    if device.type == "cuda":
        return torch.bfloat16
    if stored_bytes * 4 // stored.itemsize < (SMALL_FAST_BYTES if fast_bfloat16 else SMALL_BYTES):
        return torch.float32
    if fast_bfloat16:
        return torch.bfloat16
    return torch.float32 if stored == torch.float16 else stored


def fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AVX512-BF16, AMX, Arm's BF16), as Linux tells it."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text("utf-8").split())
    except OSError:
        return False
    return not flags.isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})


def must_spread(name: str, needed: int, free: tuple[int, int], device: torch.device, dtype: torch.dtype) -> bool:
    """False if `needed` bytes fit on the device, True if only on all devices together; else ModelTooLarge.

    `free` is the bytes that are free on the device, and on all devices together.
    """
    on_device, everywhere = free
    if needed <= on_device:
        return False
    problem = (
        f"'{name}' needs {_gigabytes(needed)} for its weights in {str(dtype).removeprefix('torch.')}, "
        f"and {_gigabytes(on_device)} are free on {device}"
    )
    if device.type == "cpu" or device.index is not None or needed > everywhere:
        raise ModelTooLarge(f"{problem}: choose a smaller model, a dtype of fewer bytes, or free memory.")
    if importlib.util.find_spec("accelerate") is None:
        raise ModelTooLarge(f"{problem}: to spread it over all devices, run `pip install accelerate`.")
    return True


def free_bytes(device: torch.device, root: Path = Path("/")) -> int:
    """Memory that is free for weights: on the CUDA device, or here, within the container's limit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    limit = read_machine(root=root).memory_bytes
    # The container's own count includes files that the system has cached: count this process instead.
    return min(free, limit - psutil.Process().memory_info().rss)


def free_bytes_everywhere() -> int:
    """Memory that is free for weights on all CUDA devices and here together."""
    cuda = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return sum(map(free_bytes, [torch.device("cpu"), *cuda]))


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
