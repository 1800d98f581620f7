"""`python -m tests.fresh`: what people take along, each made here and tried in a fresh environment, with its times.

Prints a line of JSON for each. Packages come by pip, as it is set up here. The image needs root, and leaves nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.fresh import generate, image, space, wheel

CHECKS = {"generate": generate.check, "space": space.check, "wheel": wheel.check, "image": image.check}


def main(argv: list[str] | None = None) -> int:
    """Try what is named, or all; what fails raises."""
    parser = argparse.ArgumentParser(prog="python -m tests.fresh", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="|".join(CHECKS), help="(default: all)")
    options = parser.parse_args(argv)
    if unknown := set(options.what) - set(CHECKS):
        parser.error(f"there is no {', '.join(sorted(unknown))}: choose of {', '.join(CHECKS)}")
    for name in options.what or CHECKS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"fresh-{name}-") as folder:
            found = CHECKS[name](Path(folder))
        print(json.dumps({"what": name, **found, "all_s": round(time.monotonic() - began)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
