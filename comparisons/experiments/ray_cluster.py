"""Work as tasks of a Ray cluster (https://docs.ray.io); the only module that knows Ray.

Ray is not needed for anything else: it is imported when a command asks for it.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from streaming.errors import SettingsError

__all__ = ["on_a_cluster"]

RETRIES = 5
"""How often Ray runs a task again whose process or machine died."""

_PROJECT = Path(__file__).resolve().parents[2]
_PLACE = re.compile(r"(?:ray://)?(.+):(\d+)")
_NOT_SENT = [".git", ".venv", "/runs", "/docs", "/tests", "/assets/recordings", "**/__pycache__", "**/.*_cache"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def on_a_cluster(
    waves: Sequence[Sequence[Item]],
    work: Callable[[Item], Result],
    given_up: Callable[[Item, str], Result],
    *,
    address: str,
    cores: int = 1,
    gpus: int = 0,
) -> Iterator[Result]:
    """Do the work for each item on a cluster; a machine that is lost in the middle loses nothing.

    Args:
        waves: items, fit to be pickled; each wave begins when the one before it has ended.
        work: a function of a module; it raises nothing.
        given_up: what becomes of an item that Ray gives up, with the reason in words.
        address: of the cluster, as `ray.init` takes it; "local" starts one on this machine, for this work.
        cores: that each item takes.
        gpus: that each item takes.

    Yields:
        One result for each item, in the order in which they end.

    Raises:
        SettingsError: there is no Ray here, no cluster at the address, or no machine in it that has so much.
    """
    if not any(waves):
        return
    ray = _ray()
    with _cluster(ray, address):
        _require_room(ray, cores, gpus)
        task = ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=RETRIES)(work)
        for wave in waves:
            running = {task.remote(item): item for item in wave}
            while running:
                (ended,), _ = ray.wait(list(running), num_returns=1)
                item = running.pop(ended)
                try:
                    yield ray.get(ended)
                except ray.exceptions.RayError as error:
                    words = f"Ray gave it up ({type(error).__name__}): {str(error).splitlines()[0]}"
                    yield given_up(item, words)


def _ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that we start tells nobody
    try:
        import ray
    except ImportError:
        raise SettingsError('Ray is not installed: pip install "ray>=2.60,<3"') from None
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


def _require_room(ray: ModuleType, cores: int, gpus: int) -> None:
    """Ask whether any machine is large enough: Ray itself would wait for one for ever."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(each.get("CPU", 0) >= cores and each.get("GPU", 0) >= gpus for each in machines):
        most = int(max(each.get("CPU", 0) for each in machines))
        wanted = f"{cores} cores" + (f" and {gpus} GPU" if gpus else "")
        raise SettingsError(f"No machine of the Ray cluster has {wanted}: give --threads {most} or fewer"
                            f"{', or another --device' if gpus else ''}.")  # fmt: skip
