"""Clients of a running app, over plain sockets and HTTP: they start, read, leave, and break rules."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from comparisons.page.forms import Form

VALUES = Form(recent=28, budget_mb=1, seed=3).values()

PLAIN = {"timeout": 60, "verify": False}
"""Plain HTTP needs no certificates: reading them takes a client 44 ms of a core."""

WORKERS_END_SECONDS = 12
"""Threads that waited for calls end so long after the last one."""


def _patched(text: str, change: object) -> str:
    """A text after what Gradio tells of it: the whole, or how it differs from what was told before."""
    if isinstance(change, str):
        return change
    for how, _, value in change:
        text = text + value if how == "append" else value
    return text


@dataclass(frozen=True)
class Site:
    """An app and what one has to know of it: the numbers of its calls and of its panel."""

    address: str
    start: int
    panel: int

    @classmethod
    def at(cls, address: str) -> Site:
        config = httpx.get(f"{address}config", **PLAIN).json()
        starts = [one["id"] for one in config["dependencies"] if one["api_name"] == "start"]
        panels = [one["id"] for one in config["components"] if one["props"].get("elem_id") == "panel"]
        return cls(address, starts[0], panels[0])

    def health(self) -> dict:
        return httpx.get(f"{self.address}gradio_api/health", **PLAIN).json()

    def join(self, session: str | None = None, **values: object) -> str:
        """Begin a run and read nothing; the session's name."""
        session = session or uuid.uuid4().hex[:12]
        given = {**VALUES, **values}
        sent = {name: given.pop(name) for name in ("text", "resume") if name in given}
        body = {"data": list(given.values()), "event_data": sent or {"text": ""}, "fn_index": self.start,
                "session_hash": session}  # fmt: skip
        httpx.post(f"{self.address}gradio_api/queue/join", json=body, **PLAIN).raise_for_status()
        return session

    def messages(self, session: str) -> Iterator[dict]:
        """What the server tells a session, until its run ends; leaving the iteration closes the connection."""
        url = f"{self.address}gradio_api/queue/data?session_hash={session}"
        with httpx.stream("GET", url, **PLAIN) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def frames(self, session: str) -> Iterator[dict]:
        """What a run tells: its frames, and those that tell of the queue."""
        text = ""
        with closing(self.messages(session)) as messages:
            for message in messages:
                if message["msg"] == "process_completed" and not message["success"]:
                    raise AssertionError(message["output"]["error"])
                data = (message.get("output") or {}).get("data")
                if data and message["msg"] in ("process_generating", "process_completed"):
                    text = _patched(text, data[0])
                    yield json.loads(text)
                if message["msg"] == "process_completed":
                    return

    def control(self, run: str, action: str, **more: object) -> object:
        """What the page sends to steer a run."""
        body = {"data": {"run": run, "action": action, **more}, "component_id": self.panel, "fn_name": "control",
                "session_hash": "eve"}  # fmt: skip
        return httpx.post(f"{self.address}gradio_api/component_server/", json=body, **PLAIN).json()

    def raw(self, request: bytes, seconds: float = 20) -> bytes:
        """Send these bytes, whatever they are; what comes back until the other side or the time ends."""
        where = urlsplit(self.address)
        with socket.create_connection((where.hostname, where.port), timeout=seconds) as wire:
            wire.sendall(request)
            answer = b""
            try:
                while part := wire.recv(65_536):
                    answer += part
            except (TimeoutError, ConnectionError):
                pass
            return answer

    def abandoned(self, session: str, window: int = 4096) -> socket.socket:
        """A connection that asks for what a session is told and takes none of it."""
        where = urlsplit(self.address)
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        wire.connect((where.hostname, where.port))
        wire.sendall(
            f"GET /gradio_api/queue/data?session_hash={session} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode()
        )
        return wire

    def settled(self, seconds: float = 20, runs: int = 0) -> dict:
        """The health once no more than so many runs go on; fails where that takes too long."""
        end = time.monotonic() + seconds
        while (health := self.health())["runs"] > runs or health["waiting"]:
            assert time.monotonic() < end, f"runs go on: {health}"
            time.sleep(0.1)
        return health
