"""`python -m comparisons chat`: the same requests to several lanes, each with its own words as its context."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from datetime import datetime
from pathlib import Path

from comparisons.commands.shared.arguments import add_model
from comparisons.commands.shared.chat_summary import summary, table
from comparisons.commands.shared.terminal import printable
from comparisons.files import check_output, keep, shown
from comparisons.metrics import BYTES_PER_MB
from comparisons.recordings import dialogues
from comparisons.recordings.dialogues import DialogueRecording
from comparisons.runs.dialogue.records import TurnRecord
from comparisons.runs.dialogue.run import Dialogue
from comparisons.runs.dialogue.settings import DialogueSettings, sampling_of
from comparisons.text.chat import ChatForm
from streaming import models
from streaming.errors import SettingsError
from streaming.policy import Policy

__all__ = ["add_arguments"]

RUNS = Path("runs")
_NARROWEST = 36
"""Letters that a column of answers needs."""

_LOOK_SECONDS = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`chat MODEL`."""
    add_model(parser)
    parser.add_argument("--policies", default="dense,window:256,sinks:4+252", metavar="P,P,…", help="a lane for each")
    parser.add_argument("--turns", type=int, default=60, help="answers of each lane (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of requests and answers (default: %(default)s)")
    parser.add_argument("--prompts", metavar="-", choices=["-"], help="- reads a message a line from standard input")
    parser.add_argument("--history", type=Path, metavar="FILE", help="a recorded dialogue, read before the first turn")
    parser.add_argument("--start-turn", type=int, default=0, metavar="N", help="read N turns instead of answering them")
    parser.add_argument("--answer-tokens", type=int, default=96, help="an answer's most (default: %(default)s)")
    parser.add_argument("--kv-budget-mb", type=float, default=1000.0, metavar="MB", help="(default: %(default)s)")
    parser.add_argument("--temperature", type=float, help="0 takes the likeliest token (default: the model's, or 0.7)")
    parser.add_argument("--top-p", type=float, help="(default: the model's, or 0.9)")
    parser.add_argument("--repetition-penalty", type=float, help="(default: the model's, or 1.1)")
    parser.add_argument("--threads", type=int, default=1, help="of torch, for each lane (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0 (default: %(default)s)")
    parser.add_argument(
        "--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"), help="(default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="the recording (default: runs/chat-MODEL-TIME.json)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of answers and a table")
    parser.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
    lanes, out = tuple(map(Policy.parse, arguments.policies.split(","))), _out(arguments)
    kept = dialogues.load(arguments.history) if arguments.history else None
    own = _own_lines() if arguments.prompts and not sys.stdin.isatty() else []
    asking = bool(arguments.prompts) and sys.stdin.isatty()
    loaded = models.load(arguments.model, device=arguments.device, dtype=arguments.dtype)
    history, seed = dialogues.beginning(loaded, arguments.start_turn, arguments.seed, kept)
    settings = DialogueSettings(
        lanes=lanes,
        seed=seed,
        turns=len(own) or arguments.turns,
        answer_tokens=arguments.answer_tokens,
        kv_budget_bytes=round(arguments.kv_budget_mb * BYTES_PER_MB),
        sampling=sampling_of(
            loaded,
            ChatForm.of(loaded),
            seed,
            temperature=arguments.temperature,
            top_p=arguments.top_p,
            repetition_penalty=arguments.repetition_penalty,
        ),
        prompts=not asking,
        threads=arguments.threads,
    )
    dialogue = Dialogue(loaded, settings, history=history)
    for text in own:
        dialogue.ask(text)
    return _kept(dialogue, arguments, out)


def _own_lines() -> list[str]:
    try:
        return [line for line in sys.stdin if line.strip()]
    except UnicodeDecodeError as error:
        raise SettingsError(f"Standard input is no {error.encoding} text: convert it first.") from None


def _out(arguments: argparse.Namespace) -> Path:
    """Where the recording goes, once it is clear that it can."""
    model = Path(arguments.model).name[:60]
    out: Path = arguments.out or RUNS / f"chat-{model}-{datetime.now():%Y%m%d-%H%M%S}.json"
    check_output(out, [arguments.history] if arguments.history else [])
    return out


def _kept(dialogue: Dialogue, arguments: argparse.Namespace, out: Path) -> int:
    """The dialogue to its end; what it came to is written before it is told."""
    ended = 0
    teller = dialogue.start()
    try:
        with dialogue:
            if dialogue.settings.prompts:
                _tell(dialogue, quiet=arguments.json)
            else:
                _converse(dialogue)
    except KeyboardInterrupt:
        ended = 130
    finally:
        recording = dialogues.recorded(teller)
        if any(lane.turns for lane in recording.lanes):
            _say(recording, out, in_json=arguments.json)
    return ended or int(any(lane.status == "failed" for lane in recording.lanes))


def _say(recording: DialogueRecording, out: Path, *, in_json: bool) -> None:
    """Write the recording, and say what came of it."""
    try:
        keep(out, dialogues.dumps(recording))
    finally:
        if in_json:
            print(json.dumps({"recording": shown(out), "lanes": summary(recording)}))
        else:
            print(f"{table(recording)}\n\n{shown(out)}")


def _converse(dialogue: Dialogue) -> None:
    """A person asks, every lane answers, until the input or all lanes have ended."""
    for turn, line in enumerate(line for line in iter(sys.stdin.readline, "") if line.strip()):
        dialogue.ask(line)
        ended = False
        while not (answers := _answers(dialogue, turn)):
            if ended:
                return
            ended = dialogue.wait(_LOOK_SECONDS)
        print(beside(answers), flush=True)


def _tell(dialogue: Dialogue, *, quiet: bool) -> None:
    """Every turn as soon as all lanes that still answer have answered it."""
    told, ended = 0, False
    while not ended:
        ended = dialogue.wait(_LOOK_SECONDS)
        while not quiet and (answers := _answers(dialogue, told)):
            record = next(iter(answers.values()))
            print(f"\n{record['turn'] + 1}. {printable(record['message'])}")
            print(beside(answers), flush=True)
            told += 1


def _answers(dialogue: Dialogue, turn: int) -> dict[str, TurnRecord]:
    """The answers of all lanes that have not ended, once they are all there; none before."""
    going = dialogue.going
    found = {label: records[turn] for label, records in dialogue.records().items() if len(records) > turn}
    return found if going <= found.keys() else {}


def beside(answers: dict[str, TurnRecord]) -> str:
    """Answers in columns where the terminal is wide enough, one after the other elsewhere."""
    width = shutil.get_terminal_size().columns // max(1, len(answers)) - 2
    titles = {label: _title(label, record) for label, record in answers.items()}
    if width < _NARROWEST:
        return "\n".join(f"  [{titles[label]}] {printable(record['answer'])}" for label, record in answers.items())
    cells = [
        textwrap.wrap(titles[label], width) + textwrap.wrap(printable(record["answer"]), width)
        for label, record in answers.items()
    ]
    rows = [[cell[i] if i < len(cell) else "" for cell in cells] for i in range(max(map(len, cells)))]
    return "\n".join("  ".join(text.ljust(width) for text in row).rstrip() for row in rows)


def _title(label: str, record: TurnRecord) -> str:
    mark = {True: " ✓", False: " ✗", None: ""}[record["right"]]
    return f"{label}{mark} · {record['first_token_ms']:.0f} ms"
