"""`python -m comparisons chat`: the same requests to several lanes, each with its own words as its context."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

from comparisons.commands.shared.arguments import add_model
from comparisons.commands.shared.terminal import columns, printable
from comparisons.files import check_output, keep, shown
from comparisons.metrics import BYTES_PER_MB
from comparisons.recordings import dialogues
from comparisons.recordings.dialogues import DialogueRecording
from comparisons.runs.dialogue import Answered, Dialogue, DialogueFrame, DialogueSettings
from comparisons.runs.dialogue_lane import TurnRecord
from comparisons.text.chat import ChatForm
from comparisons.text.told import told_history
from streaming import models
from streaming.errors import SettingsError
from streaming.generate import Sampling
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["add_arguments", "table"]

RUNS = Path("runs")
_NARROWEST = 36
"""Letters that a column of answers needs."""


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
    loaded = models.load(arguments.model, device=arguments.device, dtype=arguments.dtype)
    settings = DialogueSettings(
        lanes=lanes,
        seed=arguments.seed,
        turns=len(own) or arguments.turns,
        answer_tokens=arguments.answer_tokens,
        kv_budget_bytes=round(arguments.kv_budget_mb * BYTES_PER_MB),
        sampling=_sampling(arguments, loaded),
        threads=arguments.threads,
    )
    dialogue = Dialogue(loaded, settings, history=_history(arguments, loaded, kept))
    for text in own:
        dialogue.ask(text)
    asking = bool(arguments.prompts) and sys.stdin.isatty()
    return _kept(dialogue, loaded, arguments, out, asking=asking)


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


def _kept(dialogue: Dialogue, loaded: LoadedModel, arguments: argparse.Namespace, out: Path, *, asking: bool) -> int:
    """The dialogue to its end; what it came to is written before it is told."""
    ended = 0
    try:
        with dialogue:
            _converse(dialogue) if asking else _tell(dialogue, quiet=arguments.json)
    except KeyboardInterrupt:
        ended = 130
    finally:
        recording = dialogues.recorded(dialogue, loaded)
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


def _sampling(arguments: argparse.Namespace, loaded: LoadedModel) -> Sampling:
    """As asked for; else as the model's generation config says; else what suits a small chat model."""
    config = loaded.model.generation_config

    def given(name: str, otherwise: float) -> float:
        asked, said = getattr(arguments, name), getattr(config, name, None)
        return float(asked if asked is not None else said if said is not None else otherwise)

    plain = 0.0 if ChatForm.of(loaded).lines else 0.7  # a model of the prompt stream alone is read greedily, as there
    return Sampling(
        temperature=given("temperature", plain),
        top_p=given("top_p", 0.9),
        repetition_penalty=given("repetition_penalty", 1.1 if plain else 1.0),
        seed=arguments.seed,
    )


def _history(arguments: argparse.Namespace, loaded: LoadedModel, kept: DialogueRecording | None) -> list[Answered]:
    if not arguments.start_turn:
        return []
    if kept is not None:
        return dialogues.history(kept, arguments.start_turn)
    if not ChatForm.of(loaded).lines:
        raise SettingsError("To start at a later turn, say with --history which recorded dialogue is read before it.")
    return told_history(arguments.seed, arguments.start_turn)


def _converse(dialogue: Dialogue) -> None:
    """A person asks, every lane answers, until the input ends."""
    for turn, line in enumerate(line for line in iter(sys.stdin.readline, "") if line.strip()):
        dialogue.ask(line)
        for frame in dialogue.frames():
            if answers := _answers(dialogue, frame, turn):
                print(beside(answers), flush=True)
                break


def _tell(dialogue: Dialogue, *, quiet: bool) -> None:
    """Every turn as soon as all lanes that still answer have answered it."""
    told = 0
    for frame in dialogue.frames():
        while not quiet and (answers := _answers(dialogue, frame, told)):
            print(f"\n{told + frame['heard'] + 1}. {printable(next(iter(answers.values()))['message'])}")
            print(beside(answers), flush=True)
            told += 1


def _answers(dialogue: Dialogue, frame: DialogueFrame, turn: int) -> dict[str, TurnRecord]:
    """The answers of all lanes that have not ended, once they are all there; none before."""
    found = {label: records[turn] for label, records in dialogue.records().items() if len(records) > turn}
    going = {lane["policy"] for lane in frame["lanes"] if lane["status"] not in ("stopped", "failed")}
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


def summary(recording: DialogueRecording) -> list[dict[str, object]]:
    """Each lane in numbers: of its last turn, and over all."""
    return [_summed(lane.policy, lane.status, lane.reason, lane.turns) for lane in recording.lanes]


def _summed(policy: str, status: str, reason: str | None, turns: Sequence[TurnRecord]) -> dict[str, object]:
    judged = [record["right"] for record in turns if record["right"] is not None]
    last = turns[-1] if turns else None
    return {
        "policy": policy,
        "status": status,
        "reason": reason,
        "turns": len(turns),
        "tokens": last["tokens"] if last else 0,
        "kv_bytes": max((record["kv_bytes"] for record in turns), default=0),
        "perplexity_latest": last["perplexity_latest"] if last else None,
        "repetition_latest": last["repetition_latest"] if last else None,
        "first_token_ms": median(record["first_token_ms"] for record in turns) if turns else None,
        "right": sum(judged),
        "judged": len(judged),
    }


def table(recording: DialogueRecording) -> str:
    """The lanes, a line each."""
    head = ["lane", "turns", "tokens", "KV, MB", "perplexity", "repetition", "first token, ms", "facts", "ended"]
    rows = [
        [
            str(row["policy"]), f"{row['turns']:,}", f"{row['tokens']:,}", f"{int(str(row['kv_bytes'])) / 1e6:.1f}",
            _number(row["perplexity_latest"]), _number(row["repetition_latest"]), _number(row["first_token_ms"]),
            f"{row['right']} of {row['judged']}", str(row["reason"] or row["status"]),
        ]
        for row in summary(recording)
    ]  # fmt: skip
    return columns([head, *rows], words=(0, 8))


def _number(value: object) -> str:
    return "–" if value is None else f"{float(str(value)):,.2f}"
