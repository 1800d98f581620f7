"""The wheel: all of the project under the one import name `streaming_llm`, assets included.

Other packages are called `streaming`, too. So the wheel has `streaming_llm.streaming`, `streaming_llm.comparisons` and
`streaming_llm.app`; imports, and what the sources call the commands, are renamed while it is built. The repository
keeps the short names.
"""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
NAMES = {name: f"streaming_llm.{name}" for name in ("streaming", "comparisons", "app")}
COMMANDS = {r"python -m comparisons(?![.\w])": "streaming-llm", r"python app\.py": "streaming-llm serve"}
renamed = runpy.run_path(str(ROOT / "comparisons" / "packaging.py"))["renamed"]


class BuildRenamed(build_py):
    """Writes the sources under their new names, and the files that they read beside them."""

    def run(self) -> None:
        """Write the whole package."""
        target = Path(self.build_lib) / "streaming_llm"
        for source in (
            ROOT / "app.py",
            *sorted(ROOT.glob("streaming/**/*.py")),
            *sorted(ROOT.glob("comparisons/**/*.py")),
        ):
            written = target / source.relative_to(ROOT)
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(_retold(renamed(source.read_text("utf-8"), NAMES)), "utf-8")
        for source in sorted(ROOT.glob("distribution/*.py")):
            shutil.copyfile(source, target / source.name)
        shutil.copytree(ROOT / "assets", target / "assets", dirs_exist_ok=True)
        shutil.copyfile(ROOT / "streaming" / "py.typed", target / "py.typed")
        for name in ("LICENSE", "requirements.txt"):  # for what is exported
            shutil.copyfile(ROOT / name, target / name)


def _retold(source: str) -> str:
    """What the words of a source call the commands, as the wheel has them."""
    for command, ours in COMMANDS.items():
        source = re.sub(command, ours, source)
    return source


setup(cmdclass={"build_py": BuildRenamed})
