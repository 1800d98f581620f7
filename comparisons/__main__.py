"""The experiments in a terminal: `python -m comparisons --help` lists them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from comparisons.allocator import give_large_blocks_back, keep_freed_memory
from comparisons.commands.shared.ending import heard, patient_streams
from streaming.errors import StreamingError

__all__ = ["COMMANDS", "main", "parser", "process"]

COMMANDS = {
    "run": "read a text under several policies side by side, and keep what was measured as a recording",
    "chat": "the same requests to several lanes, each of which answers into its own cache",
    "replay": "play a recorded run, one line per lane",
    "compare": "two recordings side by side: settings, perplexity, memory, speed",
    "export": "a recorded run as one HTML file that replays in any browser, offline",
    "export-generate": "StreamingLLM as a repository for transformers' custom_generate, made from the sources",
    "export-space": "a Hugging Face Space of one's own: everything that it needs, in one folder",
    "record": "a run that the page offers to its visitors as recorded: of sink the one that it shows before Start",
    "marathon": "read the paper's four million tokens with sinks; goes on with --resume after a kill at any moment",
    "sweep": "perplexity and memory over models, sinks and cache sizes, in parallel",
    "table": "one of the paper's tables, on any model",
    "figure": "one of the paper's figures, on any model",
    "paper": "the paper's tables and figures on a model of one's own, as one report; goes on where it was ended",
    "measure": "what a model does under each policy, on a held-out seed of the prompt stream",
    "bench": "what reading and decoding cost, as ratios; on an otherwise idle machine",
    "dtypes": "what bfloat16 gains on this CPU, over sizes of models",
    "report": "write what was measured of the bundled models into the README and their cards",
}
"""What each command does. `comparisons/commands/NAME.py` (_ for -) holds it, and is imported when it is asked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and give its exit status: 2 where the input was refused, 128 and its number after a signal."""
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = parser(given[0] if given else "").parse_args(given)
    with heard() as signals:
        try:
            code = arguments.command(arguments) or 0
        except StreamingError as error:
            print(f"comparisons: {error}", file=sys.stderr)
            code = 2
        except KeyboardInterrupt:
            code = 130
    return 128 + signals[0] if signals else code


def parser(asked: str) -> argparse.ArgumentParser:
    """Knows every command by name; its arguments are known of the one that is asked for."""
    whole = argparse.ArgumentParser(prog="python -m comparisons", description=__doc__)
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for name, what in COMMANDS.items():
        one = commands.add_parser(name, help=what, description=what)
        if name == asked:
            import_module(f"comparisons.commands.{name.replace('-', '_')}").add_arguments(one)
    return whole


def process(argv: Sequence[str] | None = None) -> int:
    """`main` for a whole process: what it says may fail, and nothing else fails with it."""
    keep_freed_memory()
    give_large_blocks_back()
    with patient_streams() as lost:
        code = main(argv)
    if lost:
        print(f"comparisons: the words were lost ({lost[0].strerror}).", file=sys.stderr)
    return code or int(bool(lost))


if __name__ == "__main__":
    sys.exit(process())
