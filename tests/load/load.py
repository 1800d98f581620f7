"""`python -m tests.load.load`: forty clients on one app for five minutes, some of whom leave without a word.

The real app in a process of its own, every client a thread that starts a run, reads it for some seconds, leaves and
comes again; one in five leaves abruptly, or never reads at all. Meanwhile the page is loaded again and again. Prints a
table and ends in one line of JSON. Traffic goes to this machine alone.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import numpy as np

from tests.support.clients import PLAIN, Site
from tests.support.serving import served

BARS = {"first_response_p95_s": 1.0, "errors": 0, "failed_page_loads": 0}
"""What we want, at most."""


@dataclass
class Tally:
    """What the clients met; from any thread."""

    first_seconds: list[float] = field(default_factory=list)
    page_seconds: list[float] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


def client(site: Site, number: int, abandons: bool, end: float, tally: Tally) -> None:
    """Come, read and leave until the time is over."""
    chance = random.Random(number)
    while time.monotonic() < end:
        try:
            visit(site, abandons and chance.random() < 0.5, min(end, time.monotonic() + chance.uniform(5, 40)), tally)
        except (httpx.HTTPError, OSError) as error:
            tally.errors.append(type(error).__name__)
        except AssertionError as refused:  # an honest message is an answer, too
            honest = "come back" in str(refused) or "share is used up" in str(refused)
            tally.met["told to come back" if honest else "error"] += 1
            if not honest:
                tally.errors.append(str(refused)[:80])
        time.sleep(chance.uniform(0.2, 2))


def visit(site: Site, leaves: bool, until: float, tally: Tally) -> None:
    """One start; whoever leaves does it after the first answer, or before."""
    began = time.monotonic()
    session = site.join(pace=100)
    if leaves and began % 1 < 0.5:
        tally.met["joined and never read"] += 1
        return
    seen: set[str] = set()
    frames = site.frames(session)
    for frame in _timed(frames, began, tally):
        seen.add("waited" if frame["state"] == "queued" else "ran")
        if leaves or time.monotonic() > until:
            break
    frames.close()
    tally.met.update(seen or {"got nothing"})
    if not seen:
        tally.errors.append("neither frames nor a place in the queue")


def _timed(frames: Iterator[dict], began: float, tally: Tally) -> Iterator[dict]:
    """The frames; how long the first took, or the message that there will be none, is tallied."""
    try:
        first = next(frames)
    except AssertionError:  # refused in words
        tally.first_seconds.append(time.monotonic() - began)
        raise
    tally.first_seconds.append(time.monotonic() - began)
    yield first
    yield from frames


def load_pages(site: Site, end: float, tally: Tally) -> None:
    """A page and its settings every second, as somebody who opens the link does."""
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            answer = httpx.get(site.address, **PLAIN)
            tally.met["pages" if answer.status_code == 200 else "failed pages"] += 1
        except httpx.HTTPError:
            tally.met["failed pages"] += 1
        tally.page_seconds.append(time.monotonic() - began)
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))


def p95(values: list[float]) -> float:
    """The value that 95 % are below, seconds."""
    return round(float(np.percentile(values, 95)), 3) if values else float("nan")


def run(site: Site, clients: int, seconds: float, abandoning: float, tally: Tally) -> None:
    """All of them until the time is over, with a line every ten seconds."""
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=client, args=(site, number, number < abandoning * clients, end, tally), daemon=True)
        for number in range(clients)
    ]
    threads.append(threading.Thread(target=load_pages, args=(site, end, tally), daemon=True))
    for thread in threads:
        thread.start()
    print("seconds  runs  waiting  first p95  page p95   KV MB   RSS MB  threads  files  errors")
    while time.monotonic() < end:
        time.sleep(min(10.0, max(0.1, end - time.monotonic())))
        print(row(site.health(), tally, seconds - (end - time.monotonic())), flush=True)
    for thread in threads:
        thread.join(60)


def row(health: dict, tally: Tally, seconds: float) -> str:
    """The state of the app and of its clients."""
    return (
        f"{seconds:7.0f} {health['runs']:5} {health['waiting']:8} {p95(tally.first_seconds):10.2f} "
        f"{p95(tally.page_seconds):9.2f} {health['kv_bytes'] / 1e6:7.1f} {health['rss_bytes'] / 1e6:8.0f} "
        f"{health['threads']:8} {health['files']:6} {len(tally.errors):7}"
    )


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a table and a line of JSON; 1 where a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.load", description=__doc__)
    parser.add_argument("--clients", type=int, default=40, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=300, help="(default: %(default)s)")
    parser.add_argument("--abandoning", type=float, default=0.2, help="share of clients that leave so (default: 0.2)")
    parser.add_argument("--model", default="sink", help="what reads (default: %(default)s)")
    options = parser.parse_args(argv)
    tally = Tally()
    with served(options.model, python=sys.executable, STREAMING_TURN="30") as (address, _):
        site = Site.at(address)
        before = site.health()
        run(site, options.clients, options.seconds, options.abandoning, tally)
        after = site.settled(seconds=60)
    found = {
        "first_response_p95_s": p95(tally.first_seconds),
        "page_load_p95_s": p95(tally.page_seconds),
        "errors": len(tally.errors),
        "failed_page_loads": tally.met["failed pages"],
    }
    met = {name: found[name] <= bar for name, bar in BARS.items()}
    summary = {"settings": vars(options), **found, "met": met, "counts": dict(tally.met)}
    print(json.dumps({**summary, "kinds_of_errors": Counter(tally.errors), "before": before, "after": after}))
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
