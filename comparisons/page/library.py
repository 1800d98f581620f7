"""The recorded runs and dialogues that the page offers: folders of them, each checked, served, known by a few facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from comparisons.page.payloads import payload
from comparisons.page.static import StaticFile
from comparisons.recordings import dialogues, files
from comparisons.recordings.dialogues import DialogueRecording
from comparisons.recordings.format import Recording
from comparisons.recordings.player import overview

__all__ = ["FIRST_PAINT", "Kept", "dialogue_library", "first_paint", "library"]

FIRST_PAINT = "first-paint"
"""The recording that the page shows before Start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A recorded run or dialogue that the page offers.

    Attributes:
        name: made of that of its file; no other's.
        recording: what was recorded.
        file: where a browser finds it.
    """

    name: str
    recording: Recording | DialogueRecording
    file: StaticFile

    def about(self) -> dict[str, object]:
        """What the page knows of it before it is fetched; it becomes its title."""
        header = self.recording.header
        return {
            "name": self.name,
            "url": self.file.url,
            **_length(self.recording),
            "model": header["model"],
            "kinds": [lane.kind for lane in self.recording.lanes],
            "recorded_at": header["recorded_at"],
        }


def _length(recording: Recording | DialogueRecording) -> dict[str, object]:
    """Which mode's it is, and how much was read in it."""
    if isinstance(recording, Recording):
        return {"mode": "read", "tokens": max(lane.moments[-1]["tokens"] for lane in recording.lanes)}
    turns = [lane.turns for lane in recording.lanes]
    tokens = max((record["tokens"] for records in turns for record in records), default=0)
    return {"mode": "chat", "tokens": tokens, "turns": max(map(len, turns))}


def library(folder: Path) -> tuple[Kept, ...]:
    """All recorded runs of a folder, by name; none where there is no such folder.

    Raises:
        RecordingError: one of them is damaged, or of a newer version.
    """
    return tuple(_kept(path, path.stem, files.load(path)) for path in sorted(folder.glob("*.json")))


def dialogue_library(folder: Path) -> tuple[Kept, ...]:
    """All recorded dialogues of a folder, by name; none where there is no such folder.

    Raises:
        RecordingError: one of them is damaged, or of a newer version.
    """
    # there may be a run of the same model
    return tuple(_kept(path, f"chat-{path.stem}", dialogues.load(path)) for path in sorted(folder.glob("*.json")))


def _kept(path: Path, name: str, recording: Recording | DialogueRecording) -> Kept:
    """The file is written as it is today: browsers know no older form."""
    file = StaticFile(path, "application/json", recording.model_dump_json().encode())
    return Kept(name=name, recording=recording, file=file)


def first_paint(runs: Sequence[Kept]) -> str | None:
    """The payload of the run that the page shows before Start, if it is among these."""
    found = (run.recording for run in runs if run.name == FIRST_PAINT)
    return next((payload(overview(one)) for one in found if isinstance(one, Recording)), None)
