"""The page's address as a QR code, for an audience: drawn when it is asked for, as the visitor has the address."""

from __future__ import annotations

import io
from importlib.util import find_spec

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from comparisons.page.document import root_of
from comparisons.page.words import ENGLISH, languages

__all__ = ["PATH", "drawn", "qr_route"]

PATH = "gradio_api/vendor/address-{language}.svg"
"""Where it is, relative to the app's root. Its first part is one that Gradio's proxies let through."""


def drawn(address: str) -> bytes:
    """The QR code of an address, as SVG: black on white, with the quiet border that readers need."""
    import segno  # seldom asked for

    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", border=4, light="#fff", omitsize=True, xmldecl=False)
    return out.getvalue()


def qr_route() -> Route | None:
    """What makes the server offer it; None where the extra "qr" is not installed."""
    return Route("/" + PATH, _respond) if find_spec("segno") else None


def _respond(request: Request) -> Response:
    code = request.path_params["language"]
    if code not in languages():
        return Response(status_code=404)
    address = root_of(request.scope, request.headers) + ("" if code == ENGLISH else code)
    return Response(drawn(address), media_type="image/svg+xml", headers={"Cache-Control": "no-store"})
