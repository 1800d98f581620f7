"""What stands before the server: it lets through the requests that the page and its clients make, and no others.

A request is checked before anything else reads it: its address against a short list, its size before it is read, its
body's shape, its headers. What passes is known to be what the server expects; what does not is answered in a sentence.
Every answer gets the headers that tell a browser what the page never does.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from comparisons.documents import TooDeep, parsed

__all__ = ["HEADERS", "MOST_BODY_BYTES", "Calls", "Guard"]

_LOG = logging.getLogger(__name__)

MOST_BODY_BYTES = 12_500_000
"""Of a start: two million characters, each as JSON escapes it."""

MOST_SMALL_BODY_BYTES = 64_000
"""Of everything else: settings, a question."""

MOST_DEPTH = 16
"""How deep JSON may be nested."""

BODY_SECONDS = 60.0
"""How long a body may take to come: the largest at 1.7 Mbit/s."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self' https://huggingface.co https://*.huggingface.co https://*.hf.space",
        )
    ),
}
"""Gradio compiles its templates in the browser, hence 'unsafe-eval'; a Space is embedded by the Hub's pages."""

_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
_HOST = re.compile(r"[\w.:,\[\] -]{1,300}", re.ASCII)
_FILE = re.compile(r"/(?:assets|static|svelte|pwa_icon|gradio_api/vendor)/[\w./+@~-]{1,200}", re.ASCII)
_STREAM = re.compile(r"/gradio_api/(?:heartbeat|call/start)/[\w-]{1,64}", re.ASCII)
_FEEDS = ("health", "info", "app_id", "startup-events", "queue/data", "theme.css")
_PAGES = frozenset(
    [
        *("/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/pwa_icon"),
        *(f"/gradio_api/{name}" for name in _FEEDS),
    ]
)
_START = "/gradio_api/queue/join"
_CALL = "/gradio_api/call/start"
_SERVER = "/gradio_api/component_server"
_DIRECT = "/gradio_api/run/predict"


@dataclass(frozen=True, kw_only=True)
class Calls:
    """What a server can be asked to do.

    Attributes:
        inputs: for each of its functions, by number, how many values it takes.
        start: how many values the public function takes, which is called by its name.
        components: those with functions of their own, by number.
    """

    inputs: Mapping[int, int]
    start: int
    components: frozenset[int]


class _Refused(Exception):
    """A request that goes no further: a status and a sentence."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass(eq=False)
class Guard:
    """ASGI middleware.

    Attributes:
        app: what it stands before.
        calls: what that can be asked to do, once it is known.
        pages: addresses of pages beside "/".
    """

    app: ASGIApp
    calls: Callable[[], Calls]
    pages: frozenset[str] = field(default_factory=frozenset)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        answer = _Answer(send, softens=_plain(scope) == _DIRECT)
        try:
            await self.app(scope, await self._checked(scope, receive), answer)
        except _Refused as refused:
            await JSONResponse({"detail": refused.why, "error": refused.why}, refused.status)(scope, receive, answer)
        except Exception as error:
            await self._failed(error, scope, receive, answer)

    async def _failed(self, error: Exception, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if answer.started:  # a stream whose session is gone: there is nobody to tell
            await answer.end()
            return
        _LOG.error("request failed", extra={"path": _plain(scope)[:80]}, exc_info=error)
        await JSONResponse({"detail": "This request cannot be answered."}, 500)(scope, receive, answer)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        _check_headers(scope)
        path = _plain(scope)
        if scope["method"] in ("GET", "HEAD"):
            self._check_get(path, scope)
            return receive
        if scope["method"] == "OPTIONS":
            return receive
        if scope["method"] != "POST" or path not in _BODIES:
            raise _Refused(404, "There is nothing here.")
        most = MOST_BODY_BYTES if path in (_START, _CALL) else MOST_SMALL_BODY_BYTES
        try:
            body = await asyncio.wait_for(_read(scope, receive, most), BODY_SECONDS)
        except TimeoutError:
            raise _Refused(408, f"The request did not come within {BODY_SECONDS:g} seconds.") from None
        _BODIES[path](_parsed(body), self.calls())
        return _again(body, receive)

    def _check_get(self, path: str, scope: Scope) -> None:
        file = _FILE.fullmatch(path) and ".." not in path
        if not (file or path in _PAGES or path in self.pages or _STREAM.fullmatch(path)):
            raise _Refused(404, "There is nothing here.")
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if "deep_link" in query:
            raise _Refused(404, "There is nothing here.")
        if path == "/gradio_api/queue/data" and not _NAME.fullmatch(query.get("session_hash", [""])[-1]):
            raise _Refused(422, "session_hash must be a short name.")


def _plain(scope: Scope) -> str:
    """The address without the slash that it may end in."""
    return scope["path"].rstrip("/") or "/"


def _check_headers(scope: Scope) -> None:
    for name, value in scope["headers"]:
        if name.startswith((b"x-forwarded-", b"x-gradio-")) or name == b"host":
            where = value.decode("latin-1").split("://")[-1].rstrip("/")
            if not _HOST.fullmatch(where):
                raise _Refused(400, f"The header {name.decode('latin-1')[:40]} is not well formed.")


async def _read(scope: Scope, receive: Receive, most: int) -> bytes:
    """The body, unless it says that it is too large, or turns out to be."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    if kinds and not kinds[0].lower().startswith(b"application/json"):
        raise _Refused(415, "Send JSON; no files are taken here.")
    sizes = [value for name, value in scope["headers"] if name == b"content-length"]
    if sizes and (not sizes[0].isdigit() or int(sizes[0][:20]) > most):
        raise _Refused(413, f"That is too large: at most {most:,} bytes.")
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Refused(400, "The request was not sent to its end.")
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > most:
            raise _Refused(413, f"That is too large: at most {most:,} bytes.")
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """What the body was read from, as if it had not been."""
    left = [body]

    async def read() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return read


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        call = parsed(body, most_depth=MOST_DEPTH)
    except TooDeep:
        raise _Refused(422, f"Send one JSON object, nested {MOST_DEPTH} deep at most.") from None
    except ValueError:
        raise _Refused(400, "That is no JSON.") from None
    if not isinstance(call, dict):
        raise _Refused(422, f"Send one JSON object, nested {MOST_DEPTH} deep at most.")
    return call


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise _Refused(422, what)


