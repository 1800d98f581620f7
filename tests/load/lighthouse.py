"""`python -m tests.load.lighthouse`: what Google's Lighthouse says of the page, on a desktop and on a phone.

It needs Node.js, whose `npx` fetches Lighthouse where it is not installed, and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.serving import served

LIGHTHOUSE = "lighthouse@12"
FLAGS = "--headless=new --no-sandbox --disable-gpu"
DEVICES: Mapping[str, tuple[str, ...]] = {"desktop": ("--preset=desktop",), "mobile": ()}
BARS = {
    "desktop": {"performance": 90, "accessibility": 100, "best-practices": 100, "seo": 100},
    "mobile": {"performance": 75, "accessibility": 100, "best-practices": 100, "seo": 100},
}
TIMES = {"fcp": "first-contentful-paint", "lcp": "largest-contentful-paint", "tbt": "total-blocking-time"}


def missing() -> str:
    """What is not there and how to get it; "" where all is."""
    needs = {"npx": "apt-get install npm", "chromium": "apt-get install chromium"}
    return "\n".join(f"{name} is missing: {cure}" for name, cure in needs.items() if shutil.which(name) is None)


def scores(address: str, device: str) -> dict[str, float]:
    """Each category from 0 to 100, times in milliseconds, the layout shift, and the bytes that were fetched."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            ["npx", "--yes", LIGHTHOUSE, address, "--quiet", "--output=json", f"--output-path={report}",
             f"--chrome-flags={FLAGS}", *DEVICES[device]],
            env={**os.environ, "CHROME_PATH": shutil.which("chromium") or ""}, check=True, timeout=300,
        )  # fmt: skip
        found = json.loads(report.read_text("utf-8"))
    audits = found["audits"]
    return {
        **{name: round(100 * (one["score"] or 0)) for name, one in found["categories"].items()},
        **{name: round(audits[audit]["numericValue"]) for name, audit in TIMES.items()},
        "cls": round(audits["cumulative-layout-shift"]["numericValue"], 3),
        "bytes": audits["total-byte-weight"]["numericValue"],
    }


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a line for each device and one of JSON; 1 where a bar is not met, 2 where it cannot run."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.lighthouse", description=__doc__)
    parser.add_argument("--path", default="", help="of the page, e.g. it (default: the English one)")
    options = parser.parse_args(argv)
    if why := missing():
        print(why, file=sys.stderr)
        return 2
    with served("sink", python=sys.executable) as (address, _):
        found = {device: scores(address + options.path, device) for device in DEVICES}
    for device, one in found.items():
        print(f"{device:8}", "  ".join(f"{name} {value:,}" for name, value in one.items()))
    met = all(found[device][name] >= bar for device, bars in BARS.items() for name, bar in bars.items())
    print(json.dumps({**found, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
