"""The app as strangers use it: a real server, real sockets, and what they do to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.load.ends import end_by, in_a_namespace
from tests.support import speaking
from tests.support.clients import VALUES as SENT
from tests.support.clients import Site
from tests.support.serving import ROOT, free_port, served, wait_for

SETTINGS = {"STREAMING_RUNS": "2", "STREAMING_WAITING": "2", "STREAMING_KV_MB": "100"}
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return speaking.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("log") / "server.txt"


@pytest.fixture(scope="module")
def site(folder, log) -> Iterator[Site]:
    with served(str(folder), out=log, **SETTINGS) as (address, _):
        yield Site.at(address)


@pytest.fixture(autouse=True)
def _nothing_breaks(request, log) -> Iterator[None]:
    yield
    if log.exists():
        said = log.read_text("utf-8", errors="replace")
        assert "Traceback" not in said and '"level": "error"' not in said
        assert "secret" not in said


@pytest.mark.parametrize("way", ["closed", "stopped", "started again"])
def test_many_runs_leave_nothing_behind(site, way):
    def end(runs: int) -> None:
        for _ in range(runs):
            end_by(site, way)
            site.settled(runs=1)  # no more than two at a time: the others would have to wait

    end(3)
    before = site.settled()
    end(20)
    ended = time.monotonic()
    after = site.settled()
    assert time.monotonic() - ended < 20, "runs ended late, even for a busy machine"
    assert after["kv_bytes"] == 0
    assert after["threads"] <= before["threads"] + 12, "threads that wait for calls come and go"
    assert after["files"] <= before["files"] + 4
    assert after["rss_bytes"] <= before["rss_bytes"] + 30e6


def test_a_run_that_nobody_reads_ends_within_seconds(site):
    wires = [site.abandoned(site.join(pace=0)), None]
    site.join()
    speaking.wait_until(lambda: site.health()["runs"] == len(wires), seconds=30)
    site.settled(seconds=60)
    wires[0].close()


def test_runs_whose_network_is_lost_end_soon_after_and_leave_nothing_behind():
    if os.getuid() != 0 or subprocess.run(["unshare", "--net", "true"], check=False).returncode:
        pytest.skip("only root can make a network of its own")
    found = in_a_namespace(runs=4)
    assert found["seconds"] < 20
    assert found["kv_bytes"] == 0
    assert found["files"] <= 0
    assert found["rss_mb"] < 40


def test_who_waits_hears_the_place_and_then_reads(site):
    held = [site.frames(site.join()) for _ in range(2)]
    for frames in held:
        next(frames)
    waiting = site.frames(site.join())
    told = next(waiting)
    assert (told["state"], told["place"]) == ("queued", 1)
    held[0].close()
    assert next(frame for frame in waiting if frame["state"] != "queued")["lanes"]
    held[1].close(), waiting.close()
    site.settled()


def test_whoever_finds_the_queue_full_is_told_so(site):
    frames = [site.frames(site.join()) for _ in range(4)]
    for one in frames:
        next(one)
    with pytest.raises(AssertionError, match="All 2 places are taken and 2 others wait"):
        list(site.frames(site.join()))
    for one in frames:
        one.close()
    site.settled()


def test_a_stranger_steers_nobodys_run_and_reads_nobodys_frames(site):
    frames = site.frames(site.join())
    next(frames)
    assert site.control("eve", "stop") is False
    other = httpx.get(f"{site.address}gradio_api/queue/data?session_hash=somebody", timeout=60)
    assert "lanes" not in other.text and "session_not_found" in other.text
    assert next(frames)["state"] == "running"
    frames.close()


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=app.py",
        "gradio_api/file=/etc/passwd",
        "file=/etc/passwd",
        "static/../app.py",
        "static/%2e%2e/app.py",
        "assets/..%2f..%2fapp.py",
        "gradio_api/vendor/../../../app.py",
        "gradio_api/upload",
        "gradio_api/runs",
        "monitoring",
        "gradio_api/call/preset/abc",
        "assets/../../../../etc/passwd",
        "gradio_api/custom_component/1/2/3/app.py",
    ],
)
def test_no_other_file_is_served(site, path):
    request = f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    answer = site.raw(request)
    assert re.match(rb"HTTP/1.1 40[04]", answer) and b"root:" not in answer and b"def main" not in answer


def test_uploads_are_refused_unread(site):
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    assert site.raw(head + b"Content-Length: 99999999999\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 404")


def test_the_page_comes_with_headers_that_allow_a_space_to_embed_it(site):
    headers = httpx.get(site.address).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "x-frame-options" not in headers and "https://huggingface.co" in headers["content-security-policy"]


NASTY = st.sampled_from(
    ["<img src=x onerror=alert(1)>", "{{7*7}}", "${7*7}", "\u202eabc", "\0", "'; --", "../" * 9, "1e999"]
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | NASTY | st.text(max_size=50)


@QUICK
@given(
    st.dictionaries(st.sampled_from(["sinks", "recent", "pace", "model", "lanes", "__theme", "x"]), NASTY | st.text())
)
def test_any_query_gets_the_page_and_is_no_part_of_its_markup(site, query):
    try:
        answer = httpx.get(site.address, params=query, timeout=60)
    except (httpx.InvalidURL, UnicodeEncodeError):
        return
    assert answer.status_code == 200
    assert "<img src=x onerror" not in answer.text


@QUICK
@given(values=st.lists(VALUES, min_size=len(SENT), max_size=len(SENT)))
def test_any_values_start_a_run_or_get_our_words(site, values):
    body = {"data": values, "fn_index": site.start, "session_hash": "fuzz"}
    headers = {"content-type": "application/json"}
    address = f"{site.address}gradio_api/queue/join"
    joined = httpx.post(address, content=json.dumps(body), headers=headers, timeout=60)
    assert joined.status_code == 200
    ended = next(one for one in site.messages("fuzz") if one["msg"] in ("process_generating", "process_completed"))
    if not ended["success"]:
        assert ended["output"]["error"].strip()


@QUICK
@given(junk=st.binary(max_size=200), verb=st.sampled_from([b"GET", b"POST", b"PUT", b"\xff", b""]))
def test_any_bytes_on_the_wire_get_an_answer_below_500_or_none(site, junk, verb):
    path = junk.replace(b"\r", b"").replace(b"\n", b"")[:60]
    answer = site.raw(verb + b" /" + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", seconds=3)
    assert not answer or re.match(rb"HTTP/1.1 [234]", answer)


def test_joins_that_are_replayed_left_or_cancelled_hold_no_place(site):
    for _ in range(3):
        session = site.join("again")
    site.frames(session).close()
    body = {"session_hash": "again", "fn_index": site.start, "event_id": "0" * 32}
    assert httpx.post(f"{site.address}gradio_api/cancel", json=body, timeout=60).status_code == 200
    assert (
        site.raw(b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n{", seconds=1) == b""
    )
    assert httpx.get(f"{site.address}gradio_api/queue/data?session_hash=nobody", timeout=60).status_code == 200
    site.settled(seconds=60)


def test_a_text_of_any_bytes_is_read(site):
    text = bytes(range(256)).decode("latin-1") * 3 + "\U0001f600\u202e\u0000" + "e\u0301" * 400 + "secret"
    last = list(site.frames(site.join(source="text", text=text, pace=0, budget_mb=8)))[-1]
    assert [lane["reason"] for lane in last["lanes"]] == ["end-of-text"] * 2


def test_the_end_of_the_server_is_told_and_it_ends_soon(folder):
    with served(str(folder), **SETTINGS) as (address, process):
        site = Site.at(address)
        frames = site.frames(site.join())
        next(frames)
        sent = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        told = [frame["lanes"][0]["reason"] for frame in frames if frame["state"] == "finished"]
        assert set(told) == {"restart"}  # the last frame comes once more with the end of the call
        assert process.wait(timeout=20) == 0
        assert time.monotonic() - sent < 15


READ_ONLY = """
mount --make-rprivate / && mount --bind "$0" /mnt && mount -t tmpfs none /tmp && mount -t tmpfs none /dev/shm || exit 77
# The checkout may lie under /tmp, and be hidden with it.
mkdir -p "$0" && mount --bind /mnt "$0" && umount /mnt && mount -o remount,bind,ro "$0" && cd "$0" || exit 77
for place in $(cut -d' ' -f2 /proc/mounts); do
    case $place in /tmp*|/proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro $place || exit 77;; esac
done
touch /here 2>/dev/null && exit 77
exec env -i PATH="$PATH" GRADIO_TEMP_DIR=/tmp/gradio HF_HOME=/tmp/hf "$@"
"""


def test_it_serves_from_a_root_that_cannot_be_written_without_a_home():
    if shutil.which("unshare") is None or os.getuid() != 0:
        pytest.skip("only root can make a root that cannot be written")
    port = free_port()
    serve = [sys.executable, "app.py", "--model", "sink", "--host", "127.0.0.1", "--port", str(port)]
    started = ["unshare", "--mount", "sh", "-c", READ_ONLY, str(ROOT), *serve]
    process = subprocess.Popen(started, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/", process)
        site = Site.at(f"http://127.0.0.1:{port}/")
        frames = site.frames(site.join())
        assert next(frames)["header"]["model"] == "sink"
        frames.close()
    except AssertionError:
        if process.poll() == 77:
            pytest.skip("no mounts can be made here")
        raise
    finally:
        process.terminate()
        process.communicate(timeout=20)
