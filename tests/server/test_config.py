"""The operator's settings: from the environment, checked before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from comparisons.server.config import Config, read_config
from streaming.errors import SettingsError
from streaming.loading.machine import Machine

SMALL = Machine(cores=0.2, memory_bytes=100_000_000)
LARGE = Machine(cores=16.0, memory_bytes=64_000_000_000)


def test_what_is_not_said_follows_from_the_machine() -> None:
    assert read_config({}, SMALL) == Config(cores=1, runs=1, kv_mb=64)
    assert read_config({}, LARGE) == Config(cores=16, runs=32, kv_mb=25_200)


def test_memory_limits_the_runs_as_cores_do() -> None:
    narrow = Machine(cores=16.0, memory_bytes=1_500_000_000)
    assert read_config({}, narrow) == Config(cores=16, runs=3, kv_mb=200)
    assert read_config({"STREAMING_KV_MB": "1000"}, narrow) == Config(cores=16, runs=15, kv_mb=1000)
    assert read_config({"STREAMING_KV_MB": "1"}, narrow).runs == 1


def test_the_environment_decides_and_other_variables_are_left_alone() -> None:
    given = {"STREAMING_MODEL": "vanilla", "STREAMING_RUNS": "3", "STREAMING_WAITING": "1", "STREAMING_KV_MB": "7"}
    given |= {"STREAMING_TURN": "60", "STREAMING_PAUSE": "5", "STREAMING_CORES": "6"}
    expected = Config(model="vanilla", cores=6, runs=3, waiting=1, kv_mb=7, turn=60, pause=5)
    assert read_config({**given, "PATH": "/bin"}, LARGE) == expected


def test_every_setting_is_described() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text("utf-8")
    for name, setting in Config.__dataclass_fields__.items():
        assert f"| `STREAMING_{name.upper()}` |" in page, f"say in docs/serving.md what {setting.name} does"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("STREAMING_RUNS", "many", "runs must be a whole number, not 'many'"),
        ("STREAMING_RUNS", "0", "runs must be from 1 to 256 runs"),
        ("STREAMING_CORES", "0", "cores must be from 1 to 256 cores"),
        ("STREAMING_WAITING", "0", "waiting must be from 1"),
        ("STREAMING_KV_MB", "-5", "kv_mb must be from 1"),
        ("STREAMING_TURN", "1e3", "turn must be a whole number, not '1e3'"),
        ("STREAMING_PAUSE", "0", "pause must be from 1"),
        ("STREAMING_MODEL", " ", "model must name"),
        ("STREAMING_RUN", "3", "no setting STREAMING_RUN; there are STREAMING_MODEL, STREAMING_CORES"),
    ],
)
def test_a_wrong_variable_is_named(name: str, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_config({name: text}, LARGE)
