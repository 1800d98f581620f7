"""`python -m comparisons export-generate FOLDER`: StreamingLLM as a `custom_generate` repository of transformers.

The folder holds what `streaming.custom_generate` needs of `streaming/`, made from the sources by this command: there is
no second copy to keep. It can be used as it lies there, or be uploaded to the Hub as a model repository.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from comparisons.files import shown, write_folder
from comparisons.packaging import HOME, closure, flat, flattened
from comparisons.paths import ROOT
from streaming.families import FAMILIES

__all__ = ["add_arguments", "files"]

_GENERATE = '''"""StreamingLLM for `model.generate(custom_generate=…, trust_remote_code=True)`: see README.md.

Made by `python -m comparisons export-generate` of the project "StreamingLLM, side by side"; change it there.
"""

{imports}


def generate(model, **arguments):
    """As `model.generate(**arguments)`, with a cache of `sinks` first and `recent` latest tokens."""
    return model.generate(**arguments, custom_generate=sink_generate)
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`export-generate FOLDER`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder, or an empty one")
    parser.set_defaults(command=_export)


def _export(arguments: argparse.Namespace) -> None:
    write_folder(arguments.folder, files().items())
    print(shown(arguments.folder))


def files() -> dict[str, str]:
    """The repository's files, by their paths in it."""
    sources, package = ROOT / "streaming", f"{HOME}streaming"
    modules = closure(sources, package, "custom_generate")
    # transformers copies the modules that it finds imported by name
    names = [f"from .{flat(module)} import __name__ as _{flat(module)}  # noqa: F401" for module in modules]
    imports = "\n".join([*names, "from .custom_generate import sink_generate"])
    written = {
        f"custom_generate/{flat(module)}.py": flattened(
            (sources / f"{module.replace('.', '/')}.py").read_text("utf-8"), package, modules
        )
        for module in modules
    }
    return written | {
        "custom_generate/generate.py": _GENERATE.format(imports=imports),
        "custom_generate/requirements.txt": _requirements(),
        "LICENSE": (ROOT / "LICENSE").read_text("utf-8"),
        "README.md": _readme(),
    }


def _requirements() -> str:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith(("torch", "transformers")))


def _readme() -> str:
    template = (ROOT / "assets" / "take-along" / "generate.md").read_text("utf-8")
    return template.replace("{families}", ", ".join(name for name in FAMILIES if name != "falcon_alibi"))
