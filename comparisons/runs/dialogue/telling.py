"""A dialogue told as frames, each overlapping the one before."""

from __future__ import annotations

from collections.abc import Sequence

from comparisons.runs.dialogue.breaking import broke
from comparisons.runs.dialogue.frames import DialogueFrame, DialogueHeader
from comparisons.runs.dialogue.speaker import Speaker
from comparisons.runs.frames import FRAME_VERSION
from comparisons.runs.overlap import Overlap
from comparisons.runs.steering import Steering

__all__ = ["DialogueTeller"]


class DialogueTeller:
    """Of one dialogue, for one reader at a time; the reader may be another in the end."""

    def __init__(self, run_id: str, header: DialogueHeader, steering: Steering, speakers: Sequence[Speaker]) -> None:
        """Nothing is told yet."""
        self._id, self._header, self._steering, self._speakers = run_id, header, steering, speakers
        self._overlap = Overlap((0,) * len(speakers))

    def frame(self) -> DialogueFrame:
        """The dialogue as it is now; the turns that it told two frames ago are left out."""
        frame = self._told(self._overlap.start)
        if self._overlap.with_header:
            frame["header"] = self._header
        self._overlap.told(tuple(lane["done"] for lane in frame["lanes"]))
        return frame

    def whole(self) -> DialogueFrame:
        """The dialogue as it is now, with all of its turns and the header."""
        return {**self._told(self._overlap.nothing), "header": self._header}

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
            "seq": self._overlap.seq,
            "seconds": round(self._steering.clock.seconds(), 3),
            "state": state,
            "recorded": False,
            "lanes": lanes,
        }

    def rewind(self, seq: int | None) -> None:
        """See `Overlap.rewind`."""
        self._overlap.rewind(seq)

    def ending(self) -> dict[str, object]:
        """How the dialogue ended, for the log: numbers and fixed words."""
        return {
            "state": self._steering.state,
            "turns": [len(speaker.records) for speaker in self._speakers],
            "reasons": [speaker.reason or "left" for speaker in self._speakers],
        }
