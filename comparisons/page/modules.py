"""The panel's ES modules as one script, so that nobody who runs the demo needs a build step.

Every module is wrapped in a function and follows those that it imports; what it exports is what others see of it.
Modules are written plainly: `import { a, b } from "./c.js";` at the start of a line, and `export` before a function or
a constant.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from comparisons import paths
from streaming.errors import SettingsError

__all__ = ["MODULES", "Module", "bundle", "ordered", "read"]

MODULES = paths.PANELS / "js"

_IMPORT = re.compile(r'^import \{([^}]+)\} from "(\.[^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const) (\w+))", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """One file.

    Attributes:
        name: its path in the folder of modules.
        imports: what it takes from others, by their names.
        exports: what it gives.
        body: the rest of it.
    """

    name: str
    imports: Mapping[str, tuple[str, ...]]
    exports: tuple[str, ...]
    body: str

    def wrapped(self) -> str:
        """The module as a statement that puts what it exports into `modules`."""
        taken = [f'const {{ {", ".join(names)} }} = modules["{name}"];' for name, names in self.imports.items()]
        head = "\n".join([f'modules["{self.name}"] = (() => {{', *taken])
        return f"{head}\n{self.body.strip()}\nreturn {{ {', '.join(self.exports)} }};\n}})();"


def read(name: str, folder: Path = MODULES) -> Module:
    """A module as its file has it.

    Raises:
        SettingsError: there is no such file, or it imports or exports in another way than is understood here.
    """
    try:
        text = (folder / name).read_text("utf-8")
    except OSError:
        raise SettingsError(f"There is no module {name} in {folder}.") from None
    imports = {
        posixpath.normpath(posixpath.join(posixpath.dirname(name), path)): tuple(re.findall(r"\w+", names))
        for names, path in _IMPORT.findall(text)
    }
    body = _EXPORT.sub("", _IMPORT.sub("", text))
    if strange := _OTHER.search(body):
        raise SettingsError(f"{name}: write `import {{ … }} from` or `export function`, not `{strange[0]}`.")
    return Module(name=name, imports=imports, exports=tuple(_EXPORT.findall(text)), body=body)


def ordered(entry: str, find: Callable[[str], Module] = read) -> list[Module]:
    """A module after all that it needs, each once.

    Args:
        entry: the module's name.
        find: reads a module by its name.

    Raises:
        SettingsError: modules import one another in a circle, or what is not exported.
    """
    done: dict[str, Module] = {}

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            raise SettingsError(f"Modules import one another: {' → '.join((*way[way.index(name) :], name))}.")
        if name in done:
            return
        module = find(name)
        for other, names in module.imports.items():
            visit(other, (*way, name))
            if missing := set(names) - set(done[other].exports):
                raise SettingsError(f"{name} imports {', '.join(sorted(missing))}, which {other} does not export.")
        done[name] = module

    visit(entry, ())
    return list(done.values())


def bundle(entry: str) -> str:
    """The script of a module and of all that it needs; what each exports is in `modules`, by its name."""
    return "\n".join(["const modules = {};", *(module.wrapped() for module in ordered(entry))])
