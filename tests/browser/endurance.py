"""`python -m tests.browser.endurance`: what the page costs a visitor's browser in a long run, in a table and as JSON.

The real app in a process of its own, a real browser, one visitor. On a machine with other work the wall times are those
of the machine as much as of the page; processor time is given where Chromium counts it (its main thread's tasks, a
traced stretch of every minute).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from statistics import median

import numpy as np
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from tests.support.chromium import FLAGS
from tests.support.serving import served

BARS = {"content_ms": 1500, "bytes_per_second": 60_000, "longest_task_ms": 100, "heap_mb_per_hour": 10}
"""What we want, at most; the processor time of a task, since its wall time is the machine's. A heap's slope needs a run
of many minutes: collections come at their own time."""

TRACED_SECONDS = 10.0
TRACED = {"includedCategories": ["disabled-by-default-devtools.timeline", "__metadata"], "excludedCategories": ["*"]}

WATCH = """
window.watched = { content: null, largest: null, updates: 0, blocks: [] };
new PerformanceObserver(list => watched.blocks.push(...list.getEntries().map(entry => entry.duration)))
    .observe({ type: 'longtask', buffered: true });
new PerformanceObserver(list => { watched.largest = list.getEntries().at(-1).startTime; })
    .observe({ type: 'largest-contentful-paint', buffered: true });
new MutationObserver((_, observer) => {
    if (!document.querySelector('.sl-text span')) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { watched.content = performance.now(); }));
    new MutationObserver(() => { watched.updates += 1; })
        .observe(document.querySelector('.sl-lanes'), { subtree: true, childList: true, characterData: true });
}).observe(document, { subtree: true, childList: true });
"""


@dataclass(kw_only=True)
class Minute:
    """One row: what was measured at its end, and over it."""

    minutes: float
    tokens: int
    updates: int
    bytes_per_second: float
    heap_mb: float
    nodes: int
    listeners: int
    cpu_ms_per_update: float
    longest_block_ms: float
    longest_task_ms: float
    """Processor time of the main thread's longest task in the traced stretch."""


@dataclass
class Visitor:
    """One page and its wires into the browser."""

    page: Page
    wire: CDPSession
    received: int = 0
    trace: list[dict] = field(default_factory=list)

    def listen(self) -> None:
        """Count what comes over the network, and processor time rather than wall time."""
        self.wire.on("Network.dataReceived", self._receive)
        self.wire.on("Tracing.dataCollected", lambda event: self.trace.extend(event["value"]))
        self.wire.send("Network.enable")
        self.wire.send("Performance.enable", {"timeDomain": "threadTicks"})

    def _receive(self, event: dict) -> None:
        self.received += event["dataLength"]

    def numbers(self) -> dict[str, float]:
        """Chromium's own, after a garbage collection."""
        self.wire.send("HeapProfiler.collectGarbage")
        return {one["name"]: one["value"] for one in self.wire.send("Performance.getMetrics")["metrics"]}

    def longest_task_ms(self) -> float:
        """The main thread's longest task in a traced stretch, in processor time."""
        self.trace.clear()
        with self._traced():
            self.page.wait_for_timeout(1000 * TRACED_SECONDS)
        return max(task_ms(self.trace), default=0.0)

    @contextmanager
    def _traced(self) -> Iterator[None]:
        ended: list[dict] = []
        self.wire.once("Tracing.tracingComplete", lambda event: ended.append(event))
        self.wire.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": TRACED})
        yield
        self.wire.send("Tracing.end")
        while not ended:
            self.page.wait_for_timeout(50)


def task_ms(events: list[dict]) -> list[float]:
    """Processor time of each task of the page's main thread."""
    names = [event for event in events if event["name"] == "thread_name"]
    main = {(e["pid"], e["tid"]) for e in names if e["args"]["name"] == "CrRendererMain"}
    tasks = [event for event in events if event["name"] == "RunTask" and "tdur" in event]
    return [task["tdur"] / 1000 for task in tasks if (task["pid"], task["tid"]) in main]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long to watch (default: %(default)s)")
    parser.add_argument("--pace", type=int, default=0, help="tokens per second, 0 for as fast as it goes (default)")
    parser.add_argument("--model", default="sink", help="what reads (default: %(default)s)")
    options = parser.parse_args(argv)
    with served(options.model, python=sys.executable) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        visitor, paints = visit(browser, f"{address}?pace={options.pace}")
        minutes = list(watch(visitor, options.minutes))
        browser.close()
    print(json.dumps(summary(options, paints, minutes)))
    return 0


