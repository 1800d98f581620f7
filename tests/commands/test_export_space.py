from __future__ import annotations

import re
from importlib.metadata import version

import pytest

from comparisons.__main__ import main
from comparisons.commands.export_space import HARDWARE, files
from comparisons.paths import ROOT


def front(text):
    """The front matter as Spaces reads it."""
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(text.split("---")[1])


@pytest.mark.parametrize("hardware", HARDWARE)
@pytest.mark.parametrize("model", ["sink", "EleutherAI/pythia-160m", "smollm2"])
def test_a_space_is_told_its_model_its_hardware_and_what_was_tested(model, hardware):
    made = files(model, hardware)
    said = front(made["README.md"])
    assert said["sdk_version"] == version("gradio") and said["suggested_hardware"] == hardware
    assert said["app_file"] in made and (ROOT / said["thumbnail"]).is_file()
    assert len(said["short_description"]) <= 60
    if model == "sink":
        assert "models" not in said
    else:
        assert said["models"] == said["preload_from_hub"] and re.fullmatch(r"\w+/[\w.-]+", said["models"][0])
    assert f'"{model}"' in made["space.py"]
    pinned = made["requirements.txt"].splitlines()
    assert len(pinned) - (hardware == "zero-a10g") == sum(
        bool(line) and not line.startswith("#") for line in (ROOT / "requirements.txt").read_text().splitlines()
    )
    assert all("==" in line for line in pinned if not line.startswith(("torch>", "spaces")))


def test_what_cannot_be_a_space_is_refused_before_anything_is_written(tmp_path, capsys):
    assert main(["export-space", str(tmp_path / "new"), "--model", "../somewhere"]) == 2
    assert "Hub model" in capsys.readouterr().err and not (tmp_path / "new").exists()
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["export-space", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"comparisons: {tmp_path} is there and not empty: name a new folder.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("command", ["export-space", "export-generate"])
def test_a_folder_that_cannot_be_made_is_told_of_in_words(tmp_path, capsys, command):
    (tmp_path / "mine.txt").write_text("mine")
    for place in ("mine.txt", "mine.txt/new", "n" * 300):
        assert main([command, str(tmp_path / place)]) == 2
        assert ": name a" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"
