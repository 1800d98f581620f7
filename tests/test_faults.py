"""What goes wrong on a real server's machine: each is said in words, and the rest goes on."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import threading
import time

import pytest

from comparisons.runs.lane.lane import Lane
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from streaming.policy import Policy
from tests.load.ends import by_error
from tests.support.serving import ROOT
from tests.support.speaking import loaded, streams_left, wait_until

RECORDING = ROOT / "assets" / "recordings" / "first-paint.json"


def settings(**more: object) -> RunSettings:
    lanes = (Policy.parse("dense"), Policy.parse("sinks:4+28"))
    return RunSettings(**{"lanes": lanes, "max_tokens": 10**6, "tokens_per_second": 200.0, "answers": False, **more})


def test_a_lane_whose_thread_is_killed_says_so_and_the_other_reads_on():
    with Run(loaded(), settings()) as run:
        frames = run.frames()
        next(frames)
        dense = next(thread for thread in threading.enumerate() if thread.name == f"{run.id} dense")
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(dense.ident), ctypes.py_object(SystemExit))
        failed = next(frame["lanes"] for frame in frames if frame["lanes"][0]["status"] == "failed")
        assert "(SystemExit)" in failed[0]["message"] and failed[0]["message"].endswith("the log says more.")
        wait_until(lambda: not dense.is_alive())
        read = failed[1]["tokens"]
        assert next(frame for frame in frames if frame["lanes"][1]["tokens"] > read + 5)["state"] == "running"
        frames.close()


def test_an_error_in_a_lane_frees_its_cache_at_once(monkeypatch):
    before, open_streams = threading.active_count(), streams_left()
    with Run(loaded(), settings()) as run:
        frames = run.frames()
        next(frames)
        assert streams_left() == open_streams + 2
        monkeypatch.setattr(Lane, "advance", lambda self, most: 1 / 0)
        assert [lane["status"] for lane in list(frames)[-1]["lanes"]] == ["failed", "failed"]
    assert streams_left() == open_streams
    wait_until(lambda: threading.active_count() == before, seconds=2)


def test_fifty_models_that_fail_leave_nothing_behind():
    left = by_error(50)
    assert left["seconds"] < 20
    assert left["threads"] == left["files"] == 0
    assert left["rss_mb"] < 40


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_clock_that_jumps_changes_nothing_but_dates(monkeypatch, jump):
    right = time.time
    with Run(loaded(), settings()) as run:
        frames = run.frames()
        seconds = [next(frames)["seconds"]]
        monkeypatch.setattr(time, "time", lambda: right() + jump)
        while len(seconds) < 6:
            frame = next(frames)
            seconds.append(frame["seconds"])
        assert frame["state"] == "running" and frame["lanes"][1]["tokens"]
        assert seconds == sorted(seconds) and seconds[-1] < 60
        frames.close()


FULL = """
mount -t tmpfs -o size=64k none "$1" && echo kept > "$1/run.html" || exit 77
place=$1; shift; "$@"; code=$?
cat "$place/run.html"; ls -A "$place"; exit $code
"""


def test_a_full_disk_is_said_when_exporting_and_what_was_there_stays(tmp_path):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("no small disk can be made here")
    export = [sys.executable, "-m", "comparisons", "export", str(RECORDING), "--html", str(tmp_path / "run.html")]
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", FULL, "sh", str(tmp_path), *export],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "run.html cannot be written (No space left on device): choose another place." in ran.stderr
    assert ran.stdout.split() == ["kept", "run.html"]
