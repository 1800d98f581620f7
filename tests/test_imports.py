"""Gradio stays in its room, and the text needs no torch; import-linter's contract in pyproject.toml holds the rest."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT_GRADIO = {"comparisons/page/gradio_internals.py"}
FILES = [
    "app.py",
    *sorted(p.relative_to(ROOT).as_posix() for f in ("streaming", "comparisons") for p in (ROOT / f).rglob("*.py")),
]


def imported(path: str) -> set[str]:
    """Dotted names of all modules that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES)
def test_gradio_is_imported_in_one_place(path: str) -> None:
    if path not in MAY_IMPORT_GRADIO:
        assert not any(name.split(".")[0] == "gradio" for name in imported(path))


def test_the_text_and_the_arithmetic_need_no_torch() -> None:
    code = "import sys, streaming.window, comparisons.text.prompts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
