from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from comparisons.page.qr import PATH, drawn, qr_route

pytest.importorskip("segno", reason="QR codes need the extra qr")


def client() -> TestClient:
    return TestClient(Starlette(routes=[qr_route()]), base_url="http://class.example:7860")


def test_it_is_the_address_that_the_visitor_has_in_the_language_of_the_page():
    assert client().get("/" + PATH.format(language="en")).content == drawn("http://class.example:7860/")
    assert client().get("/" + PATH.format(language="it")).content == drawn("http://class.example:7860/it")
    proxied = {"x-forwarded-proto": "https", "x-forwarded-host": "demo.example"}
    assert client().get("/" + PATH.format(language="en"), headers=proxied).content == drawn("https://demo.example/")


def test_there_is_none_for_a_language_that_is_none():
    assert client().get("/" + PATH.format(language="xx")).status_code == 404
