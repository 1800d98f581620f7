"""How Chromium is started for tests and measurements, and how patient they are with it."""

from __future__ import annotations

__all__ = ["FLAGS", "PATIENCE"]

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

PATIENCE = 120_000
"""Milliseconds: other work may have the machine."""
