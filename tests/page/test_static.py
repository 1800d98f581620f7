from __future__ import annotations

import gzip
from pathlib import Path

import brotli
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from comparisons.page.static import StaticFile, plotly_file

BODY = b"let a = 1;\n" * 1000


@pytest.fixture
def served(tmp_path):
    (tmp_path / "lib.min.js").write_bytes(BODY)
    file = StaticFile(tmp_path / "lib.min.js", "text/javascript")
    return TestClient(Starlette(routes=[file.route()])), file


@pytest.mark.parametrize(
    ("accepted", "encoding", "unpack"),
    [("gzip, br", "br", brotli.decompress), ("gzip", "gzip", gzip.decompress), ("identity", None, bytes)],
)
def test_it_comes_in_the_best_encoding_and_may_be_kept_for_ever(served, accepted, encoding, unpack):
    client, file = served
    with client.stream("GET", f"/{file.url}", headers={"accept-encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == encoding
    assert unpack(raw) == BODY
    assert int(answer.headers["content-length"]) == len(raw)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")


def test_a_browser_that_has_it_gets_nothing_again(served):
    client, file = served
    tag = client.get(f"/{file.url}").headers["etag"]
    answer = client.get(f"/{file.url}", headers={"if-none-match": tag})
    assert answer.status_code == 304 and not answer.content


def test_what_has_no_file_is_served_all_the_same():
    file = StaticFile(Path("made.txt"), "text/plain", BODY)
    assert TestClient(Starlette(routes=[file.route()])).get(f"/{file.url}").content == BODY


def test_its_address_names_its_content(tmp_path):
    (tmp_path / "a.js").write_bytes(b"1")
    first = StaticFile(tmp_path / "a.js", "text/javascript").url
    (tmp_path / "a.js").write_bytes(b"2")
    assert StaticFile(tmp_path / "a.js", "text/javascript").url != first


def test_plotly_is_the_installed_one():
    assert plotly_file().url.startswith("gradio_api/vendor/plotly-")


def test_it_is_compressed_once_for_all_visitors(served, monkeypatch):
    client, file = served
    calls, compress = [], brotli.compress
    monkeypatch.setattr(brotli, "compress", lambda *args, **kwargs: calls.append(args) or compress(*args, **kwargs))
    for _ in range(3):
        client.get(f"/{file.url}", headers={"accept-encoding": "br"})
    assert len(calls) == 1
