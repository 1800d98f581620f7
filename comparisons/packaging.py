"""The project's source under other import names: for the wheel, and for whoever gets a part of it to take along.

`streaming` and `comparisons` are good names in a repository and bad ones in somebody's environment, where another
package may have them. What leaves the repository is renamed by this, and never kept as a second copy.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["closure", "flattened", "renamed"]


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
    strings = re.compile(rf"(?<=[\"'])({alternatives})(?=\.[a-z_{{])")
    text = imports.sub(lambda found: found[1] + names[found[2]], text)
    return strings.sub(lambda found: names[found[1]], text)


def flattened(source: str, package: str) -> str:
    """A module's source whose imports of a package's modules are relative, for files that lie in one folder."""
    relative = re.sub(rf"(?m)^(\s*from\s+){package}(?=\s)", r"\1.", source)
    return re.sub(rf"(?m)^(\s*from\s+){package}\.(?=\w)", r"\1.", relative)


def closure(folder: Path, name: str) -> list[str]:
    """The modules of a package that one of them needs, itself among them (sorted)."""
    found: set[str] = set()
    coming = [name]
    while coming:
        module = coming.pop()
        if module not in found:
            found.add(module)
            coming += _siblings(ast.parse((folder / f"{module}.py").read_text("utf-8")), folder.name)
    return sorted(found)


def _siblings(tree: ast.Module, package: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            found.append(str(node.module).removeprefix(f"{package}."))
    return found
