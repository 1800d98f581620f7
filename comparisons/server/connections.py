"""Connections that say nothing are closed: they would take the place of those that ask for something.

uvicorn waits without end for a request, and for an answer to be taken. A process may hold so many files; once they are
used up, nobody gets in.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from asyncio import AbstractEventLoop, Transport
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, Protocol, cast

from uvicorn import Server

__all__ = ["MOST_IDLE", "REQUEST_SECONDS", "SILENT_MS", "close_silent"]

SILENT_MS = 5000
"""A visitor whose network is gone says nothing more: after so long their connection is closed."""

REQUEST_SECONDS = 10.0
"""How long a connection may be open without a request. A browser opens some ahead of need, and can open others."""

MOST_IDLE = 400
"""Connections without a request at the same time; the oldest are closed."""

_LOOK_SECONDS = 0.5


class _Connection(Protocol):
    """One of uvicorn's, whichever way it speaks HTTP; its request's `cycle` comes and goes."""

    loop: AbstractEventLoop
    transport: Transport
    cycle: Any


def close_silent(server: Server, path: str, over: threading.Event) -> None:
    """Close connections that say nothing, from now on.

    Args:
        server: it has begun to serve.
        path: something small that it answers with.
        over: set when it ends.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        _let_the_system_close(server, path)
    threading.Thread(target=_close_idle, args=(server, over), name="connections", daemon=True).start()


def _let_the_system_close(server: Server, path: str) -> None:
    """Those that do not take what they are sent."""
    for listening in (one for asyncio_server in server.servers for one in asyncio_server.sockets):
        _limit_silence(listening)  # what comes in from now on inherits it
        with contextlib.closing(HTTPConnection(*listening.getsockname()[:2])) as last:
            last.request("GET", path)
            last.getresponse()  # whoever came in before has been let in
    for connection in _connections(server):
        _limit_silence(connection.transport.get_extra_info("socket"))


def _connections(server: Server) -> list[_Connection]:
    return cast(list[_Connection], list(server.server_state.connections))


def _limit_silence(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_MS)


def _close_idle(server: Server, over: threading.Event) -> None:
    since: dict[_Connection, float] = {}
    while not over.wait(_LOOK_SECONDS):
        now = time.monotonic()
        since = {one: since.get(one, now) for one in _connections(server) if _is_idle(one)}
        for connection in _overdue(since, now):
            with contextlib.suppress(RuntimeError):  # the loop has ended
                connection.loop.call_soon_threadsafe(_close, connection)


def _overdue(since: dict[_Connection, float], now: float) -> Iterator[_Connection]:
    """Of connections and since when they are idle: those that were so for too long, and the oldest of too many."""
    too_many = len(since) - MOST_IDLE
    for number, connection in enumerate(sorted(since, key=since.__getitem__)):
        if number < too_many or now - since[connection] > REQUEST_SECONDS:
            yield connection


def _is_idle(connection: _Connection) -> bool:
    """Whether it has asked for nothing that was not answered; uvicorn's connections know their request's cycle."""
    cycle = getattr(connection, "cycle", None)
    return cycle is None or cycle.response_complete


def _close(connection: _Connection) -> None:
    """In the loop, where nothing comes in between: it may have asked for something meanwhile."""
    if _is_idle(connection):
        connection.transport.abort()
