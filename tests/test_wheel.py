"""The built wheel: one import name, everything in it, and it works without the repository."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile

import pytest

from comparisons.commands.export_generate import files
from comparisons.packaging import renamed
from comparisons.paths import ROOT
from tests.fresh.wheel import build, copy

NAMES = {name: f"streaming_llm.{name}" for name in ("streaming", "comparisons", "app")}


def run(*command, cwd, path):
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(path), "HOME": str(cwd)}
    return subprocess.run([sys.executable, *command], cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build(copy(folder / "source"), folder, "--no-build-isolation")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_it_takes_no_other_name_and_leaves_nothing_out(installed):
    assert {p.name for p in installed.iterdir() if not p.name.endswith(".dist-info")} == {"streaming_llm"}
    there = {
        p.relative_to(installed / "streaming_llm") for p in (installed / "streaming_llm").rglob("*") if p.is_file()
    }
    for folder in ("assets", "streaming", "comparisons"):
        ours = (p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        assert {p.relative_to(ROOT) for p in ours if p.name != "py.typed"} <= there
    assert (installed / "streaming_llm" / "py.typed").is_file()


def test_a_command_runs_far_from_the_repository(installed, tmp_path):
    out = tmp_path / "run.json"
    ended = run(
        "-m",
        "streaming_llm",
        "run",
        "sink",
        "--tokens",
        "300",
        "--json",
        "--out",
        str(out),
        cwd=tmp_path,
        path=installed,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])["recording"] == str(out)


EVERYTHING = """
import importlib, pathlib, sys
import streaming_llm
from streaming_llm.comparisons.__main__ import main

root = pathlib.Path(streaming_llm.__file__).parent
for path in sorted(root.rglob("*.py")):
    if path.stem not in ("__main__", "zerogpu") and "assets" not in path.parts:
        importlib.import_module(".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__"))
assert streaming_llm.Policy.parse("dense").kind == "dense"
for command in ("export-generate", "export-space"):
    assert not main([command, command])
short = {"streaming", "comparisons", "app"} & set(sys.modules)
assert not short, short
"""


@pytest.fixture(scope="module")
def used(installed, tmp_path_factory):
    """Where one process has imported every module, and then exported what can be."""
    folder = tmp_path_factory.mktemp("used")
    ended = run("-c", EVERYTHING, cwd=folder, path=installed)
    assert ended.returncode == 0, ended.stderr
    return folder


def test_every_module_of_it_can_be_imported_and_none_brings_the_short_names_along(used):
    assert used.is_dir(), "the process has looked"


def test_only_what_names_a_module_is_renamed():
    source = (
        "from streaming import load\nimport comparisons.files as files\nfrom streaming.errors import (\n    X,\n)\n"
        'name = f"comparisons.commands.{load}"\nwords = "streaming is nice"\n'
        'files = "streaming/x.py", "app.py"\nstreaming = 1\n'
    )
    assert renamed(source, NAMES) == (
        "from streaming_llm.streaming import load\nimport streaming_llm.comparisons.files as files\n"
        "from streaming_llm.streaming.errors import (\n    X,\n)\n"
        'name = f"streaming_llm.comparisons.commands.{load}"\nwords = "streaming is nice"\n'
        'files = "streaming/x.py", "app.py"\nstreaming = 1\n'
    )


def test_it_calls_its_commands_what_they_are_called_there(installed, tmp_path):
    for argv, name in ((("--help",), "streaming-llm"), (("serve", "--help"), "streaming-llm serve")):
        ended = run("-m", "streaming_llm", *argv, cwd=tmp_path, path=installed)
        said = ended.stdout
        assert ended.returncode == 0, ended.stderr
        assert f"usage: {name} [-h]" in said and "python -m" not in said


def test_what_it_exports_is_what_the_repository_exports(used):
    for command, where in (("export-generate", "custom_generate"), ("export-space", "streaming_llm/streaming")):
        assert list((used / command / where).glob("*.py"))
    for name, text in files().items():
        there = (used / "export-generate" / name).read_text("utf-8")
        assert there == re.sub(r"python -m comparisons(?![.\w])", "streaming-llm", text) or name == "README.md", name
    code = "import space, streaming_llm.app; print(streaming_llm.__file__)"
    ended = run("-c", code, cwd=used / "export-space", path=used / "export-space")
    assert ended.stdout.strip() == str(used / "export-space" / "streaming_llm" / "__init__.py"), ended.stderr


def test_its_version_is_one_everywhere(installed):
    versions = {
        "pyproject.toml": r'(?m)^version = "(.+)"',
        "CITATION.cff": r"(?m)^version: (.+)",
        "distribution/__init__.py": r'__version__ = "(.+)"',
        "CHANGELOG.md": r"(?m)^## (\S+) \(",
    }
    said = {name: re.search(where, (ROOT / name).read_text("utf-8"))[1] for name, where in versions.items()}
    assert len(set(said.values())) == 1, said
    assert list(installed.glob(f"*-{said['pyproject.toml']}.dist-info"))
