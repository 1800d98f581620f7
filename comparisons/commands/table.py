"""`table N`: one of the paper's tables, on any model."""

from __future__ import annotations

from functools import partial

from comparisons.commands.shared import reproduce

__all__ = ["add_arguments"]

add_arguments = partial(reproduce.add_arguments, kind="table")