def _check_call(body: dict[str, Any], calls: Calls) -> None:
    """A call of a function by its number, through the queue or directly."""
    number, data = body.get("fn_index"), body.get("data")
    takes = calls.inputs.get(number) if isinstance(number, int) and _is_number(number) else None
    _require(takes is not None, "fn_index must be the number of a function here.")
    _require(isinstance(data, list) and len(data) == takes, "data must be a list of the inputs.")
    _check_session(body)


def _check_session(body: dict[str, Any]) -> None:
    _require(_is_name(body.get("session_hash")), "session_hash must be a short name.")
    _require(body.get("event_id") is None or _is_name(body["event_id"]), "event_id must be a short name.")
    trigger = body.get("trigger_id")
    _require(trigger is None or (_is_number(trigger) and abs(trigger) < 2**31), "trigger_id must be a number.")
    for name in ("batched", "simple_format", "oauth_token"):
        _require(not body.get(name), f"{name} is not taken here.")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _check_start(body: dict[str, Any], calls: Calls) -> None:
    """A call of the public function by its name."""
    _require(isinstance(body.get("data"), list), "data must be a list of the inputs.")
    _require(len(body["data"]) == calls.start, "data must be a list of the inputs.")
    _check_session({"session_hash": "none", **body})


def _check_server(body: dict[str, Any], calls: Calls) -> None:
    """A command to a run."""
    _require("data" in body, "data must be there.")
    _require(_is_name(body.get("session_hash")), "session_hash must be a short name.")
    number = body.get("component_id")
    _require(_is_number(number) and number in calls.components, "component_id must be the number of a panel here.")
    _require(body.get("fn_name") == "control", "There is no such function.")


def _check_cancel(body: dict[str, Any], calls: Calls) -> None:
    number = body.get("fn_index")
    _require(_is_number(number) and number in calls.inputs, "fn_index must be the number of a function here.")
    names = [body.get("session_hash"), body.get("event_id")]
    _require(all(map(_is_name, names)), "session_hash and event_id must be short names.")


def _check_reset(body: dict[str, Any], calls: Calls) -> None:
    _require(_is_name(body.get("event_id")), "event_id must be a short name.")


_BODIES: Mapping[str, Callable[[dict[str, Any], Calls], None]] = {
    _START: _check_call,
    _DIRECT: _check_call,
    _CALL: _check_start,
    _SERVER: _check_server,
    "/gradio_api/cancel": _check_cancel,
    "/gradio_api/reset": _check_reset,
}


class _Answer:
    """What an answer goes out through: it gets our headers.

    Attributes:
        started: whether it has begun.
    """

    def __init__(self, send: Send, *, softens: bool) -> None:
        """`softens`: an error that the page's own functions raise in words comes as 500; it is the request's."""
        self._send, self._softens = send, softens
        self._ended = False
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            status = 422 if self._softens and message["status"] == 500 else message["status"]
            ours = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "status": status, "headers": [*message.get("headers", []), *ours]}
        self._ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def end(self) -> None:
        """Nothing more comes."""
        if not self._ended:
            await self({"type": "http.response.body", "body": b"", "more_body": False})
