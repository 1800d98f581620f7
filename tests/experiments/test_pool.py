"""Nothing that was finished is lost when a process dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from comparisons.experiments.pool import in_processes
from streaming.errors import StreamError
from tests.support.speaking import wait_until
from tests.support.workers import square, square_but_die_of_thirteen

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("count", "jobs"), [(0, 2), (1, 3), (30, 3)])
def test_everything_is_done_once(count: int, jobs: int) -> None:
    assert sorted(in_processes(range(count), square, jobs=jobs)) == [n * n for n in range(count)]


def test_work_that_kills_its_process_ends_it_all_in_words_after_what_was_finished() -> None:
    results: list[int] = []
    with pytest.raises(StreamError, match=r"A process was killed.*--resume"):
        results.extend(in_processes(range(25), square_but_die_of_thirteen, jobs=1))
    assert sorted(results) == [n * n for n in range(13)]


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    code = (
        "from comparisons.experiments.pool import in_processes; from tests.support.workers import name_and_wait\\n"
        f"if __name__ == '__main__': list(in_processes([{str(path)!r}], name_and_wait, jobs=1))"
    )
    script = tmp_path / "parent.py"
    script.write_text(code.replace("\\n", "\n"))
    parent = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    wait_until(lambda: path.exists() and path.read_text() != "", seconds=120)
    worker = psutil.Process(int(path.read_text()))
    parent.kill()
    parent.wait()
    assert worker in psutil.wait_procs([worker], timeout=60)[0]
