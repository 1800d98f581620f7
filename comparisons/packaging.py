"""The project's source under other import names: for the wheel, and for whoever gets a part of it to take along.

`streaming` and `comparisons` are good names in a repository and bad ones in somebody's environment, where another
package may have them. What leaves the repository is renamed by this, and never kept as a second copy.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["HOME", "closure", "flat", "flattened", "renamed"]

HOME = __name__.rpartition("comparisons.")[0]
"""What stands before `streaming` in imports: nothing in the repository, a name and a dot in the wheel."""


def renamed(source: str, names: Mapping[str, str]) -> str:
    """A module's source with its imports, and its strings that name a module, under other names.

    Args:
        source: Python.
        names: top-level names, and what they become: {"streaming": "streaming_llm.streaming"}.
    """
    lines = source.splitlines(keepends=True)
    spans = sorted(_spans(ast.parse(source)), reverse=True)
    for first, last in spans:
        text = "".join(lines[first - 1 : last])
        lines[first - 1 : last] = [_renamed_in(text, names)]
    return "".join(lines)


def _spans(tree: ast.Module) -> set[tuple[int, int]]:
    """First and last lines of what may name a module: imports, and strings outside of docstrings."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            named = isinstance(node.value, str) and "\n" not in node.value
        else:
            named = isinstance(node, (ast.Import, ast.ImportFrom))
        if named and isinstance(node, (ast.Constant, ast.Import, ast.ImportFrom)):
            found.add((node.lineno, node.end_lineno or node.lineno))
    return found


def _renamed_in(text: str, names: Mapping[str, str]) -> str:
    alternatives = "|".join(map(re.escape, names))
    imports = re.compile(rf"(?m)(^\s*(?:from|import)\s+)({alternatives})(?=[\s.])")
    strings = re.compile(rf"(?<=[\"'])({alternatives})(?=\.(?!py\b)[a-z_{{])")
    text = imports.sub(lambda found: found[1] + names[found[2]], text)
    return strings.sub(lambda found: names[found[1]], text)


def flat(module: str) -> str:
    """What a package's module is called among files that lie in one folder: `attention_kernels`."""
    return module.replace(".", "_")


def flattened(source: str, package: str, modules: Sequence[str]) -> str:
    """A module's source whose imports of a package's modules are relative, for files that lie in one folder."""
    lines = source.splitlines(keepends=True)
    for node, inside in _imports(ast.parse(source), package):
        if inside in modules:
            names = [ast.unparse(alias) for alias in node.names]
            text = f"from .{flat(inside)} import {', '.join(names)}"
        else:
            asked = [(flat(f"{inside}.{alias.name}".lstrip(".")), alias.asname or alias.name) for alias in node.names]
            names = [name if name == module else f"{module} as {name}" for module, name in asked]
            text = f"from . import {', '.join(names)}"
        lines[node.lineno - 1 : node.end_lineno] = [" " * node.col_offset + text + "\n"] + [""] * (
            (node.end_lineno or node.lineno) - node.lineno
        )
    return "".join(lines)


def closure(folder: Path, package: str, name: str) -> list[str]:
    """The modules of a package in a folder that one of them needs, and itself; sorted, dotted in subpackages."""
    found: set[str] = set()
    coming = [name]
    while coming:
        module = coming.pop()
        if module not in found and (file := folder / f"{module.replace('.', '/')}.py").is_file():
            found.add(module)
            for node, inside in _imports(ast.parse(file.read_text("utf-8")), package):
                coming += [inside, *(f"{inside}.{alias.name}".lstrip(".") for alias in node.names)]
    return sorted(found)


def _imports(tree: ast.Module, package: str) -> Iterator[tuple[ast.ImportFrom, str]]:
    """Each import of the package's, and what it is from, inside the package ("" for the package itself)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{package}."):
            yield node, str(node.module)[len(package) + 1 :]
