from __future__ import annotations

import inspect
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from gradio.state_holder import SessionState
from gradio.utils import MatplotlibBackendMananger
from gradio_client import Client
from gradio_client.exceptions import AppError

from app import main
from comparisons.page.build import build
from comparisons.page.forms import Form
from comparisons.page.gradio_internals import spare_searches
from comparisons.page.library import first_paint, library
from comparisons.page.serve import check_address
from comparisons.page.words import languages
from comparisons.paths import RECORDINGS
from streaming.errors import SettingsError
from tests.support import speaking
from tests.support.serving import command, free_port, served

GOOD = {**Form(recent=28, budget_mb=1, pace=0, seed=3).values(), "model": "tiny"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return speaking.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def app(folder) -> Iterator[tuple[str, psutil.Process]]:
    with served(str(folder), python=sys.executable) as (address, process):
        yield address, psutil.Process(process.pid)


@pytest.fixture
def client(app) -> Client:
    return Client(app[0], verbose=False, analytics_enabled=False)


def frames_of(job) -> list[dict]:
    return [json.loads(text) for text in job.outputs()]


def test_a_run_reads_until_its_dense_lane_is_full_and_stops_with_its_visitor(app, client):
    job = client.submit(*GOOD.values(), api_name="/start")
    deadline = time.monotonic() + 60
    while not (frames := frames_of(job)) or frames[-1]["lanes"][0]["status"] != "stopped":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    dense, sinks = frames[-1]["lanes"]
    assert dense["reason"] == "kv-budget" and dense["kv_bytes"] <= 1_000_000
    assert (sinks["sinks"], sinks["recent"], sinks["cache_tokens"]) == (4, 28, 32)
    assert frames[0]["header"]["seed"] == 3
    busy = app[1].num_threads()
    job.cancel()
    speaking.wait_until(lambda: app[1].num_threads() < busy, seconds=5)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sinks", 9, "from 0 to 8"),
        ("sinks", 2.5, "whole number"),
        ("sinks", True, "whole number"),
        ("recent", 15, "from 16 to"),
        ("recent", "many", "whole number"),
        ("recent", None, "whole number"),
        ("budget_mb", 0, "from 1 to"),
        ("budget_mb", 1e300, "from 1 to"),
        ("budget_mb", [32], "whole number"),
        ("pace", -2, "from -1 to"),
        ("pace", {"a": 1}, "whole number"),
        ("seed", 10_000, "from 0 to 9,999"),
        ("lanes", ["dense"], "lanes must be"),
        ("lanes", "window", "lanes must be"),
        ("positions", "nowhere", "positions must be"),
        ("model", "/etc/passwd", "owner/name"),
        ("model", "https://example.org/a/b", "owner/name"),
        ("model", None, "model must be"),
        ("source", "file", "source must be"),
        ("source", "text", "There is no text to read"),
        ("after", 1, "after must be"),
    ],
)
def test_bad_values_through_the_api_get_our_words(client, name, value, words):
    with pytest.raises(AppError, match=words):
        client.submit(*{**GOOD, name: value}.values(), api_name="/start").result(timeout=30)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_only_javascript_calls_numbers_gets_our_words_too(app, value):
    calls = f"{app[0]}gradio_api/call/start"
    asked = httpx.post(
        calls,
        content=f'{{"data": [{value}, 28, 1, 0, 0, [], "cache", "", "prompts", "stop", "read", 0]}}',
        headers={"content-type": "application/json"},
    )
    said = httpx.get(f"{calls}/{asked.json()['event_id']}", timeout=30).text
    assert "event: error" in said and "sinks must be a whole number" in said


def told_of(address: str, event_data: object, **changes: object) -> Iterator[dict]:
    """The messages of a run that is started as the page does it, with something that goes along."""
    config = httpx.get(f"{address}config").json()
    start = next(number for number, call in enumerate(config["dependencies"]) if call["api_name"] == "start")
    body = {"data": [*{**GOOD, **changes}.values()], "event_data": event_data, "fn_index": start, "session_hash": "eve"}
    httpx.post(f"{address}gradio_api/queue/join", json=body).raise_for_status()
    with httpx.stream("GET", f"{address}gradio_api/queue/data?session_hash=eve", timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def end_of(messages: Iterator[dict]) -> dict:
    return next(message for message in messages if message["msg"] == "process_completed")


def test_a_text_that_comes_with_the_start_is_read_to_its_end(app):
    text = "A quiet lantern \0\u202e hung above the door. " * 40
    messages = list(told_of(app[0], {"text": text}, source="text", budget_mb=8))
    first, last = (
        json.loads(next(one for one in messages if one["msg"] == kind)["output"]["data"][0])
        for kind in ("process_generating", "process_completed")  # those between tell what has changed
    )
    assert (first["header"]["source"], first["header"]["source_characters"]) == ("text", len(text))
    assert [lane["reason"] for lane in last["lanes"]] == ["end-of-text"] * 2


@pytest.mark.parametrize("event_data", [None, "text", {"text": None}, {"text": " "}, {"text": ["a"]}, {"more": "x"}])
def test_a_start_without_its_text_gets_our_words(app, event_data):
    assert "There is no text to read" in end_of(told_of(app[0], event_data, source="text"))["output"]["error"]


def test_a_text_that_is_too_long_gets_our_words(app):
    ended = end_of(told_of(app[0], {"text": "x" * 2_000_001}, source="text"))
    assert "2,000,000 can be read at most" in ended["output"]["error"]


def test_a_bundled_model_can_be_read_with_beside_the_servers_own(client):
    job = client.submit(*{**GOOD, "model": "vanilla", "pace": 50}.values(), api_name="/start")
    deadline = time.monotonic() + 60
    while len(frames := frames_of(job)) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    job.cancel()
    assert next(frame for frame in frames if frame["state"] != "loading")["header"]["model"] == "vanilla"


@pytest.mark.parametrize("request_", [None, "stop", {}, {"run": "x", "action": "stop"}, {"run": {}, "action": []}])
def test_a_command_without_a_run_of_its_own_does_nothing(app, request_):
    config = httpx.get(f"{app[0]}config").json()
    panel = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "panel")
    body = {"data": [request_], "fn_name": "control", "component_id": panel, "session_hash": "nobody"}
    answer = httpx.post(f"{app[0]}gradio_api/component_server/", json=body)
    assert answer.json() is False


