"""Nothing is lost when processes die."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from comparisons.experiments.pool import work_off
from tests.support.speaking import wait_until
from tests.support.workers import name_and_wait, square, square_but_die_of_thirteen

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("count", "jobs"), [(0, 2), (1, 3), (30, 3)])
def test_everything_is_done_once(count: int, jobs: int) -> None:
    assert sorted(work_off(range(count), square, jobs=jobs, lost=abs)) == [n * n for n in range(count)]


def test_work_that_kills_its_process_is_found_out_and_no_other_is_blamed() -> None:
    results = list(work_off(range(25), square_but_die_of_thirteen, jobs=3, lost=lambda number: -number))
    assert sorted(results) == sorted([-13, *(n * n for n in range(25) if n != 13)])


def test_work_whose_process_is_killed_from_outside_is_done_again(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in "abc"]

    def kill_all_three() -> None:
        for path in map(Path, paths):
            wait_until(lambda path=path: path.exists() and path.read_text() != "", seconds=120)
            for worker in psutil.Process().children():
                if worker.pid == int(path.read_text()):
                    worker.kill()

    killer = threading.Thread(target=kill_all_three)
    killer.start()
    assert list(work_off(paths, name_and_wait, jobs=3, lost=lambda path: 2)) == [0, 0, 0]
    killer.join()


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    code = (
        "from comparisons.experiments.pool import work_off; from tests.support.workers import name_and_wait\\n"
        f"if __name__ == '__main__': list(work_off([{str(path)!r}], name_and_wait, jobs=1, lost=len))"
    )
    script = tmp_path / "parent.py"
    script.write_text(code.replace("\\n", "\n"))
    parent = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    wait_until(lambda: path.exists() and path.read_text() != "", seconds=120)
    worker = psutil.Process(int(path.read_text()))
    parent.kill()
    parent.wait()
    assert worker in psutil.wait_procs([worker], timeout=60)[0]
