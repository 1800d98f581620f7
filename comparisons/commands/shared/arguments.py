"""Arguments that several commands share."""

from __future__ import annotations

import argparse

import torch

from comparisons.limits import Range
from streaming.loading.machine import read_machine

__all__ = ["add_device", "add_model", "add_ray", "add_threads", "use_threads"]


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model that a command is about."""
    parser.add_argument(
        "model", nargs="?", default="sink", help="a bundled model, a folder, or a Hub id (default: sink)"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where the model is computed, and in which numbers."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0 (default: %(default)s)")
    parser.add_argument(
        "--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"), help="(default: %(default)s)"
    )


def add_ray(parser: argparse.ArgumentParser) -> None:
    """The cluster that does the work; None without it."""
    parser.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS",
        help="on a Ray cluster at this address (`auto` finds one here; without an address, start one here)",
    )  # fmt: skip


def add_threads(parser: argparse.ArgumentParser) -> None:
    """How many threads torch takes; for `use_threads`."""
    cores = max(1, min(torch.get_num_threads(), int(read_machine().cores)))
    parser.add_argument("--threads", type=int, default=cores, help="of torch (default: all cores)")


def use_threads(count: int) -> None:
    """Have torch take so many threads.

    Raises:
        SettingsError: that is no number of threads.
    """
    Range(min=1, max=4096, unit="").check("--threads", count)
    torch.set_num_threads(count)
