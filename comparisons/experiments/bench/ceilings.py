"""What the hardware can do at best: the measure for all the other figures."""

from __future__ import annotations

import torch

from comparisons.experiments.bench.timing import seconds

__all__ = ["copied_per_second", "multiplied_per_second"]


def multiplied_per_second(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of a product of two large square matrices."""
    size = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))  # (n, n)
    return 2 * size**3 / min(seconds(lambda: a @ b, device) for _ in range(4))


def copied_per_second(device: torch.device) -> float:
    """Bytes per second that a copy reads and writes, both counted."""
    source = torch.ones(2**28 if device.type == "cuda" else 2**26, device=device)
    target = torch.empty_like(source)
    return (
        2
        * source.numel()
        * source.element_size()
        / min(seconds(lambda: target.copy_(source), device) for _ in range(4))
    )
