"""One experiment on one model, named by plain values, so that it can be measured in another process or machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import torch

from comparisons.experiments.catalogue import EXPERIMENTS, prepare, run
from comparisons.experiments.measuring import Bar, no_bar
from comparisons.experiments.ray_cluster import on_a_cluster
from comparisons.experiments.results import Result
from comparisons.experiments.subjects import Request
from comparisons.text.opening import open_dataset, open_texts
from comparisons.text.sources import Texts
from streaming import models
from streaming.errors import SettingsError, StreamingError
from streaming.models import LoadedModel

__all__ = ["Done", "Order", "check", "outcome", "outcomes"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be measured.

    Attributes:
        experiment: its name, "table 1".
        model: a name that `models.load` takes; a folder must be there on every machine.
        device: as `models.load` takes it.
        dtype: as `models.load` takes it.
        threads: of torch.
        tokens: to read, where the experiment does not settle that; None leaves it to the experiment.
        sampled: tokens measured under recomputation; None leaves it to the experiment.
        text: a file or folder to read, which must be there on every machine.
        dataset: a data set to read; with neither, the prompt stream is read.
    """

    experiment: str
    model: str
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 1
    tokens: int | None = None
    sampled: int | None = None
    text: str | None = None
    dataset: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What became of an order: its result, or why there is none."""

    order: Order
    result: Result | None
    why: str = ""


def check(order: Order, *, here: bool) -> None:
    """Find out before anything is measured what cannot be, for all experiments.

    Args:
        order: any of those that are to be measured.
        here: whether this machine measures, and so has the text and the model.

    Raises:
        SettingsError: a number is out of range, or the text cannot be read, or not again and again.
        ModelError: the model cannot be used.
    """
    Request(tokens=order.tokens, sampled=order.sampled)
    if order.text and not (os.path.isfile(order.text) or os.path.isdir(order.text)) and here:
        raise SettingsError(f"{order.text} is no file and no folder: each experiment reads its text anew, so name one.")
    if here:
        _texts(order)
        _load(order.model, order.device, order.dtype)


def outcomes(
    orders: Sequence[Order], bar: Bar, *, ray: str | None, kept: Callable[[Order, Result], object]
) -> Iterator[Done]:
    """Measure orders, in turn here or side by side on a Ray cluster, where what is timed comes last and alone.

    Args:
        orders: all of one model, and with the same settings.
        bar: shows how far each is; not on a cluster.
        ray: the address of the cluster, or None.
        kept: given, of an order that an error or a signal ends here, what was measured until then.

    Raises:
        SettingsError: the cluster cannot be used.
    """
    if ray is None:
        yield from (outcome(order, bar, partial(kept, order)) for order in orders)
        return
    timed = [order for order in orders if EXPERIMENTS[order.experiment].timed]
    others = [order for order in orders if order not in timed]
    room = {"cores": orders[0].threads, "gpus": int(orders[0].device.startswith("cuda"))} if orders else {}
    yield from on_a_cluster([others, *([one] for one in timed)], outcome, _given_up, address=ray, **room)


def _given_up(order: Order, words: str) -> Done:
    return Done(order=order, result=None, why=words)


def outcome(order: Order, bar: Bar = no_bar, kept: Callable[[Result], object] = lambda _: None) -> Done:
    """Measure an order in this process; what is refused comes back as words."""
    torch.set_num_threads(order.threads)
    experiment = EXPERIMENTS[order.experiment]
    try:
        request = Request(
            tokens=order.tokens if experiment.tokens else None,
            texts=_texts(order) if experiment.own_text else None,
            sampled=order.sampled,
        )
        loaded = _load(order.model, order.device, order.dtype)
        subject = prepare(experiment, loaded, request)
        return Done(order=order, result=run(experiment, [subject], bar, kept=kept))
    except StreamingError as error:
        return Done(order=order, result=None, why=str(error))


@lru_cache(maxsize=1)
def _load(model: str, device: str, dtype: str) -> LoadedModel:
    """As `models.load`; the same one again is the same object."""
    return models.load(model, device=device, dtype=dtype)


def _texts(order: Order) -> Texts | None:
    if order.dataset:
        return open_dataset(order.dataset, split="test", column=None)
    return open_texts([order.text]) if order.text else None
