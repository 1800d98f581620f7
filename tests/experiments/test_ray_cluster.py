"""A report and a sweep on a real Ray cluster of two nodes on this machine, one of which is killed in the end."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from comparisons.__main__ import main
from comparisons.experiments.cells import outcome
from comparisons.experiments.sweep_file import SweepFile
from tests.support.speaking import wait_until

ray = pytest.importorskip("ray", reason="a sweep on Ray needs requirements-ray.txt")


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", folder)  # short: sockets are made in it
        cluster = Cluster()
        try:
            for _ in range(2):
                cluster.add_node(wait=False, **small)
            cluster.wait_for_nodes(timeout=240)  # a busy machine may need more than the usual half minute
            yield cluster
        finally:
            cluster.shutdown()


def _rows(folder: Path, name: str) -> list[dict]:
    return json.loads((folder / f"{name}.json").read_text("utf-8"))["rows"]


def test_the_papers_experiments_are_the_same_there_as_here(cluster, tmp_path) -> None:
    argv = ["paper", "sink", "--tokens", "700", "--sampled", "3", "--threads", "1", "--only", "table-1", "table-2"]
    assert main([*argv, "--out", str(tmp_path / "there"), "--ray", cluster.address]) == 0
    assert main([*argv, "--out", str(tmp_path / "here")]) == 0
    for name in ("table-1", "table-2"):
        for ours, theirs in zip(_rows(tmp_path / "here", name), _rows(tmp_path / "there", name), strict=True):
            assert theirs.pop("perplexity") == pytest.approx(ours.pop("perplexity"))
            assert theirs.pop("reference", None) == pytest.approx(ours.pop("reference", None))
            assert theirs == ours
    report = (tmp_path / "there" / "report.html").read_text("utf-8")
    assert report.index("Table 1: ") < report.index("Table 2: ")


def test_more_cores_than_any_machine_has_are_refused_and_not_waited_for(cluster, tmp_path, capsys) -> None:
    argv = ["paper", "sink", "--tokens", "700", "--threads", "2", "--out", str(tmp_path), "--ray", cluster.address]
    assert main(argv) == 2
    assert "No machine of the Ray cluster has 2 cores: give --threads 1" in capsys.readouterr().err


def test_a_node_that_is_killed_in_the_middle_loses_no_cell(cluster, tmp_path: Path) -> None:
    out = tmp_path / "sweep.jsonl"
    argv = ["--models", "sink", "--sinks", "0,4", "--cache", "64,128", "--tokens", "2000", "--out", str(out)]
    cells_left_at_the_kill = []

    def kill_a_busy_node() -> None:
        wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") > 0, seconds=300)
        wait_until(lambda: ray.available_resources().get("CPU", 0) == 0, seconds=60)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        cells_left_at_the_kill.append(5 - out.read_bytes().count(b"\n"))

    killer = threading.Thread(target=kill_a_busy_node)
    killer.start()
    assert main(["sweep", *argv, "--ray", cluster.address]) == 0
    killer.join()
    assert cells_left_at_the_kill[0] > 0
    with SweepFile(out, resume=True) as file:
        rows = file.rows
    assert len(rows) == len({row.cell for row in rows}) == 5
    for row in rows:
        assert row.perplexity == pytest.approx(outcome(row.cell).perplexity, abs=1e-6)
    assert main(["sweep", *argv, "--ray", "127.0.0.1:1", "--resume"]) == 0  # nothing is left to ask a cluster for


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://[::1]:1", "127.0.0.1:99999999"])
def test_an_address_without_a_cluster_is_told_of_at_once(address: str, capsys) -> None:
    argv = ["sweep", "--models", "sink", "--sinks", "4", "--cache", "64", "--tokens", "600", "--ray", address]
    assert main(argv) == 2
    assert f"No Ray cluster answers at {address!r}" in capsys.readouterr().err
