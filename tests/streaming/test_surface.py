"""The names that others may use: a name more or less is a decision, made here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import streaming

SURFACE = {
    "LoadedModel", "Policy", "Progress", "Sampling", "SinkShare", "SinkWindow", "Stream", "StreamingError",
    "available", "decode", "load", "open_stream", "sink_cache", "sink_generate",
}  # fmt: skip


def test_the_surface_is_locked() -> None:
    assert set(streaming.__all__) == SURFACE
    assert dir(streaming) == sorted(SURFACE)


@pytest.mark.parametrize("name", sorted(SURFACE))
def test_each_name_is_there_with_words(name: str) -> None:
    assert getattr(streaming, name).__doc__


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="_cache_for"):
        _ = streaming._cache_for


def test_policies_are_there_without_torch() -> None:
    code = "import sys; from streaming import Policy, SinkWindow, StreamingError; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_types_are_there_for_checkers() -> None:
    assert (Path(streaming.__file__).parent / "py.typed").is_file()
