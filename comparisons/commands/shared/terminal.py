"""A run in a terminal: one line per lane, refreshed in place, or told every few seconds where that cannot be."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from typing import TextIO

from comparisons.runs.frames import Frame, LaneFrame

__all__ = ["REASONS", "LiveLines", "columns", "lane_line", "printable"]

PLAIN_EVERY_SECONDS = 5.0
"""How often a run is told to a file or a pipe."""

REASONS = {
    "kv-budget": "memory budget reached",
    "tokens": "last token of the run",
    "seconds": "end of the run's time",
    "user": "stopped by you",
    "end-of-text": "read the whole text",
    "memory": "shared memory used up",
    "turn": "others waited",
    "idle": "paused too long",
    "restart": "server restarting",
}
"""Why a lane ended, in words."""


class LiveLines:
    """Shows a run's frames: in place on a terminal, as plain lines elsewhere; the last frame is always shown."""

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is written yet.

        Args:
            out: where to write.
            clock: seconds, for what is told every few of them.
        """
        self._out, self._clock = out, clock
        self._in_place = out.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn = 0
        self._told_at: float | None = None
        self._untold: Frame | None = None

    def show(self, frame: Frame) -> None:
        """The run as it is in this frame."""
        if self._in_place:
            self._redraw([lane_line(lane) for lane in frame["lanes"]])
        elif self._due(frame):
            self._tell(frame)
        else:
            self._untold = frame

    def close(self) -> None:
        """Show what was held back; what is written later begins on a line of its own."""
        if self._untold is not None:
            self._tell(self._untold)

    def _redraw(self, lines: list[str]) -> None:
        width = _width(self._out)
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(up + "".join(f"\r{_cut(line, width)}\x1b[K\n" for line in lines) + "\x1b[J")
        self._out.flush()
        self._drawn = len(lines)

    def _due(self, frame: Frame) -> bool:
        waited = self._told_at is None or self._clock() - self._told_at >= PLAIN_EVERY_SECONDS
        return waited or frame["state"] == "finished"

    def _tell(self, frame: Frame) -> None:
        self._told_at, self._untold = self._clock(), None
        self._out.write("".join(f"{lane_line(lane)}\n" for lane in frame["lanes"]))
        self._out.flush()


def lane_line(lane: LaneFrame) -> str:
    """A lane's present numbers, in columns: label, tokens, perplexity, KV memory, tokens per second, status."""
    memory = f"KV {_digits(lane['kv_bytes'] / 1e6)} MB"
    numbers = f"{lane['tokens']:>7,} tokens  perplexity {_digits(lane['perplexity']):<7} {memory:<12}"
    return printable(f"{lane['label']:<12} {numbers} {lane['tokens_per_second']:>6,.0f}/s  {_status(lane)}")


def _digits(value: float | None) -> str:
    """A number in seven letters at most, so that a line with its status fits into 80."""
    if value is None:
        return "–"
    if value < 1000:
        return f"{value:.2f}"
    return f"{value:,.0f}" if value < 999_999 else f"{value:.1e}"


def _status(lane: LaneFrame) -> str:
    why = lane["message"] or REASONS.get(lane["reason"] or "", "")
    return f"{lane['status']}: {why}" if why else lane["status"]


def columns(rows: Sequence[Sequence[str]], words: Collection[int] = (0,)) -> str:
    """A table as text.

    Args:
        rows: cells, the same number in each.
        words: the columns that hold words, which stand to the left; numbers stand to the right.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_line(row, widths, words) for row in cells)


def _line(row: Sequence[str], widths: Sequence[int], words: Collection[int]) -> str:
    places = enumerate(zip(row, widths, strict=True))
    return "  ".join(cell.ljust(width) if i in words else cell.rjust(width) for i, (cell, width) in places).rstrip()


def printable(text: str) -> str:
    """A line stays a line, and nobody's words steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _width(out: TextIO) -> int:
    try:
        return os.get_terminal_size(out.fileno()).columns or 80
    except OSError:
        return 80


def _cut(line: str, width: int) -> str:
    """A line that wrapped would be two, and the next redraw would leave one behind."""
    return line if len(line) <= width else line[: width - 1] + "…"
