"""A run that nobody reads: it is told until its frames pile up, and ends then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator

__all__ = ["UNREAD_SECONDS", "while_read"]

_LOG = logging.getLogger(__name__)

UNREAD_SECONDS = 5.0
"""How long nothing may be taken of what is told."""


def while_read(
    told: Generator[str, None, None],
    piled: Callable[[], int],
    *,
    seconds: float = UNREAD_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[str, None, None]:
    """What is told, for as long as somebody takes it.

    Args:
        told: what there is to say; it is closed with this generator, in a thread: whoever leaves does not wait for it.
        piled: how much of it was said and not taken yet.
        seconds: how long nothing may be taken.
        clock: seconds.
    """
    count, taken, since = 0, 0, clock()
    try:
        for text in told:
            unread = piled()
            if not unread or count - unread > taken:
                taken, since = count - unread, clock()
            if clock() - since > seconds:
                _LOG.info("nobody reads", extra={"unread": unread})
                return
            yield text
            count += 1
    finally:
        # Gradio leaves a run on its event loop, where nobody else would be served until the run's threads have ended.
        threading.Thread(target=told.close, name="leaving", daemon=True).start()
