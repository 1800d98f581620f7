"""What reaches the app and what does not: the guard before a small app, and anything at all sent to it."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from comparisons.server import guard
from comparisons.server.guard import HEADERS, MOST_BODY_BYTES, MOST_DEPTH, Calls, Guard

JOIN = {"data": [1, 2], "fn_index": 3, "session_hash": "eve"}
COMMAND = {"data": {"run": "x"}, "component_id": 7, "session_hash": "eve", "fn_name": "control"}


async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"seen": await request.json() if request.method == "POST" else request.url.path})


async def broken(request: Request) -> JSONResponse:
    raise ZeroDivisionError("with the visitor's secret in it")


CALLS = Calls(inputs={3: 2, 5: 0, 6: 9}, start=2, components=frozenset({7}))
APP = Starlette(
    routes=[Route("/config", broken), Route("/{path:path}", echo, methods=["GET", "POST"])],
    middleware=[Middleware(Guard, calls=lambda: CALLS, pages=frozenset({"/it"}))],
)


def ask(method: str, address: str, **more: object) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(APP, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, address, **more)

    with ThreadPoolExecutor(1) as aside:  # the browser tests leave a loop running in this thread
        return aside.submit(asyncio.run, asked()).result()


@pytest.mark.parametrize(
    "address",
    [
        "/", "/it", "/it/", "/?sinks=4", "/theme.css", "/assets/index-1.js", "/static/img/logo.svg",
        "/gradio_api/vendor/plotly-1.min.js", "/gradio_api/queue/data?session_hash=eve", "/gradio_api/health",
        "/gradio_api/heartbeat/abc", "/gradio_api/call/start/abc",
    ],
)  # fmt: skip
def test_what_the_page_asks_for_goes_through_with_our_headers(address):
    answer = ask("GET", address)
    assert answer.status_code == 200
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "huggingface.co" in HEADERS["Content-Security-Policy"].split("frame-ancestors")[1]


@pytest.mark.parametrize(
    "address",
    [
        "/gradio_api/file=/etc/passwd", "/file=/etc/passwd", "/gradio_api/file/etc/passwd", "/assets/../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd", "/static/..%5c..%5cx", "/static/a%00b", "/gradio_api/proxy=http://a.hf.space/",
        "/monitoring", "/monitoring/summary", "/gradio_api/runs", "/gradio_api/openapi.json", "/gradio_api/deep_link",
        "/?deep_link=abc", "/login", "/logout", "/gradio_api/token", "/gradio_api/dev/reload",
        "/gradio_api/upload_progress",
        "/gradio_api/stream/a/1/2/playlist.m3u8", "/gradio_api/custom_component/1/2/3/4", "/docs", "/etc/passwd",
        "/gradio_api/vendor/../../app.py", "/gradio_api/queue/status", "/gradio_api/profiling/traces", "/app.py",
    ],
)  # fmt: skip
def test_nothing_else_is_there(address):
    answer = ask("GET", address)
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is nothing here.")


@pytest.mark.parametrize(
    "path", ["upload", "vibe-code", "process_recording", "call/preset", "run/start", "api/predict"]
)
def test_nothing_else_can_be_sent_to(path):
    assert ask("POST", f"/gradio_api/{path}", json=JOIN).status_code == 404
    assert ask("PUT", "/", json=JOIN).status_code == ask("DELETE", "/").status_code == 404


def test_a_proper_call_goes_through_whole():
    text = {**JOIN, "event_data": {"text": "ü\u202e" * 1000}}
    assert ask("POST", "/gradio_api/queue/join", json=text).json() == {"seen": text}
    assert ask("POST", "/gradio_api/component_server/", json=COMMAND).json() == {"seen": COMMAND}
    assert ask("POST", "/gradio_api/call/start", json={"data": [1, 2]}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("queue/join", {**JOIN, "fn_index": 4}),
        ("queue/join", {**JOIN, "fn_index": True}),
        ("queue/join", {**JOIN, "fn_index": None}),
        ("queue/join", {**JOIN, "data": [1]}),
        ("queue/join", {**JOIN, "data": "ab"}),
        ("queue/join", {**JOIN, "session_hash": ""}),
        ("queue/join", {**JOIN, "session_hash": "../../x"}),
        ("queue/join", {**JOIN, "session_hash": ["eve"]}),
        ("queue/join", {**JOIN, "trigger_id": [1]}),
        ("queue/join", {**JOIN, "batched": True}),
        ("run/predict", {**JOIN, "fn_index": -1}),
        ("call/start", {"data": [1]}),
        ("component_server", {**COMMAND, "fn_name": "__class__"}),
        ("component_server", {**COMMAND, "component_id": 8}),
        ("cancel", {"session_hash": "eve", "fn_index": 3}),
        ("cancel", {"session_hash": "eve", "fn_index": "3", "event_id": "a"}),
        ("reset", {"event_id": None}),
    ],
)
def test_what_is_no_call_is_refused_in_words(path, body):
    answer = ask("POST", f"/gradio_api/{path}", json=body)
    assert answer.status_code == 422 and answer.json()["detail"].endswith(".")


def test_what_is_too_large_is_refused_before_it_is_read():
    declared = ask(
        "POST", "/gradio_api/queue/join", content=b"{}", headers={"content-length": str(MOST_BODY_BYTES + 1)}
    )
    assert declared.status_code == 413
    sent = []

    async def endless():
        while True:
            sent.append(1)
            yield b"x" * 100_000

    assert ask("POST", "/gradio_api/component_server", content=endless()).status_code == 413
    assert len(sent) == 1


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)

    async def dribbling():
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    answer = ask("POST", "/gradio_api/queue/join", content=dribbling())
    assert answer.status_code == 408 and "did not come within 0.2 seconds" in answer.json()["detail"]


def test_deep_json_is_refused_and_so_is_what_is_no_json():
    deep = b'{"data": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    assert ask("POST", "/gradio_api/queue/join", content=deep).status_code in (400, 422)
    deep = json.dumps({**JOIN, "event_data": json.loads("[" * MOST_DEPTH + "]" * MOST_DEPTH)}).encode()
    assert ask("POST", "/gradio_api/queue/join", content=deep).status_code == 422
    assert ask("POST", "/gradio_api/queue/join", content=b"\xff\xfe{").status_code == 400
    assert ask("POST", "/gradio_api/queue/join", data={"a": "b"}).status_code == 415
    assert ask("POST", "/gradio_api/queue/join", files={"file": b"x" * 100}).status_code == 415


def test_headers_that_make_up_an_address_must_be_one():
    assert ask("GET", "/", headers={"host": "a b/c?d"}).status_code == 400
    assert ask("GET", "/", headers={"x-forwarded-host": "<script>"}).status_code == 400
    proxied = {
        "x-forwarded-host": "someone-demo.hf.space",
        "x-forwarded-proto": "https",
        "x-forwarded-for": "10.0.0.1, ::1",
    }
    assert ask("GET", "/", headers=proxied).status_code == 200


def test_an_error_behind_it_is_one_line_of_the_log_and_tells_the_visitor_nothing(caplog):
    answer = ask("GET", "/config")
    assert (answer.status_code, answer.json()) == (500, {"detail": "This request cannot be answered."})
    assert [record.getMessage() for record in caplog.records] == ["request failed"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["eve", "control", 3, 7]),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from([*JOIN, *COMMAND, "event_id"]), one),
    max_leaves=12,
)
POSTS = ("queue/join", "run/predict", "call/start", "component_server", "cancel", "reset", "upload", "file=x")


@settings(max_examples=120, deadline=None)
@given(path=st.sampled_from(POSTS), body=JSON | st.fixed_dictionaries(dict.fromkeys(JOIN, JSON)))
def test_any_json_is_either_a_call_or_refused(path, body):
    answer = ask("POST", f"/gradio_api/{path}", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code in (200, 400, 404, 422)


@settings(max_examples=120, deadline=None)
@given(body=st.binary(max_size=300), path=st.sampled_from(POSTS))
def test_any_bytes_are_refused(path, body):
    assert ask("POST", f"/gradio_api/{path}", content=body).status_code in (400, 404, 422)


@settings(max_examples=120, deadline=None)
@given(path=st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_address_is_a_page_of_ours_or_nothing(path):
    answer = ask("GET", f"/{quote(path, safe='/')}")
    assert answer.status_code == 404 or answer.json()["seen"].strip("/") in ("", "it")
