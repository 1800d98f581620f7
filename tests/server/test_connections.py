"""A real uvicorn, and connections that say nothing."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from comparisons.server import connections
from comparisons.server.connections import SILENT_MS, close_silent
from tests.support.speaking import wait_until

ASK = b"GET /%s HTTP/1.1\r\nHost: here\r\n\r\n"


def say(_: Request) -> Response:
    return PlainTextResponse("yes")


def tell(_: Request) -> Response:
    async def slowly():
        for _ in range(30):
            yield b"x"
            await asyncio.sleep(0.1)

    return StreamingResponse(slowly())


@pytest.fixture
def server() -> Iterator[uvicorn.Server]:
    app = Starlette(routes=[Route("/say", say), Route("/tell", tell)])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield server
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def over() -> Iterator[threading.Event]:
    over = threading.Event()
    yield over
    over.set()
    wait_until(lambda: not any(one.name == "connections" for one in threading.enumerate()))


def connect(server: uvicorn.Server) -> socket.socket:
    return socket.create_connection(server.servers[0].sockets[0].getsockname(), timeout=10)


def is_closed(wire: socket.socket) -> bool:
    wire.setblocking(False)
    try:
        return wire.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only some systems close silent connections")
def test_whoever_comes_before_or_after_is_closed_by_the_system_when_silent(server, over):
    with connect(server), connect(server):
        close_silent(server, "/say", over)
        with connect(server) as later:
            later.sendall(ASK % b"say")
            assert later.recv(1)
            wires = [one.transport.get_extra_info("socket") for one in server.server_state.connections]
            limits = [wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) for wire in wires]
            assert len(limits) >= 3 and set(limits) == {SILENT_MS}


def test_a_connection_that_asks_nothing_is_closed_and_one_that_is_answered_is_not(server, over, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 1.0)
    close_silent(server, "/say", over)
    with connect(server) as silent, connect(server) as halfway, connect(server) as answered:
        began = time.monotonic()
        halfway.sendall(b"GET /say HTTP/1.1\r\nHo")
        answered.sendall(ASK % b"tell")
        wait_until(lambda: is_closed(silent) or is_closed(halfway))
        assert time.monotonic() - began > 0.9
        wait_until(lambda: is_closed(silent) and is_closed(halfway))
        told = b""
        answered.setblocking(True)
        while not told.endswith(b"0\r\n\r\n"):
            told += answered.recv(1000)
        assert told.count(b"x\r\n") == 30


def test_where_there_are_too_many_that_ask_nothing_some_are_closed_at_once(server, over, monkeypatch):
    monkeypatch.setattr(connections, "MOST_IDLE", 5)
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 600.0)
    close_silent(server, "/say", over)
    with ExitStack() as stack:
        wires = [stack.enter_context(connect(server)) for _ in range(8)]
        wait_until(lambda: sum(map(is_closed, wires)) == 3)
        left = next(wire for wire in wires if not is_closed(wire))
        left.setblocking(True)
        left.sendall(ASK % b"say")
        assert left.recv(15).startswith(b"HTTP/1.1 200")


def test_the_oldest_go_first(monkeypatch):
    monkeypatch.setattr(connections, "MOST_IDLE", 2)
    assert list(connections._overdue({"c": 9.0, "a": 0.5, "b": 5.0}, now=10.0)) == ["a"]
    assert list(connections._overdue({"b": 5.0, "a": 0.5}, now=10.0)) == []
    assert list(connections._overdue({"b": 5.0, "a": 0.5}, now=11.0)) == ["a"]
