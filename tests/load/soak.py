"""`python -m tests.load.soak`: one run of an hour, then two hundred short ones in a row; does anything grow?

The real app in a process of its own. Prints a table and ends in one line of JSON: the slope of resident memory after
the warm-up, and threads and open files at the start and at the end. Traffic goes to this machine alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np

from tests.support.clients import WORKERS_END_SECONDS, Site
from tests.support.serving import served

WARM_UP = 0.2
"""The first part of a stretch, which the slope leaves out."""

BARS = {"rss_mb_per_hour": 30.0, "rss_kb_per_run": 100.0, "threads": 0, "files": 0}
"""What we want, at most."""


@dataclass(frozen=True)
class Point:
    """The app at one moment."""

    part: str
    seconds: float
    runs: int
    rss_mb: float
    threads: int
    files: int
    kv_mb: float

    @classmethod
    def of(cls, site: Site, part: str, began: float, runs: int) -> Point:
        """Taken now."""
        health = site.health()
        point = cls(
            part,
            round(time.monotonic() - began, 1),
            runs,
            round(health["rss_bytes"] / 1e6, 1),
            health["threads"],
            health["files"],
            round(health["kv_bytes"] / 1e6, 1),
        )
        print(
            f"{part:10} {point.seconds:9.1f} {point.runs:6} {point.rss_mb:8.1f} {point.threads:8} {point.files:6} "
            f"{point.kv_mb:7.1f}",
            flush=True,
        )
        return point


def long_run(site: Site, seconds: float, pace: int) -> list[Point]:
    """One visitor after another's turn: runs end after half an hour at most, and are started again."""
    began = time.monotonic()
    points, runs = [Point.of(site, "long", began, 0)], 0
    while time.monotonic() - began < seconds:
        runs += 1
        frames = site.frames(site.join("soak", pace=pace, budget_mb=32))
        for _ in frames:
            now = time.monotonic() - began
            if now - points[-1].seconds >= max(1.0, min(60.0, seconds / 20)):
                points.append(Point.of(site, "long", began, runs))
            if now >= seconds:
                break
        frames.close()
    site.settled()
    return points


def short_runs(site: Site, count: int, seconds: float) -> list[Point]:
    """One after the other."""
    began, points = time.monotonic(), []
    for number in range(count):
        frames = site.frames(site.join(pace=0, budget_mb=8, seed=number))
        start = time.monotonic()
        for _ in frames:
            if time.monotonic() - start >= seconds:
                break
        frames.close()
        site.settled()
        if number % max(1, count // 20) == 0:
            points.append(Point.of(site, "short", began, number))
    return points


def slope(x: list[float], y: list[float]) -> float:
    """Of the points after the warm-up."""
    start = int(WARM_UP * len(x))
    return float(np.polyfit(x[start:], y[start:], 1)[0]) if len(x) - start > 2 else float("nan")


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a table and a line of JSON; 1 where a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="of the long run (default: %(default)s)")
    parser.add_argument("--pace", type=int, default=100, help="tokens per second of the long run, 0 for no limit")
    parser.add_argument("--runs", type=int, default=200, help="short runs (default: %(default)s)")
    parser.add_argument("--run-seconds", type=float, default=3, help="of a short run (default: %(default)s)")
    parser.add_argument("--model", default="sink", help="what reads (default: %(default)s)")
    options = parser.parse_args(argv)
    with served(options.model, python=sys.executable) as (address, _):
        site = Site.at(address)
        short_runs(site, 3, 1.0)  # what is made once is made now
        time.sleep(WORKERS_END_SECONDS)
        print("part         seconds   runs   RSS MB  threads  files   KV MB")
        start = Point.of(site, "start", time.monotonic(), 0)
        long = long_run(site, 60 * options.minutes, options.pace)
        short = short_runs(site, options.runs, options.run_seconds)
        time.sleep(WORKERS_END_SECONDS)
        short_runs(site, 1, 0.1)  # Starlette ends idle threads at the next call
        end = Point.of(site, "end", time.monotonic(), options.runs)
    found = {
        "rss_mb_per_hour": round(3600 * slope([p.seconds for p in long], [p.rss_mb for p in long]), 1),
        "rss_kb_per_run": round(1000 * slope([float(p.runs) for p in short], [p.rss_mb for p in short]), 1),
        "threads": end.threads - start.threads,
        "files": end.files - start.files,
    }
    found = {name: figure for name, figure in found.items() if not np.isnan(figure)}  # a part may be left out
    met = {name: figure <= BARS[name] for name, figure in found.items()}
    print(json.dumps({"settings": vars(options), **found, "met": met, "start": asdict(start), "end": asdict(end)}))
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