def test_what_gradio_imports_around_every_frame_is_not_looked_for_every_time(monkeypatch):
    class Finder:
        def find_spec(self, name, path=None, target=None):
            looked_for.append(name)

    looked_for = []
    monkeypatch.setattr(sys, "meta_path", [Finder()])
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as it was comes back
    monkeypatch.delitem(sys.modules, "matplotlib")
    spare_searches()
    assert looked_for == ["matplotlib"]
    with MatplotlibBackendMananger():
        pass
    assert looked_for == ["matplotlib"]


def test_for_no_visitor_the_signatures_of_components_are_read_again(monkeypatch):
    page = build(speaking.loaded(), scripts=dict.fromkeys(languages(), "panel.js"))
    read, asked = inspect.Signature.from_callable, []
    monkeypatch.setattr(inspect, "_signature_from_function", lambda *args, **more: asked.append(args))
    SessionState(page)
    assert asked == [] and read(SessionState.__init__) is None, "a signature that is not kept is read"


def test_for_no_visitor_the_scripts_are_searched(monkeypatch):
    def search(pattern, text, *flags):
        lengths.append(len(text))
        return found(pattern, text, *flags)

    page = build(speaking.loaded(), scripts=dict.fromkeys(languages(), "panel.js"))
    found, lengths = re.search, []
    monkeypatch.setattr(re, "search", search)
    SessionState(page)
    assert max(lengths, default=0) < 10_000


def test_the_recorded_run_is_small_enough_to_come_with_the_page():
    payload = first_paint(library(RECORDINGS))
    assert len(payload) <= 40_000
    assert json.loads(payload)["recorded"] is True


def test_a_missing_model_is_said_in_one_line_before_anything_is_served(tmp_path):
    process = command("--model", str(tmp_path / "nowhere"), out=tmp_path / "said.txt")
    assert process.wait(timeout=90) == 2
    said = (tmp_path / "said.txt").read_text().strip()
    assert said.startswith("app.py: ") and "nowhere" in said and "\n" not in said


def refusal(capsys, *argv: str) -> str:
    """What the app says when it does not start."""
    assert main(argv) == 2
    told = capsys.readouterr()
    return f"{told.out}{told.err}".strip()


def test_a_damaged_model_is_said_in_one_line_before_anything_is_served(folder, tmp_path, capsys):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[: 2000 if file.suffix == ".safetensors" else None])
    said = refusal(capsys, "--model", str(tmp_path))
    assert said.startswith("app.py: ") and "\n" not in said


def test_a_wrong_environment_is_said_in_one_line_before_anything_is_served(monkeypatch, capsys):
    monkeypatch.setenv("STREAMING_RUNS", "plenty")
    said = refusal(capsys)
    assert said.startswith("app.py: ") and "STREAMING_" in said and "'plenty'" in said and "\n" not in said


@pytest.mark.parametrize("port", ["taken", "0", "-3", "65536", "99999"])
def test_a_port_that_cannot_be_is_said_in_one_line_before_a_model_is_loaded(tmp_path, capsys, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = str(taken.getsockname()[1]) if port == "taken" else port
        said = refusal(capsys, "--model", str(tmp_path / "nowhere"), f"--port={given}")
    assert said.startswith("app.py: ") and given in said and "--port" in said and "\n" not in said
    assert "nowhere" not in said


@pytest.mark.parametrize(("host", "port"), [("host.invalid", None), ("host.invalid", 7900), ("192.0.2.1", 7900)])
def test_a_host_that_is_not_of_this_machine_is_said(monkeypatch, host, port):
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7900")
    with pytest.raises(SettingsError, match=rf"{host}, port 7900 .*--host"):
        check_address(host, port)


def test_what_gradio_reads_from_the_environment_is_checked_too(monkeypatch):
    monkeypatch.setenv("GRADIO_SERVER_PORT", "many")
    with pytest.raises(SettingsError, match="many is no port"):
        check_address(None, None)
    monkeypatch.delenv("GRADIO_SERVER_PORT")
    check_address(None, None)
    check_address(None, free_port())
