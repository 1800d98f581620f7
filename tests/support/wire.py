"""A wire to a server that can be cut and mended, as a network does it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Wire:
    """A port of this machine that leads to another, until it is cut: then its connections break and none is let in."""

    def __init__(self, port: int) -> None:
        """Lead to this port."""
        self._to, self._cut, self._lock = port, False, threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and let none in."""
        with self._lock:
            self._cut = True
            ends = list(self._open)
        for end in ends:
            _break(end)

    def mend(self) -> None:
        """Let connections in again."""
        with self._lock:
            self._cut = False

    def close(self) -> None:
        """Cut it for good."""
        self.cut()
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                with self._lock:
                    cut = self._cut
                if cut:
                    _break(here)
                    continue
                there = socket.create_connection(("127.0.0.1", self._to))
                with self._lock:
                    self._open |= {here, there}
                for source, sink in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with self._lock:
                self._open.discard(end)
            _break(end)


def _break(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextlib.contextmanager
def wired(port: int) -> Iterator[Wire]:
    """A wire to a port, until the block ends."""
    wire = Wire(port)
    try:
        yield wire
    finally:
        wire.close()
