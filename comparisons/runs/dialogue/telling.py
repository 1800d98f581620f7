"""A dialogue told as frames, each overlapping the one before."""

from __future__ import annotations

from collections.abc import Sequence

from comparisons.runs.dialogue.breaking import broke
from comparisons.runs.dialogue.frames import DialogueFrame, DialogueHeader
from comparisons.runs.dialogue.speaker import Speaker
from comparisons.runs.frames import FRAME_VERSION
from comparisons.runs.steering import Steering

__all__ = ["DialogueTeller"]

_KEPT_FRAMES = 512
"""Of so many frames it is known where they ended, for a reader who comes back."""


class DialogueTeller:
    """Of one dialogue, for one reader at a time; the reader may be another in the end."""

    def __init__(self, run_id: str, header: DialogueHeader, steering: Steering, speakers: Sequence[Speaker]) -> None:
        """Nothing is told yet."""
        self._id, self._header, self._steering, self._speakers = run_id, header, steering, speakers
        self._nothing = (0,) * len(speakers)
        self._ends: dict[int, tuple[int, ...]] = {}
        self._seq, self._with_header = 0, True
        self._from = self._known = self._nothing

    def frame(self) -> DialogueFrame:
        """The dialogue as it is now; the turns that it told two frames ago are left out."""
        frame = self._told(self._from)
        if self._with_header:
            frame["header"] = self._header
        self._note(tuple(lane["done"] for lane in frame["lanes"]))
        return frame

    def whole(self) -> DialogueFrame:
        """The dialogue as it is now, with all of its turns and the header."""
        return {**self._told(self._nothing), "header": self._header}

    def _told(self, starts: Sequence[int]) -> DialogueFrame:
        state = self._steering.state  # asked for first: a frame that says "finished" is taken after the end
        lanes = [speaker.frame(start) for speaker, start in zip(self._speakers, starts, strict=True)]
        broken = broke({speaker.policy.label: speaker.records for speaker in self._speakers})
        for lane in lanes:
            lane["broke"] = broken[lane["label"]]
        return {
            "version": FRAME_VERSION,
            "kind": "dialogue",
            "run": self._id,
            "seq": self._seq,
            "seconds": round(self._steering.clock.seconds(), 3),
            "state": state,
            "recorded": False,
            "lanes": lanes,
        }

    def rewind(self, seq: int | None) -> None:
        """Tell the next frame to somebody who saw frame `seq` last, or who knows nothing: it carries the header."""
        self._with_header = True
        self._from = self._known = self._nothing if seq is None else self._ends.get(seq, self._nothing)

    def ending(self) -> dict[str, object]:
        """How the dialogue ended, for the log: numbers and fixed words."""
        return {
            "state": self._steering.state,
            "turns": [len(speaker.records) for speaker in self._speakers],
            "reasons": [speaker.reason or "left" for speaker in self._speakers],
        }

    def _note(self, ends: tuple[int, ...]) -> None:
        self._from, self._known = self._known, ends
        self._ends[self._seq] = ends
        self._ends.pop(self._seq - _KEPT_FRAMES, None)
        self._seq, self._with_header = self._seq + 1, False
