"""Whatever ends a command, what it has measured is kept: in real processes."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path

import pytest

from comparisons.experiments import checkpoints, results
from comparisons.recordings import dialogues, files
from tests.support import speaking
from tests.support.ended import serve
from tests.support.forked import ROOT, Forked


@dataclass(frozen=True)
class Measuring:
    """A command that measures: how it ends soon by itself, how it goes on for long, and what is kept of it.

    Attributes:
        argv: of one that ends soon.
        long: what to add, so that it goes on and on.
        after: what it has said, and how often, when there is something to keep; or "" and seconds.
        kept: how much was measured, by its folder and its standard output.
        soon: whether one that ends by itself does so within a second or two.
    """

    argv: list[str]
    long: list[str]
    after: tuple[str, int]
    kept: Callable[[Path, str], float]
    soon: bool = True


def _tokens(folder: Path, _: str) -> float:
    return min(lane.curve[-1][0] for lane in files.load(folder / "out.json").lanes)


def _turns(folder: Path, _: str) -> float:
    return max(len(lane.turns) for lane in dialogues.load(folder / "out.json").lanes)


def _rows(folder: Path, _: str) -> float:
    return len(list(csv.DictReader((folder / "out.csv").read_text("utf-8").splitlines())))


def _saved(folder: Path, out: str) -> float:
    """Figures in the file; the same are said, where somebody listens to the end."""
    saved = json.loads((folder / "out.json").read_text("utf-8"))
    said = [line for line in out.splitlines() if line.startswith("{")]
    assert not said or json.loads(said[-1]) == saved
    return len(saved["sinks"])


def _timed(folder: Path, _: str) -> float:
    return sum(len(result["rows"]) for result in json.loads((folder / "out.json").read_text("utf-8"))["results"])


def _compared(folder: Path, _: str) -> float:
    return len(json.loads((folder / "out.json").read_text("utf-8")))


def _experiments(folder: Path, _: str) -> float:
    """Rows of what was whole, and of what was not."""
    kept = [path for path in (folder / "paper").glob("*.json") if path.stem != "settings"]
    return min(len(results.load(path.read_text("utf-8")).rows) for path in kept)


def _checkpoint(folder: Path, _: str) -> float:
    return checkpoints.load(folder / "marathon" / "checkpoint.safetensors")["tally"]["current"]["end"]


LANES = ["--policies", "sinks:4+28,window:32"]
COMMANDS = {
    "run": Measuring(
        ["run", "MODEL", *LANES, "--tokens", "300", "--out", "out.json"],
        ["--tokens", "1000000"],
        ("", 3),
        _tokens,
    ),
    "chat": Measuring(
        ["chat", "MODEL", *LANES, "--turns", "2", "--answer-tokens", "8", "--out", "out.json"],
        ["--turns", "100000"],
        ("\n", 30),
        _turns,
    ),
    "record": Measuring(
        ["record", "MODEL", "--seconds", "1", "--out", "out.json"], ["--seconds", "50"], ("", 2), _tokens
    ),
    "marathon": Measuring(
        ["marathon", "MODEL", "--tokens", "2000", "--stretch", "500", "--chunk", "64", "--out", "marathon"],
        ["--tokens", "4000000"],
        ("", 3),
        _checkpoint,
    ),
    "table": Measuring(
        ["table", "3", "--model", "MODEL", "--tokens", "300", "--csv", "out.csv"],
        ["--tokens", "12000"],
        ("0%|", 3),
        _rows,
    ),
    "measure": Measuring(
        ["measure", "MODEL", "--tokens", "400", "--save", "out.json"],
        ["--tokens", "6000"],
        ("measured: sinks", 1),
        _saved,
    ),
    "paper": Measuring(
        ["paper", "MODEL", "--sampled", "2", "--tokens", "300", "--out", "paper", "--only", "table-2"],
        ["--only", "table-6", "table-2", "--tokens", "12000"],
        ("sinks:1+", 1),
        _experiments,
    ),
    "bench": Measuring(["bench", "MODEL", "--json", "out.json"], ["--threads", "1"], (" / ", 1), _timed, soon=False),
    "dtypes": Measuring(
        ["dtypes", "--json", "out.json"],
        ["--sizes", "4M", "30M", "--threads", "1"],
        ("threads: ", 1),
        _compared,
        soon=False,
    ),
}
LONG = [name for name, command in COMMANDS.items() if command.long]
SOON = [name for name, command in COMMANDS.items() if command.soon]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(speaking.save(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def forked():
    """Runs a case in a process of its own."""
    cases, theirs = Pipe()
    process = Forked(serve, theirs)
    theirs.close()

    def run(**case):
        cases.send(case)
        return cases.recv()

    yield run
    cases.close()
    assert process.wait(timeout=60) == 0, process.told()


def ended(forked, model: str, folder: Path, name: str, ending: str, *more: str) -> dict:
    command = COMMANDS[name]
    argv = [model if word == "MODEL" else word for word in [*command.argv, *more]]
    return forked(argv=argv, ending=ending, after=command.after, folder=str(folder))


NESTED = """
import os, signal
from comparisons.commands.shared.ending import heard, noted
with heard():
    with noted() as came:
        os.kill(os.getpid(), signal.SIGHUP)
os.kill(os.getpid(), signal.SIGHUP)
print(came)
"""


def test_a_signal_that_one_block_has_heard_is_not_deadly_after_the_block_around_it():
    child = subprocess.run([sys.executable, "-c", NESTED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (child.returncode, child.stdout) == (0, f"[{int(signal.SIGHUP)}]\n"), child.stderr


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        *((name, "SIGHUP+SIGHUP") for name in LONG),
        ("run", "SIGTERM+SIGHUP"),
        ("bench", "SIGTERM"),
        ("chat", "SIGINT+SIGHUP"),
    ],
)
def test_a_signal_ends_a_command_and_keeps_what_it_measured(forked, model, tmp_path, name, ending):
    done = ended(forked, model, tmp_path, name, ending, *COMMANDS[name].long)
    assert done["code"] == 128 + getattr(signal, ending.partition("+")[0]), done
    assert COMMANDS[name].kept(tmp_path, done["out"]) > 0
    assert "Traceback" not in done["err"]


@pytest.mark.parametrize(
    ("name", "ending"),
    [*((name, "head") for name in SOON), *((name, "ascii") for name in SOON if name != "measure"), ("table", "closed")],
)
def test_what_cannot_be_said_is_no_reason_to_lose_anything(forked, model, tmp_path, name, ending):
    done = ended(forked, model, tmp_path, name, ending)
    assert done["code"] == 0, done
    assert COMMANDS[name].kept(tmp_path, done["out"]) > 0
    assert "Traceback" not in done["out"] + done["err"]


@pytest.mark.parametrize("name", ["run", "chat", "table"])
def test_where_no_file_can_be_written_the_words_are_said_all_the_same(forked, model, tmp_path, name):
    done = ended(forked, model, tmp_path, name, "full")
    assert done["code"] == 2, done
    assert "File too large" in done["err"]
    assert "Traceback" not in done["err"]
    assert "sinks" in done["out"]
