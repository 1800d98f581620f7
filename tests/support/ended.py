"""Commands in processes of their own, each ended in one of the ways in which people's commands end.

The processes are forked after all imports: none of them costs a start.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from comparisons import __main__ as program

LONGEST_SECONDS = 60


def start(case: dict[str, Any]) -> tuple[int, int, int]:
    """The process at work, and where its standard output and error can be read."""
    (out, said), (err, told) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid:
        os.close(said), os.close(told)
        return pid, out, err
    code = 99
    try:
        os.close(out), os.close(err)
        os.chdir(case["folder"])
        os.dup2(said, 1)
        os.dup2(said if case["ending"] == "head" else told, 2)
        os.close(said), os.close(told)
        encoding = "ascii" if case["ending"] == "ascii" else "utf-8"
        sys.stdout = None if case["ending"] == "closed" else open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding=encoding, closefd=False)  # noqa: SIM115
        if case["ending"] == "full":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        sys.argv[1:] = case["argv"]
        code = program.process()
    finally:
        os._exit(code)


def watch(case: dict[str, Any], pid: int, out: int, err: int) -> dict[str, Any]:
    """Read what it says; when it has said `after` often enough, end it in the wanted way."""
    texts, open_, end = {out: b"", err: b""}, {out, err}, time.monotonic() + LONGEST_SECONDS
    (word, count), began = case["after"], time.monotonic()
    numbers = [getattr(signal, name) for name in case["ending"].split("+") if hasattr(signal, name)]
    while open_:
        for each in select.select(list(open_), [], [], 0.05)[0]:
            data = os.read(each, 65536)
            texts[each] += data
            if not data or (case["ending"] == "head" and b"\n" in texts[each]):
                open_.discard(each)
                os.close(each)
        said = sum(text.count(word.encode()) for text in texts.values()) >= count
        late = not word and time.monotonic() - began > count
        if numbers and (late or (word and said)):
            os.kill(pid, numbers.pop(0))
            word, count = "", time.monotonic() - began + 0.03  # another one follows soon
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {"code": code, "out": texts[out].decode(errors="replace"), "err": texts[err].decode(errors="replace")}


def serve(cases: Connection) -> None:
    """Case by case: how the process ended, and what it said."""
    with suppress(EOFError):
        while True:
            case = cases.recv()
            cases.send(watch(case, *start(case)))
