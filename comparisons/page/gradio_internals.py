"""Gradio, and every use of what is private to it: `from comparisons.page.gradio_internals import gr`.

Whenever it is imported, Gradio parses the source of each of its components, to write type stubs for editors beside
them. A server has no use for them, and they take more than half of the import. Where a component has no source
file, Gradio goes on without a stub: so, while it is imported, its classes have none.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from uvicorn import Server

from comparisons.server.guard import Calls

__all__ = ["calls", "gr", "keep_signatures", "sent", "server_of", "spare_searches", "unread"]


@contextmanager
def _without_sources() -> Iterator[None]:
    real = inspect.getfile

    def getfile(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no stub is wanted")
        return real(thing)

    inspect.getfile = getfile  # type: ignore[assignment]  # it is asked for classes alone here
    try:
        yield
    finally:
        inspect.getfile = real


os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when it is imported
with _without_sources():
    import gradio as gr


def keep_signatures(page: gr.Blocks) -> None:
    """Gradio asks for those of all components for every new visitor, which is half the work of letting one in."""
    for component in {type(block) for block in page.blocks.values()}:
        setattr(component.__init__, "__signature__", inspect.signature(component.__init__))  # noqa: B010 - mypy


def spare_searches() -> None:
    """Gradio imports matplotlib around every frame of every run: where there is none, each looks for it on disk."""
    if importlib.util.find_spec("matplotlib") is None:
        sys.modules["matplotlib"] = None  # type: ignore[assignment]  # how Python is told that there is none


def unread(page: gr.Blocks, visitor: str) -> int:
    """How many messages lie ready for a visitor and were not taken."""
    messages = page._queue.pending_messages_per_session.get(visitor)
    return 0 if messages is None else messages.qsize()


def sent(event: gr.EventData, name: str) -> Any:
    """What the panel sent along with an event; None where it sent no such thing."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def calls(page: gr.Blocks) -> Calls:
    """What the page can be asked to do, by the numbers that Gradio gave."""
    panels = frozenset(number for number, block in page.blocks.items() if block.elem_id == "panel")
    inputs = {number: len(call.inputs) for number, call in page.fns.items()}
    start = next(len(call.inputs) for call in page.fns.values() if call.api_name == "start")
    return Calls(inputs=inputs, start=start, components=panels)


def server_of(page: gr.Blocks) -> Server:
    """The uvicorn server of a page that was launched."""
    return page.server
