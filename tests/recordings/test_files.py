from __future__ import annotations

import json
import subprocess
import sys

import pytest

from comparisons.recordings import files
from streaming.errors import RecordingError
from tests.support.recorded import content, recorded, small
from tests.support.serving import ROOT


def test_a_saved_recording_comes_back_as_it_was(tmp_path):
    files.save(recorded(), tmp_path / "run.json")
    back = files.load(tmp_path / "run.json")
    assert json.loads(files.dumps(back)) == content()
    assert [lane.label for lane in back.lanes] == ["dense", "sinks:4+28"]


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(RecordingError, match="check the path"):
        files.load(tmp_path / "nowhere.json")
    with pytest.raises(RecordingError, match="check the path"):
        files.load(tmp_path)
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(RecordingError, match="larger than"):
        files.load(tmp_path / "huge.json")


SAVE_ON_A_FULL_DISK = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
from comparisons.recordings import files
recording = files.load(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    files.save(recording, sys.argv[1])
except OSError:
    sys.exit(7)
"""


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "run.json"
    files.save(recorded(), path)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", SAVE_ON_A_FULL_DISK, str(path), str(ROOT)], check=False, timeout=240)
    assert done.returncode == 7
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


KILLED_WHILE_SAVING = """
import os, random, signal, sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from comparisons.recordings import files
path, chance = Path(sys.argv[1]), random.Random(0)
one, other = files.load(path), files.load(path.with_name("other.json"))
for _ in range(12):
    child = os.fork()
    if child == 0:
        while True:
            files.save(other, path)
            files.save(one, path)
    time.sleep(chance.uniform(0.01, 0.12))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert files.load(path) in (one, other)
assert path.stat().st_size in (len(files.dumps(r).encode()) for r in (one, other))
print("whole")
"""


def test_a_process_that_is_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    files.save(recorded(), tmp_path / "run.json")
    (tmp_path / "other.json").write_text(small(), encoding="utf-8")
    command = [sys.executable, "-c", KILLED_WHILE_SAVING, str(tmp_path / "run.json"), str(ROOT)]
    done = subprocess.run(command, check=False, timeout=240, capture_output=True, text=True)
    assert done.stdout.strip() == "whole", done.stderr


def test_saving_over_a_recording_replaces_it(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("old")
    files.save(recorded(), path)
    assert files.load(path).header == recorded().header
    assert list(tmp_path.iterdir()) == [path]
