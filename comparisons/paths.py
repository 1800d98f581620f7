"""Where the project's own files lie."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ASSETS", "DIALOGUES", "PANELS", "RECORDINGS", "RESULTS", "ROOT", "STORIES", "WORDS"]

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"
DIALOGUES = ASSETS / "dialogue" / "recorded"
PANELS = ASSETS / "panels"
RECORDINGS = ASSETS / "recordings"
RESULTS = ASSETS / "results"
STORIES = ASSETS / "stories"
WORDS = ASSETS / "words"
