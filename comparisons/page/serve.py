"""Serve the page: launched by Gradio, guarded, watched, and ended so that every visitor hears of it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time

from starlette.middleware import Middleware

from comparisons.page import panels
from comparisons.page.document import Document
from comparisons.page.files import PageFiles
from comparisons.page.gradio_internals import calls, gr, server_of
from comparisons.page.qr import qr_route
from comparisons.page.words import languages
from comparisons.server.config import Config
from comparisons.server.connections import close_silent
from comparisons.server.guard import Guard
from comparisons.server.health import PATH as HEALTH_PATH
from comparisons.server.health import health_route
from comparisons.server.logs import log_to_stderr
from comparisons.server.sessions import Sessions
from streaming.errors import SettingsError

__all__ = ["check_address", "serve"]

_LOG = logging.getLogger("app")

SPARE_CALLS = 32
"""Calls at the same time beside those that run or wait: commands, settings, and starts that are refused."""

FAREWELL_SECONDS = 1.5
"""How long visitors may take to hear that the server is restarting."""

LOCALHOST = "127.0.0.1"


def check_address(host: str | None, port: int | None) -> None:
    """Whether the page can be served there, asked before a model is loaded; see `serve`.

    Raises:
        SettingsError: the port is none, taken or not ours to take, or the host is not of this machine.
    """
    host = host or os.environ.get("GRADIO_SERVER_NAME") or LOCALHOST
    given = os.environ.get("GRADIO_SERVER_PORT") if port is None else str(port)
    if given is None:
        return
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise SettingsError(f"{given} is no port: choose one from 1 to 65535 with --port.")
    try:
        family, kind, *_, address = socket.getaddrinfo(host, int(given), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does: one that just ended is free
            found.bind(address)
    except OSError as error:
        why = error.strerror or "it cannot be used"
        raise SettingsError(f"The page cannot be served on {host}, port {given} ({why}): choose another --port "
                            "or --host, or leave out --port for the first free one from 7860.") from None  # fmt: skip


def serve(
    page: gr.Blocks,
    files: PageFiles,
    config: Config,
    sessions: Sessions,
    *,
    host: str | None,
    port: int | None,
    inbrowser: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT. Without a host and a port, gradio's environment variables decide."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    most = config.runs + config.waiting + SPARE_CALLS  # who may run and who waits, our own queue decides
    guard = Middleware(Guard, calls=lambda: calls(page), pages=frozenset(f"/{code}" for code in languages()))
    document = Middleware(Document, heads=files.heads)
    page.queue(api_open=False, default_concurrency_limit=most, max_size=most).launch(
        server_name=host,
        server_port=port,
        inbrowser=inbrowser,
        theme=panels.theme(),
        app_kwargs={
            "routes": [health_route(sessions), *filter(None, [qr_route()]), *(file.route() for file in files.all)],
            "middleware": [guard, document],
        },
        max_threads=most,
        state_session_capacity=100,  # a session holds nothing of the visitor, and is made anew in 3 ms
        prevent_thread_lock=True,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        strict_cors=True,
        max_file_size="2mb",
        footer_links=["gradio"],
    )
    close_silent(server_of(page), HEALTH_PATH, over)
    log_to_stderr()
    _LOG.info("serving", extra={"runs": config.runs, "waiting": config.waiting, "kv_mb": config.kv_mb})
    over.wait()
    _end(page, sessions)


def _end(page: gr.Blocks, sessions: Sessions) -> None:
    """Tell every visitor, give them the time to hear it, and close."""
    _LOG.info("restarting", extra=dict(zip(("runs", "waiting"), sessions.queue.counts, strict=True)))
    sessions.close()
    latest = time.monotonic() + FAREWELL_SECONDS
    while any(sessions.queue.counts) and time.monotonic() < latest:
        time.sleep(0.05)
    time.sleep(0.3)  # the last frames are on their way
    server_of(page).config.timeout_graceful_shutdown = 1
    page.close(verbose=False)
