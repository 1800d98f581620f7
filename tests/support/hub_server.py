"""A server on loopback that speaks as much of the Hub's protocol as loading a model needs.

Repositories are dictionaries of file names and bytes; faults are switched on per repository.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants


@dataclass(kw_only=True, slots=True)
class Repository:
    """One repository and what is wrong with it."""

    files: dict[str, bytes]
    gated: bool = False  # anyone may look it up, nobody may download
    needs_token: str | None = None
    told_sizes: dict[str, int] = field(default_factory=dict)  # instead of the true sizes
    cut_after: int | None = None  # bytes of the next answer with weights, which then breaks off
    error_code: int | None = None  # answer every request with this status
    held: threading.Event | None = None  # the second half of the weights waits for it

    @property
    def commit(self) -> str:
        """The repository's only commit, which depends on its files."""
        digest = hashlib.sha1(usedforsecurity=False)
        for name, body in sorted(self.files.items()):
            digest.update(name.encode() + body)
        return digest.hexdigest()

    def entries(self) -> list[dict[str, object]]:
        """The files as the API lists them."""
        return [
            {
                "type": "file",
                "path": name,
                "rfilename": name,
                "size": self.told_sizes.get(name, len(body)),
                "oid": hashlib.sha1(body, usedforsecurity=False).hexdigest(),
            }
            for name, body in self.files.items()
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request that arrived."""

    method: str
    path: str
    range: str | None
    authorization: str | None


class HubServer:
    """The server: start() and stop() it as often as needed, its port stays the same."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """What HF_ENDPOINT has to be."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Answer from now on."""
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def downloads(self) -> list[str]:
        """Names of the files whose contents were asked for."""
        return [
            request.path.rpartition("/")[2]
            for request in self.requests
            if request.method == "GET" and "/resolve/" in request.path
        ]


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer  # HTTP/1.0: every answer ends its connection, so that a stopped server is silent at once

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(
            Request(
                method=self.command,
                path=path,
                range=self.headers.get("Range"),
                authorization=self.headers.get("Authorization"),
            )
        )
        parts = path.strip("/").split("/")
        is_api = parts[:2] == ["api", "models"]
        owner_and_name, rest = (parts[2:4], parts[4:]) if is_api else (parts[:2], parts[2:])
        repository = self.hub.repositories.get("/".join(owner_and_name))
        if repository is None or self._needs_other_token(repository):
            self._refuse(401, "RepoNotFound")
        elif repository.error_code is not None:
            self._refuse(repository.error_code, None)
        elif len(rest) > 1 and rest[1] not in ("main", repository.commit):
            self._refuse(404, "RevisionNotFound")
        elif is_api:
            self._tell(repository, rest)
        elif repository.gated:
            self._refuse(403, "GatedRepo")
        elif "/".join(rest[2:]) not in repository.files:
            self._refuse(404, "EntryNotFound")
        else:
            self._send_file(repository, "/".join(rest[2:]))

    def _needs_other_token(self, repository: Repository) -> bool:
        needed = repository.needs_token
        return needed is not None and self.headers.get("Authorization") != f"Bearer {needed}"

    def _refuse(self, status: int, code: str | None) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _tell(self, repository: Repository, rest: list[str]) -> None:
        if rest[:1] == ["tree"]:
            answer: object = repository.entries()
        else:
            answer = {"id": "o/n", "sha": repository.commit, "siblings": repository.entries()}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_file(self, repository: Repository, name: str) -> None:
        body = repository.files[name]
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if "Range" in self.headers else 200)
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", repository.commit)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if self.command == "GET":
            self._send_body(repository, name, body[start:])

    def _send_body(self, repository: Repository, name: str, body: bytes) -> None:
        if name.endswith(".safetensors") and repository.cut_after is not None:
            body = body[: repository.cut_after]
            repository.cut_after = None
        if name.endswith(".safetensors") and repository.held is not None:
            half = len(body) // 2
            self.wfile.write(body[:half])
            repository.held.wait(60)
            body = body[half:]
        self.wfile.write(body)


@contextmanager
def as_the_hub(cache: Path) -> Iterator[HubServer]:
    """A server in the Hub's place for loads in this process, whose client read the real address on import."""
    server = HubServer()
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", server.url)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}")
        patch.setattr(constants, "HF_HUB_CACHE", str(cache))
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield server
    server.stop()


def files_of(folder: Path) -> dict[str, bytes]:
    """A folder's files, as a repository has them."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
