"""Arguments that several commands share."""

from __future__ import annotations

import argparse

__all__ = ["add_model"]


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model that a command is about."""
    parser.add_argument(
        "model", nargs="?", default="sink", help="a bundled model, a folder, or a Hub id (default: sink)"
    )
