"""The list of commands is quick, and says of each what its file does."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from comparisons import __main__ as commands
from comparisons.__main__ import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
SHARED = {"__init__", "arguments", "ending", "expectations", "terminal", "reproduce"}
"""What is no command by itself."""

NO_TORCH = """
import sys
from comparisons.__main__ import main
try:
    main(["--help"])
finally:
    print(*(name for name in ("torch", "transformers", "gradio", "numpy") if name in sys.modules))
"""


def test_help_names_every_command_and_imports_none() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", NO_TORCH], cwd=ROOT, capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 3.0, "far above the tenth of a second that it takes"
    assert all(f"    {name}" in done.stdout for name in COMMANDS)
    assert done.stdout.splitlines()[-1] == "", "heavy packages that were imported"


def test_every_command_has_a_file_and_every_file_a_command() -> None:
    files = {path.stem for path in (ROOT / "comparisons" / "commands").glob("*.py")}
    assert files - SHARED == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_how_it_is_called(name: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"usage: python -m comparisons {name}")
    assert commands.COMMANDS[name] in said


def test_a_command_that_is_not_there_is_refused_with_those_that_are(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["marathn"])
    assert ended.value.code == 2
    assert "'marathon'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["bench", "run", "marathon", "table 1", "figure 10", "dtypes"])
@pytest.mark.parametrize("threads", [0, -3, 10**9])
def test_every_command_with_threads_refuses_a_number_that_is_none(command: str, threads: int, capsys, tmp_path) -> None:
    at = ["--out", str(tmp_path / "out.json")] if command in ("run", "marathon") else []
    assert main([*command.split(), *at, "--threads", str(threads)]) == 2
    assert "--threads must be from 1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


REFUSED = (
    "bench ./nowhere --json OUT",
    "chat ./nowhere --out OUT",
    "dtypes --threads 0 --json OUT",
    "export OUT --html OTHER",
    "export OTHER --html OUT",
    "figure 10 --model ./nowhere --csv OUT",
    "marathon ./nowhere --json OUT --out OTHER",
    "measure ./nowhere --save OUT",
    "measure sink --budget 1 --save OUT",
    "paper ./nowhere --out OTHER",
    "record ./nowhere --out OUT",
    "run ./nowhere --out OUT",
    "run sink --policies magic:4 --out OUT",
    "run sink --threads 0 --out OUT",
    "sweep --models sink --out OUT",
    "sweep --models sink --sinks 4 --cache 2 --csv OUT",
    "table 1 --model ./nowhere --json OUT",
    "table 1 --model sink --cache 2 --json OUT",
)


@pytest.mark.parametrize("command", REFUSED)
def test_a_command_that_refuses_has_touched_nothing(command: str, capsys, tmp_path) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_text("mine")
    places = {"OUT": str(mine), "OTHER": str(tmp_path / "other")}
    assert main([places.get(word, word) for word in command.split()]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("comparisons: ") and not said.out
    assert mine.read_text() == "mine"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != mine]
