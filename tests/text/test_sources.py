from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tracemalloc
from contextlib import suppress
from functools import partial
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons.text.feeds import PIECE_CHARACTERS, SourceFeed, TextFeed, pieces
from comparisons.text.opening import open_texts
from comparisons.text.sources import AHEAD_BYTES, FileText, PipeText, Texts
from streaming.errors import SettingsError, StreamError
from tests.support.speaking import ids_of, tokenizer, wait_until

WORDS = "a quiet lantern, über 1807 — née 語 👩‍👩‍👧\r\n"


@pytest.fixture
def pipe():
    """A pipe's text, and where to write what comes through it."""
    reading, writing = os.pipe()
    source = PipeText(partial(open, reading, "rb", buffering=0), "the pipe")
    with open(writing, "wb", buffering=0) as end:
        yield source, end
    source.close()


def heard(source, seconds: float = 5.0) -> str:
    """What a source gives until it says that there is nothing yet, after it gave something."""
    text, end = "", time.monotonic() + seconds
    for piece in source:
        assert time.monotonic() < end, "nothing was heard"
        if piece is None and text:
            return text
        text += piece or ""
    return text


@given(st.text(max_size=50), st.lists(st.integers(0, 8000), max_size=5))
@settings(max_examples=25)
def test_a_text_is_cut_in_the_same_places_however_it_comes(seasoning, ends):
    text = (WORDS + seasoning) * 90
    edges = [0, *sorted(min(end, len(text)) for end in ends), len(text)]
    blocks = [text[a:b] for a, b in pairwise(edges)]
    assert list(pieces(blocks)) == list(pieces([text]))
    assert "".join(pieces(blocks)) == text


def test_a_file_and_a_pipe_give_the_ids_of_the_text_itself(tmp_path, pipe):
    text, (piped, end) = WORDS * 5000, pipe
    (tmp_path / "long.txt").write_bytes(text.encode())
    threading.Thread(target=lambda: (end.write(text.encode()), end.close()), daemon=True).start()
    expected = ids_of(TextFeed(tokenizer(), 0, text), 10**9)
    assert ids_of(SourceFeed(tokenizer(), 0, FileText(tmp_path / "long.txt")), 10**9) == expected
    read = "".join(piece for piece in piped if piece is not None)
    assert read == text


def test_a_large_file_is_read_as_it_is_needed(tmp_path):
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        for _ in range(64):
            file.write(b"a quiet lantern " * 2**16)
    source = FileText(path)
    began = time.perf_counter()
    tracemalloc.start()
    text = "".join(islice(source, 100))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(text) > 50 * PIECE_CHARACTERS
    assert most < 2 * 2**20
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"good \xff bad", "byte 5 "),
        (b"x" * 100_000 + b"\xc3", "byte 100,000 "),
        (b"x" * 65_535 + "é".encode() + b"\x80", "byte 65,537 "),
        (b"\xef\xbb\xbfab\xfe", "byte 5 "),
        ("caffè".encode("latin-1"), "byte 4 "),
        ("word".encode("utf-16"), "byte 0 "),
        (b"", "empty"),
        (b" \r\n\t ", "empty"),
    ],
)
def test_what_is_no_text_is_refused_before_anything_runs(tmp_path, pipe, data, words):
    (tmp_path / "odd.txt").write_bytes(data)
    with pytest.raises(SettingsError, match=words):
        FileText(tmp_path / "odd.txt")
    source, end = pipe
    threading.Thread(target=lambda: (end.write(data), end.close()), daemon=True).start()
    with pytest.raises(SettingsError, match=words):  # before it is read, or where it is
        source.check(), list(source)


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "mark.txt").write_bytes(b"\xef\xbb\xbf\xef\xbb\xbfword")
    assert "".join(FileText(tmp_path / "mark.txt")) == "\ufeffword"


def test_a_path_that_leads_nowhere_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.txt cannot be read .*check the path"):
        open_texts([str(tmp_path / "nowhere.txt")])
    with pytest.raises(SettingsError, match="has no text files in it"):
        open_texts([str(tmp_path)])
    with pytest.raises(SettingsError, match="once"):
        open_texts(["-", "-"])


def test_a_file_that_changes_is_not_read_on(tmp_path):
    path = tmp_path / "changing.txt"
    path.write_text("word " * 50_000)
    source = FileText(path)
    reading = iter(source)
    next(reading)
    path.write_text("another " * 50_000)
    with pytest.raises(StreamError, match="changed"):
        list(reading)
    path.unlink()
    with pytest.raises(StreamError, match="any more"):
        list(source)


