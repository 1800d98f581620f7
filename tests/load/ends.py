"""`python -m tests.load.ends`: fifty runs end in each of the ways in which runs end; what stays behind, how long?

The real app in a process of its own. Prints a table and ends in one line of JSON: for each way the slowest end, from
its cause until the run's threads are gone and its cache is free, and what more memory, threads and open files there are
than before. The network is lost in a network namespace, whose only interface is taken down without a word, by as many
runs at once as the app admits; root can make one. Traffic goes to this machine alone.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from comparisons.metrics import process_rss_bytes
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from comparisons.server.config import read_config
from comparisons.server.connections import SILENT_MS
from streaming.policy import Policy
from tests.support import speaking
from tests.support.clients import WORKERS_END_SECONDS, Site
from tests.support.serving import GRACE, ROOT, served

BAR_SECONDS = 2.0
"""How long an end may take, after the `GRACE` of a client that has left; a network that is lost is noticed `SILENT_MS`
after the last sign of it."""

_PACE = 25


def end_by(site: Site, way: str) -> None:
    """A run that is ended in one of the ways in which a visitor ends it."""
    session = site.join()
    if way == "never read":
        return
    frames = site.frames(session)
    run = next(frames)["run"]
    if way == "stopped":
        site.control(run, "stop")
        list(frames)
    elif way == "started again":
        site.join(session)
    frames.close()


def by_visitors(folder: Path, way: str, runs: int) -> dict[str, float]:
    """One run after another on one server."""
    with _started(folder, STREAMING_RUNS="2", STREAMING_WAITING="2") as (address, _):
        site, slowest = Site.at(address), 0.0
        for _ in range(5):  # what is made once is made now
            end_by(site, way)
            site.settled(60)
        before = _rested(site)
        for _ in range(runs):
            end_by(site, way)
            ended = time.monotonic()
            site.settled(60)
            slowest = max(slowest, time.monotonic() - ended)
        return {"seconds": slowest, **_left(before, _rested(site))}


def by_loss(folder: Path, runs: int) -> dict[str, float]:
    """As many at once as the app admits, and then the wire says nothing more. Only for a namespace of its own."""
    switch_loopback(on=True)
    admitted, slowest, out = read_config().runs, 0.0, folder / "said.txt"
    with _started(folder, out=out) as (address, _):
        site = Site.at(address)
        lose(site, out, admitted)  # what is made once is made now
        before = _rested(site)
        for first in range(0, runs, admitted):
            slowest = max(slowest, lose(site, out, min(admitted, runs - first)))
        return {"seconds": slowest, "at_once": admitted, **_left(before, _rested(site))}


def lose(site: Site, out: Path, runs: int) -> float:
    """Take the network from so many runs: seconds from the silence that tells of it until all have ended."""
    _read_all(site, runs)
    ended = _ended(out)
    switch_loopback(on=False)
    began = time.monotonic()
    _wait_for(out, ended + runs)
    seconds = time.monotonic() - began
    switch_loopback(on=True)
    return seconds - SILENT_MS / 1000


def by_signal(folder: Path, runs: int) -> dict[str, float]:
    """All runs at once, and SIGTERM: until they have ended, and until the process has."""
    out = folder / "said-at-the-end.txt"
    with _started(folder, out=out, **_many(runs)) as (address, process):
        readers = _read_all(Site.at(address), runs)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _wait_for(out, runs)
        seconds = time.monotonic() - began
        code = process.wait(timeout=60)
        exit_seconds = time.monotonic() - began
        for reader in readers:
            reader.join(90)
        return {"seconds": seconds, "exit_seconds": exit_seconds, "code": code}


def by_error(runs: int) -> dict[str, float]:
    """One run after another in this process, whose model fails in the middle of its work."""
    loaded, slowest = speaking.loaded(), 0.0
    settings = RunSettings(lanes=(Policy.parse("dense"), Policy.parse("sinks:4+28")), max_tokens=10**6)
    for number in range(runs + 5):
        if number == 5:
            before = _own()
        with Run(loaded, settings) as run:
            frames = run.frames()
            next(frames)
            threads = [one for one in threading.enumerate() if one.name.startswith(run.id)]
            hook = loaded.model.register_forward_pre_hook(_fail)
            ended = time.monotonic()
            states = [lane["status"] for lane in list(frames)[-1]["lanes"]]
            hook.remove()
            assert states == ["failed", "failed"]
            for thread in threads:
                thread.join()
            slowest = max(slowest, time.monotonic() - ended)
    return {"seconds": slowest, **_left(before, _own())}


def _fail(*_: object) -> None:
    raise RuntimeError("the model fails")


def _started(folder: Path, **how: Any) -> AbstractContextManager[tuple[str, subprocess.Popen[str]]]:
    """The app as people start it: what it has open and holds is its own alone."""
    return served(str(folder), python=sys.executable, **how)


def _many(runs: int) -> dict[str, str]:
    return {"STREAMING_RUNS": str(runs), "STREAMING_KV_MB": str(100 * runs)}


def _read_all(site: Site, runs: int) -> list[threading.Thread]:
    """So many visitors, each of whom has got a frame."""
    begun = threading.Semaphore(0)

    def read() -> None:
        with suppress(httpx.HTTPError):
            frames = site.frames(site.join(pace=_PACE, budget_mb=8))
            next(frame for frame in frames if frame["state"] == "running")
            begun.release()
            for _ in frames:
                pass

    readers = [threading.Thread(target=read, daemon=True) for _ in range(runs)]
    for reader in readers:
        reader.start()
    for _ in readers:
        assert begun.acquire(timeout=120), "a run did not begin"
    return readers


def _wait_for(out: Path, runs: int) -> None:
    """Until so many runs have ended since the start; fails with what the app said where they do not."""
    try:
        speaking.wait_until(lambda: _ended(out) == runs, seconds=60)
    except AssertionError as late:
        said = out.read_text(errors="replace")
        raise AssertionError(f"{_ended(out)} runs have ended, not {runs}:\n{said}") from late


def _ended(out: Path) -> int:
    """Runs whose end is in the log."""
    return out.read_text(errors="replace").count("run ends")


def _rested(site: Site) -> dict:
    """The health when nothing goes on and idle threads are gone."""
    site.settled(60)
    time.sleep(WORKERS_END_SECONDS)
    return site.health()


def _own() -> dict[str, float]:
    process = psutil.Process()
    return {
        "rss_bytes": process_rss_bytes(),
        "threads": threading.active_count(),
        "files": process.num_fds(),
        "kv_bytes": 0,
    }


def _left(before: dict, after: dict) -> dict[str, float]:
    """What there is more than before."""
    rss_mb = round((after["rss_bytes"] - before["rss_bytes"]) / 1e6, 1)
    more = {name: after[name] - before[name] for name in ("threads", "files")}
    return {"rss_mb": rss_mb, **more, "kv_bytes": after["kv_bytes"]}


def switch_loopback(*, on: bool) -> None:
    """Take this namespace's loopback interface up or down."""
    get, set_, up = 0x8913, 0x8914, 1
    with socket.socket() as any_socket:
        name, flags = struct.unpack("16sh", fcntl.ioctl(any_socket, get, struct.pack("16sh", b"lo", 0)))
        fcntl.ioctl(any_socket, set_, struct.pack("16sh", name, flags | up if on else flags & ~up))


