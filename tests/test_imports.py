"""Imports go one way: app -> comparisons -> streaming, and down each package's order."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STREAMING = (
    "allocator errors window rotary cache share attention families load_errors checkpoint placement hub models "
    "policies generate custom_generate tokens recipes pretrain"
)
COMPARISONS = (
    "arguments vocabulary scenes prompts feeds readings sources detokenise metrics machine limits config memory cores "
    "places schema "
    "frames asking answering terminal journal lanes runner files forms recordings recorder replay experiment "
    "compare recall quality paper results subjects tables curves step_costs reproductions markdown drawing figures "
    "images schedules reproduce cards report bench shelf costs checkpoints stretches marathon marathon_report "
    "marathon_command cells ledger pool ray_sweep sweep texts static scripts export library sessions unread health "
    "logs guard connections zerogpu lean_gradio panels "
    "__main__"
)
ORDER = {"streaming": STREAMING.split(), "comparisons": COMPARISONS.split()}
MAY_IMPORT_GRADIO = {"comparisons/lean_gradio.py"}
FILES = ["app.py", *sorted(p.relative_to(ROOT).as_posix() for folder in ORDER for p in (ROOT / folder).glob("*.py"))]


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


def own_modules(path: str) -> set[tuple[str, str]]:
    """The project's own modules that a file imports, as (package, module)."""
    parts = [name.split(".") for name in imported(path)]
    return {(p[0], p[1]) for p in parts if p[0] in ORDER and len(p) > 1 and p[1] in ORDER[p[0]]}


@pytest.mark.parametrize("path", FILES)
def test_imports_go_one_way(path: str) -> None:
    package, _, name = path.rpartition("/")
    module = name.removesuffix(".py")
    if package == "streaming":
        assert not any(other.split(".")[0] in ("comparisons", "app") for other in imported(path))
    if package and module != "__init__":
        assert module in ORDER[package], f"say in ORDER where {path} stands"
        later = {
            m for p, m in own_modules(path) if p == package and ORDER[package].index(m) >= ORDER[package].index(module)
        }
        assert not later, f"{path} imports {later}, which stand below it"


@pytest.mark.parametrize("path", FILES)
def test_gradio_is_imported_in_one_place(path: str) -> None:
    if path not in MAY_IMPORT_GRADIO:
        assert not any(name.split(".")[0] == "gradio" for name in imported(path))


def test_the_text_and_the_arithmetic_need_no_torch() -> None:
    code = "import sys, streaming.window, comparisons.prompts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
