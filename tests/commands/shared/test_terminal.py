from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
from contextlib import suppress
from typing import get_args

import pytest

from comparisons.commands.shared.terminal import REASONS, LiveLines
from comparisons.runs.frames import Reason


def lane(**changes) -> dict:
    return {
        "label": "dense", "tokens": 1234, "status": "reading", "reason": None, "message": "", "kv_bytes": 11_372_544,
        "tokens_per_second": 98.6, "perplexity": 4.056, **changes,
    }  # fmt: skip


def frame(*lanes: dict, state: str = "running") -> dict:
    return {"state": state, "lanes": list(lanes)}


class Screen:
    """What a terminal shows, for as much of ANSI as is used."""

    def __init__(self) -> None:
        self.lines, self.row = [""], 0

    def write(self, text: str) -> None:
        for command in re.findall(r"\x1b\[\d*[A-K]|\r|\n|[^\x1b\r\n]+", text):
            if command.endswith("A"):
                self.row -= int(command[2:-1])
            elif command == "\x1b[J":
                self.lines[self.row :] = [""]
            elif command == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif command not in ("\r", "\x1b[K"):
                self.lines[self.row] = command


@pytest.fixture
def terminal(monkeypatch):
    """A real pseudo-terminal: what to write to, and what it shows when asked."""
    monkeypatch.setenv("TERM", "xterm")
    here, there = pty.openpty()
    os.set_blocking(here, False)
    out = os.fdopen(there, "w", encoding="utf-8")

    def shown() -> list[str]:
        screen, written = Screen(), b""
        with suppress(BlockingIOError):
            while True:
                written += os.read(here, 1 << 16)
        screen.write(written.decode("utf-8").replace("\r\n", "\n"))
        return screen.lines[: screen.row]

    yield out, shown
    out.close()
    os.close(here)


def test_on_a_terminal_every_lane_has_one_line_that_is_redrawn(terminal):
    out, shown = terminal
    lines = LiveLines(out)
    for tokens in (10, 2000, 31):
        lines.show(frame(lane(tokens=tokens), lane(label="sinks:4+124")))
    lines.close()
    dense, sinks = shown()
    assert re.match(r"dense +31 tokens  perplexity 4\.06 +KV 11\.37 MB +99/s  reading$", dense)
    assert sinks.startswith("sinks:4+124")


def test_a_narrow_terminal_still_has_one_line_per_lane(terminal):
    out, shown = terminal
    fcntl.ioctl(out, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    lines = LiveLines(out)
    for _ in range(3):
        lines.show(frame(lane(), lane()))
    assert [len(line) for line in shown()] == [40, 40]


def test_a_file_gets_a_line_per_lane_every_five_seconds_and_at_the_end():
    out, now = io.StringIO(), [0.0]
    lines = LiveLines(out, clock=lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        lines.show(frame(lane(tokens=second)))
    lines.close()
    assert re.findall(r"(\d+) tokens ", out.getvalue()) == ["0", "5", "10", "11"]
    assert "\x1b" not in out.getvalue()


def test_the_frame_that_ends_a_run_is_told_once():
    out = io.StringIO()
    lines = LiveLines(out, clock=lambda: 0.0)
    for tokens in (100, 1200):
        lines.show(frame(lane(tokens=tokens)))
    lines.show(frame(lane(tokens=1200, status="stopped", reason="kv-budget"), state="finished"))
    lines.close()
    first, last = out.getvalue().splitlines()
    assert " 100 tokens" in first
    assert re.match(r"dense +1,200 tokens .*  stopped: memory budget reached$", last)


def test_every_reason_to_stop_has_words():
    assert REASONS.keys() | {"error"} == set(get_args(Reason))


def test_what_is_not_known_is_a_dash_and_words_cannot_steer_the_terminal():
    out = io.StringIO()
    LiveLines(out).show(frame(lane(perplexity=None, status="failed", message="no\n\x1b[2J memory")))
    assert "perplexity –" in out.getvalue()
    assert out.getvalue().count("\n") == 1 and "\x1b" not in out.getvalue()
