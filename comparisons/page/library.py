"""The recorded runs that the page offers: a folder of recordings, each checked, served, and known by a few facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from comparisons.page.payloads import payload
from comparisons.page.static import StaticFile
from comparisons.recordings import files
from comparisons.recordings.format import Recording
from comparisons.recordings.player import overview

__all__ = ["FIRST_PAINT", "KeptRun", "first_paint", "library"]

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
            "model": header["model"],
            "kinds": [lane.kind for lane in lanes],
            "tokens": max(lane.moments[-1]["tokens"] for lane in lanes),
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


def first_paint(runs: Sequence[KeptRun]) -> str | None:
    """The payload of the run that the page shows before Start, if it is among these."""
    return next((payload(overview(run.recording)) for run in runs if run.name == FIRST_PAINT), None)


def _file(path: Path, recording: Recording) -> StaticFile:
    """As it is written today: browsers know no older form."""
    return StaticFile(path, "application/json", files.dumps(recording).encode())
