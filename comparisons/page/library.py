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

__all__ = ["FIRST_PAINT", "KeptDialogue", "KeptRun", "dialogue_library", "first_paint", "library"]

FIRST_PAINT = "first-paint"
"""The recording that the page shows before Start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptRun:
    """A recording that the page offers.

    Attributes:
        name: that of its file, without the ending.
        recording: the run.
        file: where a browser finds it.
    """

    name: str
    recording: Recording
    file: StaticFile

    def about(self) -> dict[str, object]:
        """What the page knows of it before it is fetched; it becomes its title."""
        header, lanes = self.recording.header, self.recording.lanes
        return {
            "name": self.name,
            "url": self.file.url,
            "mode": "read",
            "model": header["model"],
            "kinds": [lane.kind for lane in lanes],
            "tokens": max(lane.moments[-1]["tokens"] for lane in lanes),
            "recorded_at": header["recorded_at"],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptDialogue:
    """A recorded dialogue that the page offers.

    Attributes:
        name: made of that of its file; no run's.
        recording: the dialogue.
        file: where a browser finds it.
    """

    name: str
    recording: DialogueRecording
    file: StaticFile

    def about(self) -> dict[str, object]:
        """What the page knows of it before it is fetched; it becomes its title."""
        header, lanes = self.recording.header, self.recording.lanes
        return {
            "name": self.name,
            "url": self.file.url,
            "mode": "chat",
            "model": header["model"],
            "kinds": [lane.kind for lane in lanes],
            "tokens": max((record["tokens"] for lane in lanes for record in lane.turns), default=0),
            "turns": max(len(lane.turns) for lane in lanes),
            "recorded_at": header["recorded_at"],
        }


def library(folder: Path) -> tuple[KeptRun, ...]:
    """All recordings of a folder, by name; none where there is no such folder.

    Raises:
        RecordingError: one of them is damaged, or of a newer version.
    """
    return tuple(
        KeptRun(name=path.stem, recording=recording, file=_file(path, recording))
        for path in sorted(folder.glob("*.json"))
        for recording in [files.load(path)]
    )


def dialogue_library(folder: Path) -> tuple[KeptDialogue, ...]:
    """All recorded dialogues of a folder, by name; none where there is no such folder.

    Raises:
        RecordingError: one of them is damaged, or of a newer version.
    """
    found = ((path, dialogues.load(path)) for path in sorted(folder.glob("*.json")))
    return tuple(
        KeptDialogue(
            name=f"chat-{path.stem}",  # there may be a run of the same model
            recording=recording,
            file=StaticFile(path, "application/json", dialogues.dumps(recording).encode()),
        )
        for path, recording in found
    )


def first_paint(runs: Sequence[KeptRun | KeptDialogue]) -> str | None:
    """The payload of the run that the page shows before Start, if it is among these."""
    read = (run for run in runs if isinstance(run, KeptRun))
    return next((payload(overview(run.recording)) for run in read if run.name == FIRST_PAINT), None)


def _file(path: Path, recording: Recording) -> StaticFile:
    """As it is written today: browsers know no older form."""
    return StaticFile(path, "application/json", files.dumps(recording).encode())