def in_a_namespace(runs: int) -> dict[str, float]:
    """`by_loss` in a process whose network is its own."""
    again = ["unshare", "--net", sys.executable, "-m", "tests.load.ends", "--inside", "--runs", str(runs)]
    done = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table and a line of JSON; 1 where the bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.ends", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="of each way (default: %(default)s)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    logging.disable(logging.ERROR)  # a hundred lanes fail on purpose: their tracebacks would hide the table
    with tempfile.TemporaryDirectory() as place:
        folder = speaking.save(Path(place) / "tiny")
        if options.inside:
            print(json.dumps(by_loss(folder, options.runs)))
            return 0
        ways: dict[str, Callable[[], dict[str, float]]] = {
            "tab closed": lambda: by_visitors(folder, "closed", options.runs),
            "stopped": lambda: by_visitors(folder, "stopped", options.runs),
            "started again": lambda: by_visitors(folder, "started again", options.runs),
            "error in a lane": lambda: by_error(options.runs),
            "SIGTERM": lambda: by_signal(folder, options.runs),
        }
        if os.getuid() == 0:
            ways["network lost"] = lambda: in_a_namespace(options.runs)
        print("way               seconds   RSS MB  threads    files  KV bytes")
        found = {}
        for name, measure in ways.items():
            found[name] = row = measure()
            cells = [row.get(key, "-") for key in ("rss_mb", "threads", "files", "kv_bytes")]
            print(f"{name:16} {row['seconds']:8.2f} " + " ".join(f"{cell:>8}" for cell in cells), flush=True)
    met = {name: row["seconds"] <= BAR_SECONDS + int(GRACE) for name, row in found.items()}
    print(json.dumps({"settings": vars(options), "found": found, "met": met}))
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
