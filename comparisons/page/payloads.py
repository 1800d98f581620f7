"""From the frames of a run to the JSON strings that the panel gets: small, and each of them may be lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import closing
from typing import Any, TypeGuard

from comparisons.page.scripts import escaped
from comparisons.runs.dialogue.frames import DialogueFrame, is_dialogue
from comparisons.runs.frames import AnswerTail, Frame, Loading, Waiting

__all__ = ["payload", "payloads"]

_SELDOM = ("said", "sink_share", "attention", "told")
"""Parts of a lane that stay as they are for many frames; they are told again when they change."""


def payload(frame: Frame | DialogueFrame | Loading | Waiting, told: Frame | None = None) -> str:
    """A frame as the one JSON string that the panel gets; "<" is escaped, so nobody can take it for markup.

    Args:
        frame: what to tell.
        told: an earlier frame of the run whose tails need not be told again.
    """
    return escaped(frame if told is None else _news(frame, told))


def payloads(frames: Generator[Frame | DialogueFrame | Loading | Waiting, None, None]) -> Generator[str, None, None]:
    """A run's payloads. Each tells again what the frame before told, so that losing one loses nothing.

    Closing them closes the frames, and so ends the run, whoever else still holds them.
    """
    earlier: deque[Frame] = deque(maxlen=2)
    with closing(frames):
        for frame in frames:
            if not _is_frame(frame):
                yield payload(frame)
                continue
            yield payload(frame, earlier[0] if len(earlier) == 2 else None)
            earlier.append(frame)


def _is_frame(told: Frame | DialogueFrame | Loading | Waiting) -> TypeGuard[Frame]:
    """Whether this is told of a run that has begun; what is told of a dialogue, or of a wait, has no long tails."""
    return told["state"] not in ("loading", "queued") and not is_dialogue(told)


def _news(frame: Any, told: Frame) -> dict[str, Any]:
    lanes = [
        {
            **{name: part for name, part in lane.items() if name not in _SELDOM or part != dict(before)[name]},
            "curve": _later(lane["curve"], "points", before["curve"]),
            "text": _later(lane["text"], "pieces", before["text"]),
            "answers": _unfinished(lane["answers"], before["answers"]),
        }
        for lane, before in zip(frame["lanes"], told["lanes"], strict=True)
    ]
    return {**frame, "rss": _later(frame["rss"], "points", told["rss"]), "lanes": lanes}


def _later(tail: Any, items: str, before: Any) -> dict[str, Any]:
    """The items of a tail that come after those of the tail before."""
    start = max(tail["from"], before["from"] + len(before[items]))
    return {"from": start, items: tail[items][start - tail["from"] :]}


def _unfinished(answers: AnswerTail, before: AnswerTail) -> dict[str, Any]:
    """The answers that were not told to their end before."""
    done = [answer["done"] for answer in before["items"]]
    told = done.index(False) if False in done else len(done)
    return _later(answers, "items", {"from": before["from"], "items": before["items"][:told]})
