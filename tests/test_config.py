"""The operator's settings: from the environment, checked before anything starts."""

from __future__ import annotations

import pytest

from comparisons.config import Config, read_config
from comparisons.machine import Machine
from streaming.errors import SettingsError

SMALL = Machine(cores=0.2, memory_bytes=100_000_000)
LARGE = Machine(cores=16.0, memory_bytes=64_000_000_000)


def test_what_is_not_said_follows_from_the_machine() -> None:
    assert read_config({}, SMALL) == Config(runs=1)
    assert read_config({}, LARGE) == Config(runs=32)


def test_the_environment_decides_and_other_variables_are_left_alone() -> None:
    given = {"STREAMING_MODEL": "vanilla", "STREAMING_RUNS": "3", "STREAMING_WAITING": "1"}
    assert read_config({**given, "PATH": "/bin"}, LARGE) == Config(model="vanilla", runs=3, waiting=1)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("STREAMING_RUNS", "many", "runs must be a whole number, not 'many'"),
        ("STREAMING_RUNS", "0", "runs must be from 1 to 256 runs"),
        ("STREAMING_WAITING", "0", "waiting must be from 1"),
        ("STREAMING_MODEL", " ", "model must name"),
        ("STREAMING_RUN", "3", "no setting STREAMING_RUN; there are STREAMING_MODEL, STREAMING_RUNS"),
    ],
)
def test_a_wrong_variable_is_named(name: str, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_config({name: text}, LARGE)
