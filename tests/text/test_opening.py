"""Files, folders and data sets by their names."""

from __future__ import annotations

import json
import sys

import pytest

from comparisons.text.opening import open_dataset, open_texts
from streaming.errors import SettingsError, StreamError


def write(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    files = {"b.txt": b"second", "a.md": "first é".encode(), "sub__c.py": b"third", ".hidden": b"no", ".git__x": b"no"}
    folder = write(tmp_path / "notes", **files, **{"z.png": b"\x89PNG\0\0", "empty": b" \n", "latin": b"caf\xe9 " * 9})
    texts = open_texts([str(folder)])
    assert "".join(texts) == "first é\n\nsecond\n\nthird"
    assert texts.name == "notes, 3 files, 19 bytes"
    assert "".join(texts) == "".join(open_texts([str(folder)]))


def test_a_character_at_the_end_of_what_is_looked_at_is_no_reason_to_leave_a_file_out(tmp_path):
    write(tmp_path / "x", **{"a.txt": b"." * 4095 + "é".encode() + b" end"})
    assert "".join(open_texts([str(tmp_path / "x")])).endswith("é end")


def test_a_folder_without_text_is_refused(tmp_path):
    write(tmp_path / "x", **{"a.bin": b"\0\1\2"})
    with pytest.raises(SettingsError, match="x has no text files"):
        open_texts([str(tmp_path / "x")])


def test_a_folder_whose_files_change_ends_in_words(tmp_path):
    folder = write(tmp_path / "x", **{"a.txt": b"one", "b.txt": b"two"})
    reading = iter(open_texts([str(folder)]))
    assert next(reading) == "one"
    (folder / "b.txt").unlink()
    with pytest.raises((SettingsError, StreamError), match=r"b\.txt cannot be read"):
        list(reading)


def test_without_the_package_a_data_set_is_refused_in_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SettingsError, match="pip install datasets"):
        open_dataset("someone/books", split="test", column=None)


@pytest.fixture
def books(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True, raising=False)
    folder = tmp_path / "books"
    folder.mkdir()
    rows = [{"title": f"Book {i}", "text": f"Words of book {i}." * 100, "year": 1900 + i} for i in range(3)]
    (folder / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder, rows


def test_a_data_set_is_read_row_after_row(books):
    folder, rows = books
    texts = open_dataset(str(folder), split="test", column=None)
    assert "".join(texts) == "\n\n".join(row["text"] for row in rows)
    assert "".join(texts) == "".join(texts)
    assert texts.name == f"{folder}, test, text"
    assert "".join(open_dataset(str(folder), split="test", column="title")) == "Book 0\n\nBook 1\n\nBook 2"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"split": "validation", "column": None}, "no split 'validation': choose one of test"),
        ({"split": "test", "column": "year"}, "no text 'year': choose one of title, text"),
        ({"split": "test", "column": "nothing"}, "no text 'nothing'"),
    ],
)
def test_what_a_data_set_does_not_have_is_named(books, given, words):
    with pytest.raises(SettingsError, match=words):
        open_dataset(str(books[0]), **given)


def test_a_data_set_that_is_not_there_is_refused(books, tmp_path):
    with pytest.raises(SettingsError, match="cannot be opened as a data set"):
        open_dataset(str(tmp_path / "nowhere"), split="test", column=None)
