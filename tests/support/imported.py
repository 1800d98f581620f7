"""What forked processes begin with: all that is imported for the page and for any command, and a thread for each."""

from __future__ import annotations

from importlib import import_module

import torch

import app  # noqa: F401
from comparisons.__main__ import COMMANDS

torch.set_num_threads(1)
for name in COMMANDS:
    import_module(f"comparisons.commands.{name.replace('-', '_')}")