def test_a_bad_byte_in_a_pipe_comes_after_the_text_before_it(pipe):
    source, end = pipe
    end.write(b"good words\n")
    reading = iter(source)
    assert heard(source) == "good words\n"
    end.write(b"bad \xff")
    assert next(piece for piece in reading if piece) == "good words\n"
    with pytest.raises(SettingsError, match="byte 15 "):
        list(reading)
    with pytest.raises(SettingsError, match="byte 15 "):
        list(source)


def test_a_silent_pipe_gives_none_in_time_and_what_was_said_so_far(pipe):
    source, end = pipe
    reading = iter(source)
    for said, ready in ((b"", None), (b"two lines\nand a wo", "two lines\n"), (b"rd and", "and a word ")):
        end.write(said)
        began = time.monotonic()
        piece = next(reading)
        while ready is not None and not piece:
            piece = next(reading)
        assert piece == ready
        assert time.monotonic() - began < 2
    assert next(reading) == ""  # all of it should be read now
    began = time.monotonic()
    assert next(reading) is None
    assert time.monotonic() - began < 0.5
    end.close()
    assert [piece for piece in reading if piece] == ["and"]


def test_every_reader_of_a_pipe_gets_the_same_pieces(pipe):
    source, end = pipe
    read: list[list[str]] = [[], [], []]

    def lane(place: int) -> None:
        for piece in source:
            time.sleep(0.002 * place)
            read[place] += [] if piece is None else [piece]

    lanes = [threading.Thread(target=lane, args=(place,)) for place in range(3)]
    for thread in lanes:
        thread.start()
    for count in (1, 100, 7, 300):
        end.write(WORDS.encode() * count)
        time.sleep(0.3 if count < 50 else 0)
    end.close()
    for thread in lanes:
        thread.join(20)
    assert read[0] == read[1] == read[2] == list(source)
    assert "".join(read[0]) == WORDS * 408


def test_the_writer_of_a_pipe_waits_for_the_lanes(pipe):
    source, end = pipe
    written = []

    def write() -> None:
        for _ in range(8):
            end.write(b"word " * (AHEAD_BYTES // 5))
            written.append(1)
        end.close()

    threading.Thread(target=write, daemon=True).start()
    reading = iter(source)
    next(reading)
    wait_until(lambda: len(written) >= 1)
    time.sleep(0.3)
    assert len(written) <= 2
    assert sum(len(piece) for piece in source if piece) == 8 * 5 * (AHEAD_BYTES // 5)


def test_texts_follow_one_another(tmp_path, pipe):
    source, end = pipe
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"text {name}. ")
    end.write(b"from the pipe. ")
    end.close()
    texts = Texts([FileText(tmp_path / "one"), source, FileText(tmp_path / "two")])
    for _ in range(2):
        assert "".join(piece for piece in texts if piece) == "text one. from the pipe. text two. "
    assert texts.name.startswith("one, 10 bytes, ")
    assert " + the pipe + two, 10 bytes, " in texts.name


def test_a_named_pipe_is_read_like_standard_input(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    threading.Thread(target=path.write_text, args=("through a named pipe",), daemon=True).start()
    texts = open_texts([str(path)])
    assert ["".join(piece for piece in texts if piece) for _ in range(2)] == ["through a named pipe"] * 2
    texts.close()


@pytest.mark.filterwarnings("error")
def test_a_closed_pipe_lets_its_writer_and_its_readers_go(pipe):
    source, end = pipe
    before = threading.active_count()

    def write() -> None:
        with suppress(BrokenPipeError):
            end.write(b"word " * AHEAD_BYTES)

    threading.Thread(target=write, daemon=True).start()
    reading = iter(source)
    next(reading)
    source.close()
    source.close()
    with pytest.raises(StreamError, match="closed"):
        list(reading)
    wait_until(lambda: threading.active_count() < before)


SILENT = """
import sys, time
sys.path.insert(0, ".")
from comparisons.text.opening import open_texts
reading = iter(open_texts(["-"]))
print([next(reading) for _ in range(3)], flush=True)
"""


def test_a_process_ends_although_its_standard_input_never_does():
    reading, writing = os.pipe()
    done = subprocess.run([sys.executable, "-c", SILENT], stdin=reading, capture_output=True, text=True, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stdout.strip()) == (0, "[None, None, None]"), done.stderr
