"""Large files for browsers, served from the app itself with cache headers and without compressing them twice."""

from __future__ import annotations

import gzip
import hashlib
from functools import cached_property
from pathlib import Path

import brotli
import plotly
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["StaticFile", "plotly_file", "plotly_source"]

FOR_EVER = "public, max-age=31536000, immutable"
_PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


class StaticFile:
    """A file whose address names its content, so that browsers may keep it for ever.

    Attributes:
        url: where to ask for it, relative to the app's root. Its first part is one that Gradio's proxies let through.
    """

    def __init__(self, path: Path, media_type: str, body: bytes | None = None) -> None:
        """Read the file; each compressed form is made once, when first asked for.

        Args:
            path: of the file; its name becomes part of the address.
            media_type: what browsers are told that it is.
            body: what it holds, where there is no such file.
        """
        self._body = path.read_bytes() if body is None else body
        self._media_type = media_type
        self._etag = hashlib.sha256(self._body).hexdigest()[:12]
        name, _, endings = path.name.partition(".")
        self.url = f"gradio_api/vendor/{name}-{self._etag}.{endings}"

    def route(self) -> Route:
        """What makes the server offer it."""
        return Route(f"/{self.url}", self._respond)

    def _respond(self, request: Request) -> Response:
        headers = {"ETag": f'"{self._etag}"', "Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
        if self._etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        accepted = request.headers.get("accept-encoding", "")
        if "br" in accepted:
            return self._send(self._brotli, headers | {"Content-Encoding": "br"})
        if "gzip" in accepted:
            return self._send(self._gzip, headers | {"Content-Encoding": "gzip"})
        return self._send(self._body, headers)

    def _send(self, body: bytes, headers: dict[str, str]) -> Response:
        return Response(body, headers=headers, media_type=self._media_type)

    @cached_property
    def _brotli(self) -> bytes:
        compressed: bytes = brotli.compress(self._body, quality=9)
        return compressed

    @cached_property
    def _gzip(self) -> bytes:
        return gzip.compress(self._body, 6)


def plotly_file() -> StaticFile:
    """plotly.js, from the installed Python package."""
    return StaticFile(_PLOTLY, "text/javascript")


def plotly_source() -> str:
    """The same, as text."""
    return _PLOTLY.read_text("utf-8")
