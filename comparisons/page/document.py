"""The document as it is served: its head in the page's language, for link previews and search engines, and compressed.

Gradio serves one document for all pages, in English, with previews of its own; what is given to `launch(head=…)` is put
in by a script, which neither previews nor search engines run, and too late for a style.
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

__all__ = ["Document", "Head", "rewritten"]

BROTLI_QUALITY = 5
"""The document differs by address alone: each is compressed once, in some 5 ms."""

_GRADIOS = re.compile(r'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*/>|\s*<title>.*?</title>', re.DOTALL)
_LANG = re.compile(r'(<html\s+lang=")[^"]*"')
_BASE = re.compile(r"<base [^>]*>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What the head of one language's page says.

    Attributes:
        words: the language.
        style: where the page's style is, relative to the app's root.
        script: where the panel's script is.
        picture: where the picture of link previews is.
        others: the languages that the page is there in.
    """

    words: Words
    style: str
    script: str
    picture: str
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
                _tag("link", rel="stylesheet", href=self.style),
                _tag("link", rel="modulepreload", href=self.script),
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
    return f"{document[:at]}\n{head.tags(root)}{document[at:]}"


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
        body = rewritten(body.decode(), head, _root(scope, asked)).encode()
        headers["vary"] = "Accept-Encoding"
        if "br" in asked.get("accept-encoding", ""):
            body = _compressed(body)
            headers["content-encoding"] = "br"
        headers["content-length"] = str(len(body))
    await send({**begun, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})


def _root(scope: Scope, headers: Headers) -> str:
    """The app's address as the visitor has it, behind proxies, too."""
    scheme = headers.get("x-forwarded-proto", scope["scheme"]).split(",")[0].strip()
    host = headers.get("x-forwarded-host", headers.get("host", "localhost")).split(",")[0].strip()
    return f"{scheme}://{host}{scope.get('root_path', '')}/"
