"""How the server is, for whoever watches over it: numbers, and nothing about anybody."""

from __future__ import annotations

import time

import psutil
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from comparisons.server.sessions import Sessions

__all__ = ["PATH", "health_route"]

PATH = "/gradio_api/health"
"""Under the one prefix that every proxy of Gradio lets through."""


def health_route(sessions: Sessions) -> Route:
    """Answers 200 while visitors are let in, 503 once the server is about to end."""
    began = time.monotonic()

    async def respond(request: Request) -> JSONResponse:
        numbers = {"status": "restarting" if sessions.closing else "ok", **_numbers(sessions)}
        numbers["seconds"] = round(time.monotonic() - began, 1)
        return JSONResponse(numbers, 503 if sessions.closing else 200, headers={"Cache-Control": "no-store"})

    return Route(PATH, respond)


def _numbers(sessions: Sessions) -> dict[str, object]:
    running, waiting = sessions.queue.counts
    process = psutil.Process()
    return {
        "runs": running,
        "waiting": waiting,
        "kv_bytes": sessions.memory.held_bytes,
        "kv_limit_bytes": sessions.memory.limit_bytes,
        "rss_bytes": process.memory_info().rss,
        "threads": process.num_threads(),
        "files": process.num_fds() if hasattr(process, "num_fds") else None,
    }
