"""The document as it is served: its head in the page's language, a place for the panel, and compressed.

Gradio serves one document for all pages, in English, with previews of its own; what is given to `launch(head=…)` is put
in by a script, which neither previews nor search engines run, and too late for a style. Gradio itself takes more than a
second to begin: until then the panel stands in a place of its own, with the run that it paints beside it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from comparisons.page.words import ENGLISH, Words

__all__ = ["Document", "Head", "rewritten", "root_of"]

BROTLI_QUALITY = 5
"""The document differs by address alone: each is compressed once, in some 5 ms."""

_GRADIOS = re.compile(r'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*/>|\s*<title>.*?</title>', re.DOTALL)
_LANG = re.compile(r'(<html\s+lang=")[^"]*"')
_BASE = re.compile(r"<base [^>]*>")
_URL = re.compile(r"url\('([^']+)'\)")
_FONT = {"as": "font", "type": "font/woff2", "crossorigin": "anonymous"}
_BODY = re.compile(r"<body[^>]*>")

_EARLY = """
<div id="sl-early" class="gradio-container"><div class="main fillable"><div class="html-container">
<div class="sl has_children"><div data-place="top"></div><div data-place="rest"></div></div></div></div></div>
<script type="application/json" id="sl-first-paint">%s</script>"""
"""Where the panel stands at first, laid out as Gradio lays out its component (see hosts/module.js)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What the head of one language's page says.

    Attributes:
        words: the language.
        style: where the page's style is, relative to the app's root.
        fonts: what the style takes for known, as a style of its own.
        script: where the panel's script is.
        picture: where the picture of link previews is.
        first_paint: the payload of the run that is shown until a visitor starts one; "" for none.
        others: the languages that the page is there in.
    """

    words: Words
    style: str
    fonts: str
    script: str
    picture: str
    first_paint: str
    others: tuple[Words, ...]

    def tags(self, root: str) -> str:
        """The tags, for an app at this address, which ends in "/"."""
        address = root + self.words.path.removeprefix("./")
        title, about = self.words["headline"], self.words["description"]
        said = {
            "og:type": "website", "og:site_name": self.words["title"], "og:title": title, "og:description": about,
            "og:url": address, "og:image": root + self.picture, "og:locale": self.words["locale"].replace("-", "_"),
        }  # fmt: skip
        named = {"description": about, "twitter:card": "summary_large_image"}
        return "\n".join(
            [
                f"<title>{html.escape(title)}</title>",
                *(_tag("meta", name=name, content=text) for name, text in named.items()),
                *(_tag("meta", property=name, content=text) for name, text in said.items()),
                _tag("link", rel="canonical", href=address),
                *(
                    _tag("link", rel="alternate", hreflang=one.language, href=root + one.path.removeprefix("./"))
                    for one in self.others
                ),
                *(_tag("link", rel="preload", href=one, **_FONT) for one in _URL.findall(self.fonts)),
                f"<style>{self.fonts}</style>",
                _tag("link", rel="stylesheet", href=self.style),
                f'<script type="module" src="{html.escape(self.script)}"></script>',
            ]
        )


def _tag(kind: str, /, **attributes: str) -> str:
    said = "".join(f' {key}="{html.escape(text)}"' for key, text in attributes.items())
    return f"<{kind}{said}>"


def rewritten(document: str, head: Head, root: str) -> str:
    """Gradio's document with this head."""
    document = _LANG.sub(rf'\g<1>{head.words.language}"', _GRADIOS.sub("", document), count=1)
    base = _BASE.search(document)
    at = base.end() if base else document.index("<head>") + len("<head>")
    body = _BODY.search(document)
    inside = body.end() if body else len(document)
    return f"{document[:at]}\n{head.tags(root)}{document[at:inside]}{_EARLY % head.first_paint}{document[inside:]}"


@lru_cache(maxsize=16)
def _compressed(body: bytes) -> bytes:
    compressed: bytes = brotli.compress(body, quality=BROTLI_QUALITY)
    return compressed


class Document:
    """Middleware: the documents of the pages get their heads."""

    def __init__(self, app: ASGIApp, heads: Mapping[str, Head]) -> None:
        """Take the heads by language."""
        self._app = app
        self._heads = {"/" if code == ENGLISH else f"/{code}": head for code, head in heads.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, but with another head."""
        head = self._heads.get(scope.get("path", "")) if scope["type"] == "http" and scope["method"] == "GET" else None
        if head is None:
            await self._app(scope, receive, send)
            return
        begun: Message = {}
        body = b""

        async def take(message: Message) -> None:
            nonlocal begun, body
            if message["type"] == "http.response.start":
                begun = message
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                await _answer(scope, send, begun, body, head)

        await self._app(scope, receive, take)


async def _answer(scope: Scope, send: Send, begun: Message, body: bytes, head: Head) -> None:
    headers = MutableHeaders(raw=list(begun["headers"]))
    if begun["status"] == 200 and "text/html" in headers.get("content-type", ""):
        asked = Headers(scope=scope)
        body = rewritten(body.decode(), head, root_of(scope, asked)).encode()
        headers["vary"] = "Accept-Encoding"
        if "br" in asked.get("accept-encoding", ""):
            body = _compressed(body)
            headers["content-encoding"] = "br"
        headers["content-length"] = str(len(body))
    await send({**begun, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})


def root_of(scope: Scope, headers: Headers) -> str:
    """The app's address as the visitor has it, behind proxies, too."""
    scheme = headers.get("x-forwarded-proto", scope["scheme"]).split(",")[0].strip()
    host = headers.get("x-forwarded-host", headers.get("host", "localhost")).split(",")[0].strip()
    return f"{scheme}://{host}{scope.get('root_path', '')}/"
