"""`report`: write what was measured of the bundled models into the README and their cards."""

from __future__ import annotations

import argparse

from comparisons.reports.readme import rewrite

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`report`."""
    parser.set_defaults(command=lambda _: rewrite())
