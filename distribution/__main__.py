"""The command `streaming-llm`: `serve` opens the page, everything else is a command of the experiments."""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> int:
    """Run a command, and give its exit status."""
    if sys.argv[1:2] == ["serve"]:
        status: int = import_module("streaming_llm.app").main(sys.argv[2:])
        return status
    if sys.argv[1:] in ([], ["--help"], ["-h"]):
        print("streaming-llm serve [--help] opens the page; all other commands:\n", flush=True)
    status = import_module("streaming_llm.comparisons.__main__").process(sys.argv[1:] or ["--help"])
    return status


if __name__ == "__main__":
    sys.exit(main())
