"""`python -m tests.load.startup`: how long from the command to the first page, and to the first frame of a run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from statistics import median

from tests.support.clients import Site
from tests.support.serving import served

BAR_SECONDS = 10.0


def measure(model: str) -> tuple[float, float]:
    """Seconds until the page is answered, and until a run that is started then tells its first frame."""
    began = time.monotonic()
    with served(model, python=sys.executable) as (address, _):
        page = time.monotonic() - began
        site = Site.at(address)
        frames = site.frames(site.join())
        next(frames)
        frame = time.monotonic() - began
        frames.close()
    return page, frame


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a table and a line of JSON; 1 where the bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.startup", description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--model", default="sink", help="what reads (default: %(default)s)")
    options = parser.parse_args(argv)
    print("page s   frame s")
    rows = []
    for _ in range(options.times):
        rows.append(measure(options.model))
        print(f"{rows[-1][0]:6.2f}  {rows[-1][1]:8.2f}", flush=True)
    page, frame = (round(median(column), 2) for column in zip(*rows, strict=True))
    print(json.dumps({"page_s": page, "first_frame_s": frame, "met": page <= BAR_SECONDS}))
    return 0 if page <= BAR_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
