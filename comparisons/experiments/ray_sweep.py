"""The cells of a sweep as tasks of a Ray cluster (https://docs.ray.io); the only module that knows Ray.

Ray is not needed for anything else: it is imported when a sweep asks for it.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from comparisons.experiments.cells import Cell, Failure, Row, outcome
from streaming.errors import SettingsError

__all__ = ["outcomes"]

RETRIES = 5
"""How often Ray runs a task again whose process or machine died."""

_PROJECT = Path(__file__).resolve().parents[2]
_PLACE = re.compile(r"(?:ray://)?(.+):(\d+)")
_NOT_SENT = [".git", ".venv", "/runs", "/docs", "/tests", "/assets/recordings", "**/__pycache__", "**/.*_cache"]


def outcomes(cells: Sequence[Cell], address: str) -> Iterator[Row | Failure]:
    """Measure cells on a cluster, one core each; a machine that is lost in the middle loses nothing.

    Args:
        cells: what to measure.
        address: of the cluster, as `ray.init` takes it; "local" starts one on this machine, for these cells.

    Yields:
        What became of each cell, in the order in which they end.

    Raises:
        SettingsError: there is no Ray here, or no cluster at the address.
    """
    if not cells:
        return
    ray = _ray()
    with _cluster(ray, address):
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(outcome)
        running = {task.remote(cell): cell for cell in cells}
        while running:
            (ended,), _ = ray.wait(list(running), num_returns=1)
            yield _outcome(ray, ended, running.pop(ended))


def _outcome(ray: ModuleType, ended: object, cell: Cell) -> Row | Failure:
    try:
        one: Row | Failure = ray.get(ended)
        return one
    except ray.exceptions.RayError as error:
        return Failure(cell=cell, words=f"Ray gave it up ({type(error).__name__}): {str(error).splitlines()[0]}")


def _ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that we start tells nobody
    try:
        import ray
    except ImportError:
        raise SettingsError("Ray is not installed: pip install -r requirements-ray.txt") from None
    return ray


@contextmanager
def _cluster(ray: ModuleType, address: str) -> Iterator[None]:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        _require_somebody(address)
        if address == "local":
            ray.init(address=address, include_dashboard=False, **quiet)
        else:  # the other machines get this project, the bundled models included
            sent = {"working_dir": str(_PROJECT), "excludes": _NOT_SENT}
            ray.init(address=address, runtime_env=sent, **quiet)
    except (OSError, ValueError, OverflowError, RuntimeError) as error:
        raise SettingsError(
            f"No Ray cluster answers at {address!r} ({error}): start one with `ray start --head`, or leave the "
            "address out to use this machine."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _require_somebody(address: str) -> None:
    """Ask whether the port is open at all: Ray itself would go on trying for minutes."""
    if found := _PLACE.fullmatch(address):
        socket.create_connection((found[1].strip("[]"), int(found[2])), timeout=10).close()
