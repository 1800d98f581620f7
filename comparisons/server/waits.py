"""What is told before a run begins: a place in the queue, the progress of a load, or why there is no room."""

from __future__ import annotations

from comparisons.runs.dialogue.settings import DialogueSettings
from comparisons.runs.frames import Loading, LoadingStage, Waiting
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import RunSettings
from comparisons.server.model_cache import Copy
from comparisons.server.queue import Slot
from streaming.errors import ServerBusy
from streaming.models import Progress

__all__ = ["check_memory", "restarting", "told_loading", "told_waiting"]

_LEAST_KV_BYTES = 2**20
"""A run begins with no less memory than this, where its budget is not smaller."""

_NOTHING_YET = Progress(stage="waiting", done_bytes=0, total_bytes=None)


def told_waiting(run_id: str, slot: Slot, *, over: bool) -> Waiting:
    """The place in the queue; 0 where the wait was given up."""
    number = 0 if over else slot.number
    seconds = round(slot.wait_seconds, 1) if number else 0.0
    return {"run": run_id, "state": "queued", "place": number, "wait_seconds": seconds}


def told_loading(run_id: str, copy: Copy, *, over: bool) -> Loading:
    """How far the load has come; "stopped" where the wait was given up."""
    progress = copy.progress or _NOTHING_YET
    stage: LoadingStage = "stopped" if over else progress.stage
    return {
        "run": run_id,
        "state": "loading",
        "model": copy.name,
        "stage": stage,
        "done_bytes": progress.done_bytes,
        "total_bytes": progress.total_bytes,
    }


def check_memory(memory: KvMemory, settings: RunSettings | DialogueSettings) -> None:
    """Refuse a run where too little is left for it to begin.

    Raises:
        ServerBusy: others hold it.
    """
    limit = memory.limit_bytes
    if limit is not None and limit - memory.held_bytes < min(settings.kv_budget_bytes, _LEAST_KV_BYTES):
        raise ServerBusy("The memory that all runs on this server share is used up: try again when others have ended.")


def restarting() -> ServerBusy:
    """What a visitor hears of a server that is about to end."""
    return ServerBusy("The server is restarting: reload the page in a minute; the settings stay.")