def visit(browser: Browser, address: str) -> tuple[Visitor, dict[str, float]]:
    """A visitor who was here before, and when the page was painted for them, in ms."""
    context = browser.new_context(viewport={"width": 1440, "height": 1900})
    context.add_init_script(WATCH)
    _arrive(context, address).close()
    page = _arrive(context, address)
    first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    content, largest = page.evaluate("[watched.content, watched.largest]")
    paints = {"first_paint_ms": round(first), "content_ms": round(content), "largest_paint_ms": round(largest)}
    print(*(f"{name} {value}" for name, value in paints.items()), sep="   ")
    visitor = Visitor(page, context.new_cdp_session(page))
    visitor.listen()
    return visitor, paints


def _arrive(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.dispatch_event(".sl-charts", "pointerenter")
    page.wait_for_function("watched.content && document.querySelectorAll('.sl-plot.js-plotly-plot').length === 3")
    return page


def watch(visitor: Visitor, minutes: float) -> Iterator[Minute]:
    """Let it run, and measure once a minute; a run that has come to its end is started again."""
    print(
        "minute   tokens  updates    bytes/s   heap MB   nodes  listeners  CPU ms/update  longest block  longest task"
    )
    start = began = time.monotonic()
    before = visitor.numbers()
    yield _row(visitor, before, before, 0.0, 0.0)
    while time.monotonic() - start < 60 * minutes:
        _keep_going(visitor.page)
        visitor.received, began = 0, time.monotonic()
        visitor.page.evaluate("Object.assign(watched, { updates: 0, blocks: [] })")
        before = visitor.numbers()
        visitor.page.wait_for_timeout(1000 * max(0.0, min(60.0, 60 * minutes) - TRACED_SECONDS))
        seconds, now = time.monotonic() - began, visitor.numbers()
        row = _row(visitor, before, now, seconds, (time.monotonic() - start) / 60)
        row.longest_task_ms = round(visitor.longest_task_ms(), 1)
        print(_line(row), flush=True)
        yield row


def _keep_going(page: Page) -> None:
    if page.locator(".sl-badge").get_attribute("data-state") != "running":
        page.click("[data-do='main']")
        page.wait_for_selector(".sl-badge[data-state='running']")


def _row(visitor: Visitor, before: dict[str, float], now: dict[str, float], seconds: float, minutes: float) -> Minute:
    updates, blocks = visitor.page.evaluate("[watched.updates, watched.blocks]")
    tokens = visitor.page.locator("[data-stat='tokens'] dd").all_inner_texts()
    cpu_ms = 1000 * (now["TaskDuration"] - before["TaskDuration"])
    return Minute(
        minutes=round(minutes, 2),
        tokens=max(int(text.replace(",", "")) for text in tokens),
        updates=updates,
        bytes_per_second=round(visitor.received / seconds if seconds else 0.0),
        heap_mb=round(now["JSHeapUsedSize"] / 1e6, 2),
        nodes=int(now["Nodes"]),
        listeners=int(now["JSEventListeners"]),
        cpu_ms_per_update=round(cpu_ms / updates if updates else 0.0, 1),
        longest_block_ms=round(max(blocks, default=0.0)),
        longest_task_ms=0.0,
    )


def _line(row: Minute) -> str:
    return (
        f"{row.minutes:6.1f} {row.tokens:8,} {row.updates:8,} {row.bytes_per_second:8,.0f} {row.heap_mb:8.2f} "
        f"{row.nodes:7,} {row.listeners:10,} {row.cpu_ms_per_update:14.1f} {row.longest_block_ms:9.0f} "
        f"{row.longest_task_ms:12.1f}"
    )


def summary(options: argparse.Namespace, paints: dict[str, float], rows: list[Minute]) -> dict[str, object]:
    """The whole of it: how the heap went, the most of everything, and which bars are met."""
    first, *later = rows
    settled = later[1:] if len(later) > 2 else later
    slope = _slope([row.minutes for row in settled], [row.heap_mb for row in settled])
    found = {
        **paints,
        "heap_mb_at_start": first.heap_mb,
        "heap_mb_at_end": later[-1].heap_mb,
        "heap_mb_per_hour": round(60 * slope, 2),
        "bytes_per_second": max(row.bytes_per_second for row in later),
        "cpu_ms_per_update": median(row.cpu_ms_per_update for row in later),
        "longest_block_ms": max(row.longest_block_ms for row in later),
        "longest_task_ms": max(row.longest_task_ms for row in later),
        "updates": sum(row.updates for row in later),
    }
    met = {name: found[name] <= bar for name, bar in BARS.items()}
    return {"settings": vars(options), **found, "met": met, "minutes": [asdict(row) for row in rows]}


def _slope(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(x, y, 1)[0]) if len(x) > 1 else 0.0


if __name__ == "__main__":
    sys.exit(main())
