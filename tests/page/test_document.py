from __future__ import annotations

import asyncio
import html.parser

import brotli
import pytest

from comparisons.page.document import Document, Head, rewritten
from comparisons.page.words import language, languages

GRADIOS = """<!doctype html>
<html
	lang="en"
	style="margin: 0"
>
	<head>
		<base href="./" />
		<meta property="og:title" content="Gradio" />
		<meta
			property="og:image"
			content="https://example.org/gradio.jpg"
		/>
		<meta name="twitter:title" content="Gradio" />
		<script>window.gradio_config = {"title": "<meta name=nothing>"}</script>
	</head>
	<body><gradio-app></gradio-app></body>
</html>"""

SAID = ("title", "description", "og:title", "og:description", "og:image", "og:url", "twitter:card")


class Read(html.parser.HTMLParser):
    """What a crawler reads of a document that runs no scripts."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.said: dict[str, list[str]] = {}
        self.links: list[dict[str, str | None]] = []
        self.language, self.in_title = "", False
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "html":
            self.language = given["lang"]
        if tag == "link":
            self.links.append(given)
        if tag == "meta" and (name := given.get("property") or given.get("name")):
            self.said.setdefault(name, []).append(given["content"])
        self.in_title = tag == "title"

    def handle_data(self, data):
        if self.in_title:
            self.said.setdefault("title", []).append(data)
            self.in_title = False


def head(code: str) -> Head:
    return Head(
        words=language(code), style="s.css", fonts="@font-face {}", script="p.js", picture="preview.png",
        first_paint='{"seq":0}', others=tuple(languages().values()),
    )  # fmt: skip


@pytest.mark.parametrize("code", languages())
def test_a_crawler_reads_each_page_in_its_language_and_everything_once(code):
    read = Read(rewritten(GRADIOS, head(code), "https://example.org/"))
    words = language(code)
    assert read.language == code
    assert all(len(read.said[name]) == 1 for name in SAID)
    assert read.said["title"] == read.said["og:title"] == [words["headline"]]
    assert read.said["description"] == read.said["og:description"] == [words["description"]]
    assert read.said["og:image"] == ["https://example.org/preview.png"]
    address = "https://example.org/" + ("" if code == "en" else code)
    assert read.said["og:url"] == [address]
    assert next(link["href"] for link in read.links if link["rel"] == "canonical") == address
    others = {link["hreflang"]: link["href"] for link in read.links if link["rel"] == "alternate"}
    assert others.keys() == languages().keys() and others["en"] == "https://example.org/"
    assert "Gradio" not in str(read.said)


def served(path: str, headers: dict[str, str], *, method: str = "GET", kind: str = "text/html; charset=utf-8"):
    """What the middleware makes of an answer that comes in two parts: status, headers, body."""

    async def app(scope, receive, send):
        raw = [(b"content-type", kind.encode()), (b"content-length", str(len(GRADIOS)).encode()), (b"x-kept", b"yes")]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": GRADIOS[:50].encode(), "more_body": True})
        await send({"type": "http.response.body", "body": GRADIOS[50:].encode()})

    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in {"host": "here:7860", **headers}.items()]
    scope = {"type": "http", "method": method, "path": path, "scheme": "http", "headers": raw}
    asyncio.run(Document(app, {code: head(code) for code in languages()})(scope, None, send))
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}, b"".join(
        message.get("body", b"") for message in sent[1:]
    )


def test_a_document_is_compressed_for_browsers_that_can_read_that():
    headers, body = served("/it", {"accept-encoding": "gzip, br"})
    plain_headers, plain = served("/it", {})
    assert brotli.decompress(body) == plain and len(body) < len(plain)
    assert (headers["content-encoding"], int(headers["content-length"])) == ("br", len(body))
    assert "content-encoding" not in plain_headers and int(plain_headers["content-length"]) == len(plain)
    assert headers["vary"] == "Accept-Encoding" and headers["x-kept"] == "yes"


def test_behind_a_proxy_the_address_is_that_of_the_visitor():
    read = Read(served("/", {"x-forwarded-proto": "https", "x-forwarded-host": "demo.example"})[1].decode())
    assert read.said["og:url"] == ["https://demo.example/"]
    assert Read(served("/", {})[1].decode()).said["og:url"] == ["http://here:7860/"]


@pytest.mark.parametrize(
    ("path", "more"), [("/config", {}), ("/", {"method": "HEAD"}), ("/xx", {}), ("/", {"kind": "application/json"})]
)
def test_everything_else_passes_as_it_is(path, more):
    headers, body = served(path, {"accept-encoding": "br"}, **more)
    assert body.decode() == GRADIOS and "content-encoding" not in headers


def test_the_panel_has_its_place_and_its_run_before_gradio_begins():
    body = rewritten(GRADIOS, head("en"), "https://example.org/").partition("<body>")[2]
    before = body.partition("<gradio-app>")[0]
    assert before.count("data-place=") == 2
    assert '<script type="application/json" id="sl-first-paint">{"seq":0}</script>' in before
