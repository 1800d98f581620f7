"""Gradio, imported in about half the time: `from comparisons.page.gradio_internals import gr`.

Whenever it is imported, Gradio parses the source of each of its components, to write type stubs for editors beside
them. A server has no use for them, and they take more than half of the import. Where a component has no source
file, Gradio goes on without a stub: so, while it is imported, its classes have none.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["gr"]


@contextmanager
def _without_sources() -> Iterator[None]:
    real = inspect.getfile

    def getfile(thing: object) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no stub is wanted")
        return real(thing)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = real


os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when it is imported
with _without_sources():
    import gradio as gr
