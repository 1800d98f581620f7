"""The most memory that reading takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from comparisons.allocator import give_freed_memory_back
from comparisons.experiments.bench.measurement import Measurement
from comparisons.metrics import process_rss_bytes
from streaming.errors import SettingsError
from streaming.policy import Policy
from streaming.stream import Loaded, Stream, open_stream

__all__ = ["dense_peak", "growth"]


def dense_peak(loaded: Loaded, ids: Tensor, tokens: int) -> Measurement:
    """The peak of reading so many tokens with a dense cache, against weights and cache; best in a fresh process.

    Raises:
        SettingsError: this system does not tell a process's peak.
    """
    device, stream = loaded.model.device, open_stream(loaded, Policy(kind="dense"))
    stream.read(ids[:300])  # the libraries' own workspaces
    stream.close()
    stream = open_stream(loaded, Policy(kind="dense"))
    before = _reset_peak(device)
    _read_to(tokens, stream, ids)
    weights = sum(x.numel() * x.element_size() for x in loaded.model.parameters())
    ours, other = weights + _peak(device) - before, weights + stream.nbytes
    return Measurement(
        name=f"peak memory of reading dense to {tokens:,} tokens, against weights and cache",
        ratio=ours / other,
        ours=ours / 2**20,
        other=other / 2**20,
        unit="MiB",
        at_most=1.15,
    )


def growth(loaded: Loaded, ids: Tensor, cache: int, tokens: int) -> Measurement:
    """The most memory of the process over a long stream, against that after its first tenth."""
    stream = open_stream(loaded, Policy(kind="sinks", sinks=4, recent=cache - 4))
    _read_to(tokens // 10, stream, ids)
    seen = [process_rss_bytes()]
    _read_to(tokens, stream, ids, then=lambda: seen.append(process_rss_bytes()))
    first, most = seen[0], max(seen)
    return Measurement(
        name=f"process memory over {tokens:,} tokens, most against after a tenth of them",
        ratio=most / first,
        ours=most / 2**20,
        other=first / 2**20,
        unit="MiB",
        at_most=1.02,
    )


def _read_to(tokens: int, stream: Stream, ids: Tensor, then: Callable[[], object] = lambda: None) -> None:
    """The same ids again and again, until the stream has read so many tokens."""
    while stream.tokens < tokens:
        stream.read(ids[: tokens - stream.tokens])
        then()


def _reset_peak(device: torch.device) -> int:
    """Forget the peak so far; bytes in use now.

    What earlier work has freed, and the process keeps, would be taken again without being seen: it is given back.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    give_freed_memory_back()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError as error:
        raise SettingsError("The peak of memory is told by Linux only: leave --memory out.") from error
    return process_rss_bytes()


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
