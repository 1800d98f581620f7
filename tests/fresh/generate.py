"""`export-generate` with torch and transformers alone: the ids of every family are ours."""

from __future__ import annotations

import json
from pathlib import Path

from comparisons.__main__ import main
from tests.fresh.environment import fresh
from tests.support import exported, stranger


def check(folder: Path) -> dict[str, float]:
    """Export, install what it asks for, and have a stranger generate with it."""
    repository = folder / "sinks"
    assert main(["export-generate", str(repository)]) == 0
    checkpoints = exported.checkpoints(folder / "models")
    environment = fresh(folder / "environment", "--requirement", repository / "custom_generate" / "requirements.txt")
    said = environment.run(environment.python, "-I", stranger.__file__, repository, *checkpoints, cwd=folder)
    for path, line in zip(checkpoints, said.splitlines(), strict=True):
        assert json.loads(line) == exported.ours(path), path.name
    return {**environment.measured, "models": len(checkpoints)}
