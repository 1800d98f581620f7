"""What a container may use is read from its own limits."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
import torch

from streaming.loading.machine import bytes_of, cores_of, read_machine
from streaming.loading.placement import free_bytes


def files(root: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_limits_it_is_the_host(tmp_path: Path) -> None:
    found = read_machine({}, tmp_path)
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.memory_bytes == psutil.virtual_memory().total


def test_the_environment_of_a_space_counts(tmp_path: Path) -> None:
    found = read_machine({"CPU_CORES": "0.5", "MEMORY": "64Mi"}, tmp_path)
    assert (found.cores, found.memory_bytes) == (0.5, 64 * 2**20)


def test_the_tightest_of_nested_groups_counts(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        {
            "proc/self/cgroup": "0::/space/run\n",
            "sys/fs/cgroup/space/run/cpu.max": "max 100000\n",
            "sys/fs/cgroup/space/cpu.max": "25000 100000\n",
            "sys/fs/cgroup/space/run/memory.max": "50000000\n",
            "sys/fs/cgroup/space/memory.max": "max\n",
        },
    )
    found = read_machine({"MEMORY": "1Gi"}, root)
    assert (found.cores, found.memory_bytes) == (0.25, 50_000_000)


@pytest.mark.parametrize("group", ["", "space/", "space/run/"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_model_has_to_fit_into_the_limit_that_the_server_sees(tmp_path: Path, group: str, version: int) -> None:
    limit = psutil.Process().memory_info().rss + 10**8
    line, file = ("0::", "memory.max") if version == 2 else ("3:memory:", "memory.limit_in_bytes")
    place = f"sys/fs/cgroup/{'' if version == 2 else 'memory/'}{group}{file}"
    root = files(tmp_path, {"proc/self/cgroup": f"{line}/space/run\n", place: f"{limit}\n"})
    assert read_machine({}, root).memory_bytes == limit
    assert abs(free_bytes(torch.device("cpu"), root) - 10**8) < 5 * 10**7
    assert free_bytes(torch.device("cpu"), tmp_path / "nowhere") > 10**9


def test_groups_of_version_1(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n",
            "sys/fs/cgroup/cpu/docker/a/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/docker/a/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": "70000000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    found = read_machine({}, root)
    assert (found.cores, found.memory_bytes) == (0.5, 70_000_000)


@pytest.mark.parametrize("quota", ["-1", "0", "", "many"])
def test_a_quota_that_is_none_is_no_limit(tmp_path: Path, quota: str) -> None:
    root = files(
        tmp_path,
        {
            "proc/self/cgroup": "3:cpu:/a\nrubbish\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": quota,
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
        },
    )
    assert read_machine({"MEMORY": "plenty", "CPU_CORES": "-3"}, root) == read_machine({}, tmp_path / "nowhere")


def test_a_path_above_the_groups_leads_nowhere_else(tmp_path: Path) -> None:
    root = files(tmp_path, {"proc/self/cgroup": "0::/../../etc\n", "etc/memory.max": "1\n"})
    assert read_machine({}, root).memory_bytes > 1


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16Gi", 16 * 2**30),
        ("512 MB", 512_000_000),
        ("1.5G", 1_500_000_000),
        ("1024", 1024),
        ("", None),
        ("9" * 99, None),
    ],
)
def test_sizes_in_words(text: str, size: int | None) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(("text", "cores"), [("2", 2.0), ("1500m", 1.5), ("0.25", 0.25), ("0", None), ("two", None)])
def test_cores_in_words(text: str, cores: float | None) -> None:
    assert cores_of(text) == cores
