"""A dialogue in numbers, a line for each lane: for the table that `chat` ends with, and for its JSON."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from comparisons.commands.shared.terminal import columns
from comparisons.recordings.dialogues import DialogueLaneRecording, DialogueRecording
from comparisons.runs.dialogue.records import TurnRecord
from comparisons.text.requests import TURNS_PER_ROUND

__all__ = ["growth", "summary", "table"]

_HEAD = [
    "lane", "turns", "tokens", "KV, MB", "perplexity", "repetition", "first token, ms", "growth", "facts", "broke",
    "ended",
]  # fmt: skip


def growth(turns: Sequence[TurnRecord]) -> float | None:
    """How many times as long as in its second round the first token takes in a lane's last round.

    A round has the same kinds of requests as every other, so that medians of rounds compare. None before there are
    three rounds.
    """
    times = [record["first_token_ms"] for record in turns]
    if len(times) < 3 * TURNS_PER_ROUND:
        return None
    return median(times[-TURNS_PER_ROUND:]) / median(times[TURNS_PER_ROUND : 2 * TURNS_PER_ROUND])


def summary(recording: DialogueRecording) -> list[dict[str, Any]]:
    """Each lane in numbers: of its last turn, and over all."""
    return [_summed(lane) for lane in recording.lanes]


def _summed(lane: DialogueLaneRecording) -> dict[str, Any]:
    turns = lane.turns
    judged = [record["right"] for record in turns if record["right"] is not None]
    last = turns[-1] if turns else None
    return {
        "policy": lane.policy,
        "status": lane.status,
        "reason": lane.reason,
        "broke": lane.broke,
        "turns": len(turns),
        "tokens": last["tokens"] if last else 0,
        "kv_bytes": max((record["kv_bytes"] for record in turns), default=0),
        "perplexity_latest": last["perplexity_latest"] if last else None,
        "repetition_latest": last["repetition_latest"] if last else None,
        "first_token_ms": median(record["first_token_ms"] for record in turns) if turns else None,
        "first_token_growth": growth(turns),
        "right": sum(judged),
        "judged": len(judged),
    }


def table(recording: DialogueRecording) -> str:
    """The lanes, a line each."""
    return columns([_HEAD, *(_row(**row) for row in summary(recording))], words=(0, 9, 10))


def _row(
    *, policy: str, turns: int, tokens: int, kv_bytes: int, right: int, judged: int, broke: int | None, **more: Any
) -> list[str]:
    measured = ("perplexity_latest", "repetition_latest", "first_token_ms", "first_token_growth")
    return [
        policy, f"{turns:,}", f"{tokens:,}", f"{kv_bytes / 1e6:.1f}", *(_number(more[name]) for name in measured),
        f"{right} of {judged}", "–" if broke is None else f"turn {broke + 1}", more["reason"] or more["status"],
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"
