from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from comparisons.files import check_output, check_outputs, clear_unfinished, keep, shown, write_whole
from streaming.errors import SettingsError, StreamError

ROOT = Path(__file__).resolve().parents[1]


def snapshot(folder: Path) -> dict[str, tuple]:
    """All that is in a folder: what a refusal must leave as it was."""
    return {
        str(path): (os.lstat(path).st_mode, os.lstat(path).st_ino, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def read_in_a_thread(fifo: Path) -> tuple[threading.Thread, list[bytes]]:
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(fifo.read_bytes()), daemon=True)
    thread.start()
    return thread, got


def test_a_file_is_written_whole_with_its_folder(tmp_path):
    write_whole(tmp_path / "a" / "b" / "out.json", "née")
    assert (tmp_path / "a" / "b" / "out.json").read_text("utf-8") == "née"
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["out.json"]


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real").write_text("old")
    (tmp_path / "one").symlink_to(tmp_path / "far" / "real")
    (tmp_path / "two").symlink_to("one")
    check_output(tmp_path / "two")
    write_whole(tmp_path / "two", b"new")
    assert (tmp_path / "two").is_symlink()
    assert (tmp_path / "one").is_symlink()
    assert (tmp_path / "far" / "real").read_text() == "new"


def test_a_link_to_what_is_not_there_yet_is_followed(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "real")
    check_output(tmp_path / "link")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "real").read_text() == "new"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o200])
def test_a_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(mode)
    check_output(path)
    write_whole(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_mode_of_new_files(tmp_path):
    (tmp_path / "usual").write_text("")
    write_whole(tmp_path / "out", b"")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_stays_a_pipe_and_gets_it_all(tmp_path, linked):
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "pipe"
    if linked:
        path = tmp_path / "link"
        path.symlink_to("pipe")
    check_output(path)
    thread, got = read_in_a_thread(tmp_path / "pipe")
    write_whole(path, b"word " * 100_000)
    thread.join(10)
    assert got == [b"word " * 100_000]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_standard_output_may_be_named_as_the_file():
    code = "from comparisons.files import *; from pathlib import Path; p = Path('/dev/stdout'); check_output(p)\n"
    code += "print('before'); write_whole(p, b'content\\n'); print('after')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("before\ncontent\nafter\n", "")


def test_what_is_refused_is_not_touched(tmp_path):
    (tmp_path / "read-only").write_text("mine")
    (tmp_path / "read-only").chmod(0o444)
    (tmp_path / "link").symlink_to("read-only")
    (tmp_path / "folder").mkdir()
    (tmp_path / "around").symlink_to("around")
    (tmp_path / "file").write_text("mine")
    before = snapshot(tmp_path)
    for name, words in [
        ("read-only", "read-only: make it writable, or name another"),
        ("link", "read-only"),
        ("folder", "a folder: name a file in it"),
        ("around", "cannot be written"),
        ("file/out", "cannot be written"),
        ("x" * 256, "cannot be written .*too long.*name another"),
        ("nul\0", "cannot be written"),
    ]:
        with pytest.raises(SettingsError, match=words):
            check_output(tmp_path / name)
    assert snapshot(tmp_path) == before
    with pytest.raises(PermissionError):
        write_whole(tmp_path / "link", b"")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("letter", ["x", "é"])
def test_names_as_long_as_the_file_system_takes_are_written(tmp_path, letter):
    path = tmp_path / (letter * (255 // len(letter.encode())))
    for text in ("one", "two"):
        check_output(path)
        write_whole(path, text)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["two"]


def test_a_check_leaves_nothing_but_the_folder(tmp_path):
    check_output(tmp_path / "folder" / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_what_is_read_is_not_written(tmp_path):
    source = tmp_path / "in"
    source.write_text("mine")
    (tmp_path / "soft").symlink_to("in")
    os.link(source, tmp_path / "hard")
    (tmp_path / "sub").mkdir()
    for name in ("in", "soft", "hard", "sub/../in"):
        with pytest.raises(SettingsError, match="what this command reads: name another"):
            check_output(tmp_path / name, [source])
    with pytest.raises(SettingsError, match="two outputs"):
        check_outputs([tmp_path / "soft", tmp_path / "in"])
    with pytest.raises(SettingsError, match="two outputs"):
        check_outputs([tmp_path / "new", tmp_path / "sub" / ".." / "new"])
    check_outputs([Path(os.devnull), Path(os.devnull)])
    assert source.read_text() == "mine"


def test_standard_input_is_known_by_its_file(tmp_path):
    (tmp_path / "in").write_text("mine")
    code = "from comparisons.files import *; from pathlib import Path\n"
    code += f"check_output(Path({str(tmp_path / 'in')!r}), ['-'])"
    with (tmp_path / "in").open() as file:
        done = subprocess.run([sys.executable, "-c", code], stdin=file, capture_output=True, text=True, timeout=60)
    assert "what this command reads" in done.stderr


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "out"
    path.write_text("old")
    code = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    code += f"from comparisons.files import *; from pathlib import Path; keep(Path({str(path)!r}), b'x' * 5000)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "cannot be written (File too large): make room, and run again" in done.stderr
    assert snapshot(tmp_path) == {str(path): (path.stat().st_mode, path.stat().st_ino, b"old")}


def test_what_was_measured_goes_elsewhere_where_its_place_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StreamError, match="its content is in") as error:
        keep(tmp_path / "file" / "out.json", b"measured")
    (kept,) = (tmp_path / "elsewhere").iterdir()
    assert kept.read_bytes() == b"measured"
    assert str(kept) in str(error.value)


def test_what_killed_writers_left_is_cleared(tmp_path):
    (tmp_path / ".out.0123abcd.tmp").write_text("half")
    (tmp_path / ".other.0123abcd.tmp").write_text("half")
    clear_unfinished(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == [".other.0123abcd.tmp"]


def test_a_name_that_is_no_text_can_be_shown_and_written(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9")
    check_output(path)
    write_whole(path, f"of {path.name}")
    assert path.read_bytes() == b"of caf?"
    assert shown(path.name) == "caf\ufffd"


BY_HAND = re.compile(
    r"\.write_(text|bytes)\(|open\([^)]*[\"'][wax]b?\+?[\"']|np\.save\((?!content)|shutil\.copy|to_csv\(|json\.dump\("
)


def test_nobody_else_writes_files():
    """Training grows its log line by line; the kernel's counters are no files."""
    for path in sorted((ROOT / "comparisons").rglob("*.py")):
        own = path.name in ("files.py", "sweep_file.py", "pretrain.py") or path.parts[-2:] == ("bench", "memory.py")
        assert own or not BY_HAND.search(path.read_text("utf-8")), path
