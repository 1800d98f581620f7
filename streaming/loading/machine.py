"""What this process may use: cores and memory, as its container sees them and not as its host has them.

The smallest of what is found counts: `CPU_CORES` and `MEMORY` in the environment (Hugging Face Spaces set them), the
limits of the process's control groups (versions 1 and 2) and of those above them, its CPU affinity, the host.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Machine", "bytes_of", "cores_of", "read_machine"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]i?)?b?", re.IGNORECASE | re.ASCII)
_CORES = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(m?)", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What there is to share: cores (parts of one count) and bytes of memory."""

    cores: float
    memory_bytes: int


def read_machine(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> Machine:
    """What this process may use; `root` is where /proc and /sys are found."""
    cores = [*_known(cores_of(environ.get("CPU_CORES", ""))), *_group_cores(root), _host_cores()]
    sizes = [*_known(bytes_of(environ.get("MEMORY", ""))), *_group_memory(root), psutil.virtual_memory().total]
    return Machine(cores=min(cores), memory_bytes=int(min(sizes)))


def cores_of(text: str) -> float | None:
    """Cores in words, "2", "0.5" or "1500m" (thousandths); None for anything else."""
    found = _CORES.fullmatch(text.strip())
    cores = float(found[1]) / (1000 if found[2] else 1) if found else 0.0
    return cores or None


def bytes_of(text: str) -> int | None:
    """A size in words, "16Gi", "512 MB" or bytes; None for anything else."""
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _UNITS[(found[2] or "").lower()]) if found else 0
    return size or None


def _known(value: float | None) -> list[float]:
    return [] if value is None else [value]


def _host_cores() -> float:
    return float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _group_cores(root: Path) -> Iterator[float]:
    """A quota of time in each period, as cores."""
    for folder in _groups(root, "cpu"):
        old = (*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us"))
        for words in (_words(folder / "cpu.max"), old):
            if len(words) == 2 and all(word.isdigit() and int(word) for word in words):
                yield int(words[0]) / int(words[1])


def _group_memory(root: Path) -> Iterator[int]:
    """Limits in bytes; version 1 says "no limit" as a number near 2**63, which the host's size is always below."""
    for folder in _groups(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = _words(folder / name)
            if limit and limit[0].isdigit() and int(limit[0]):
                yield int(limit[0])


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the process's control group and of all above it, in whichever version there is."""
    for line in _lines(root / "proc/self/cgroup"):
        _, names, path = (*line.split(":", 2), "", "")[:3]
        if names and controller not in names.split(","):
            continue
        base = root / "sys/fs/cgroup" / (controller if names else "")
        group = base.joinpath(*[part for part in path.split("/") if part not in ("", "..")])
        yield from [group, *(above for above in group.parents if above.is_relative_to(base))]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _words(path: Path) -> tuple[str, ...]:
    return tuple(" ".join(_lines(path)).split())
