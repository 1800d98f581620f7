"""`python -m comparisons run`: lanes on any model, under any policies, on any text; kept as a recording.

What can be refused is refused before the model is loaded. Ctrl-C ends the run and keeps what was measured.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from comparisons.commands.shared.arguments import add_device, add_model
from comparisons.commands.shared.ending import noted
from comparisons.commands.shared.expectations import fit_here, sentence
from comparisons.commands.shared.terminal import REASONS, LiveLines, columns
from comparisons.files import STANDARD_INPUT, check_output, keep, shown
from comparisons.limits import Range, limits
from comparisons.metrics import BYTES_PER_MB, rounded, tokens_per_second
from comparisons.page.forms import Form
from comparisons.recordings import files
from comparisons.recordings.format import Recording
from comparisons.recordings.player import overview
from comparisons.recordings.recorder import record
from comparisons.runs.fit import Fit
from comparisons.runs.frames import Frame, LaneFrame
from comparisons.runs.runner import Run
from comparisons.runs.settings import RunSettings
from comparisons.text.feeds import Source, SourceFeed
from comparisons.text.opening import open_dataset, open_texts
from comparisons.text.sources import Texts
from streaming import models
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["add_arguments", "summary", "table"]

RUNS = Path("runs")

KEPT = {"points": 1024, "moments": 256, "texts": 256, "answers": 64}
"""What is kept of each lane, at most: a few hundred kB."""

UNASKED_TOKENS = 100_000
"""How far prompts are read where nothing says how far."""

FAILED = 1
"""The exit status where a lane failed; 2 is for input that was refused, 128 and more for a signal."""

_KV_BUDGET = Range(min=0.1, max=68_000, unit="MB", whole=False)

_FIELDS = {
    "tokens": "max_tokens",
    "seconds": "max_seconds",
    "seed": "seed",
    "chunk": "chunk",
    "pace": "tokens_per_second",
    "threads": "threads",
}
"""Options by name, and the settings that they are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`run MODEL`."""
    add_model(parser)
    _add_experiment(parser)
    _add_machine(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the recording (default: runs/MODEL-DATE-TIME.json)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of a table")
    parser.set_defaults(command=_run)


def _add_experiment(parser: argparse.ArgumentParser) -> None:
    """What is read, how, and how far."""
    default, lanes = Form(), ",".join(policy.label for policy in Form().settings().lanes)
    parser.add_argument("--policies", metavar="P,P,…", help=f"a lane for each (default: what fits, as {lanes})")
    stream = parser.add_mutually_exclusive_group()
    stream.add_argument("--prompts", action="store_true", help="read the endless prompt stream (the default)")
    stream.add_argument(
        "--text", nargs="+", default=[], metavar="FILE", help="read these UTF-8 files and folders; - is stdin"
    )
    stream.add_argument("--dataset", metavar="NAME", help="read a data set of the Hub, owner/name, or of a folder")
    stream.add_argument(
        "--stdin", action="store_const", dest="text", const=[STANDARD_INPUT], help="read standard input, as it comes"
    )
    parser.add_argument("--split", default="test", help="of the data set (default: %(default)s)")
    parser.add_argument("--column", help="of the data set (default: text, or the first that holds text)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of the prompt stream (default: %(default)s)")
    parser.add_argument(
        "--kv-budget-mb", type=float, metavar="MB",
        help="a lane stops at the last token whose keys and values fit, 1 MB being 10**6 bytes (default: what fits)",
    )  # fmt: skip
    parser.add_argument(
        "--tokens", type=int,
        help=f"a lane stops after so many (default: {UNASKED_TOKENS} prompt tokens without --seconds; else no limit)",
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, help="all lanes stop after so many (default: no limit)")
    parser.add_argument("--pace", type=float, help="tokens per second, at most (default: no limit)")
    parser.add_argument(
        "--answers", action=argparse.BooleanOptionalAction, help="let the lanes answer some prompts, however slowly"
    )


def _add_machine(parser: argparse.ArgumentParser) -> None:
    """How it is computed."""
    parser.add_argument("--chunk", type=int, help="tokens in one read, at most (default: about a second's)")
    parser.add_argument("--threads", type=int, default=1, help="of torch, for each lane (default: %(default)s)")
    add_device(parser)


def _run(arguments: argparse.Namespace) -> int:
    _settings(arguments)  # what can be refused is refused now
    out = _out(arguments)
    with closing(_texts(arguments)) as texts:
        loaded = models.load(arguments.model, device=arguments.device, dtype=arguments.dtype)
        fit = fit_here(loaded)
        settings = _settings(_fitted(arguments, fit))
        if any(policy.kind == "dense" for policy in settings.lanes) and arguments.kv_budget_mb is None:
            print(*map(sentence, fit.notes), sep="\n", file=sys.stderr)
        with noted() as signals:
            recording = _read(_run_of(loaded, settings, texts), arguments.tokens, signals)
            try:
                keep(out, files.dumps(recording))
                print(f"recording: {shown(out)}", file=sys.stderr)
            finally:
                print(json.dumps({**summary(recording), "recording": str(out)}) if arguments.json else table(recording))
    failed = any(lane["status"] == "failed" for lane in summary(recording)["lanes"])
    return 128 + signals[0] if signals else FAILED if failed else 0


def _texts(arguments: argparse.Namespace) -> Texts:
    if arguments.dataset:
        return open_dataset(arguments.dataset, split=arguments.split, column=arguments.column)
    return open_texts(arguments.text)


def _fitted(arguments: argparse.Namespace, fit: Fit) -> argparse.Namespace:
    """The same arguments, and where nothing was said what suits the model on this machine."""
    suits = {
        "policies": f"dense,sinks:{fit.sinks}+{fit.recent}",
        "kv_budget_mb": float(fit.budget_mb),
        "chunk": fit.chunk,
        "answers": fit.answers,
    }
    said = {name: value for name, value in vars(arguments).items() if value is not None}
    return argparse.Namespace(**{**dict.fromkeys(vars(arguments)), **suits, **said})


def _run_of(loaded: LoadedModel, settings: RunSettings, texts: Texts) -> Run:
    """A run of the texts, of prompts where there are none."""
    if not texts.name:
        return Run(loaded, settings)
    feed = SourceFeed(loaded.tokenizer, loaded.start_token, texts)
    return Run(loaded, settings, feed, source=Source(name=texts.name))


def _read(run: Run, tokens: int | None, signals: list[int]) -> Recording:
    """The run to its end, which a signal brings about."""
    with closing(_Progress(sys.stderr, tokens)) as progress:

        def show(frame: Frame) -> None:
            progress.show(frame)
            if signals:
                run.stop()

        return record(run, show, **KEPT)


def _settings(arguments: argparse.Namespace) -> RunSettings:
    """The run's settings; what is out of range is named as the option that it came by."""
    given = {option: getattr(arguments, option) for option in _FIELDS if getattr(arguments, option) is not None}
    for option, value in given.items():
        limits(RunSettings)[_FIELDS[option]].check(f"--{option}", value)
    usual = Form()
    budget_mb = usual.budget_mb if arguments.kv_budget_mb is None else arguments.kv_budget_mb
    _KV_BUDGET.check("--kv-budget-mb", budget_mb)
    policies = None if arguments.policies is None else arguments.policies.split(",")
    return RunSettings(
        lanes=tuple(map(Policy.parse, policies)) if policies else usual.settings().lanes,
        kv_budget_bytes=round(budget_mb * BYTES_PER_MB),
        answers=arguments.answers is not False,
        **_unlimited(arguments) | {_FIELDS[option]: value for option, value in given.items()},
    )


def _unlimited(arguments: argparse.Namespace) -> dict[str, float]:
    """The limits of a run that is given none: a text has an end, and a time that is asked for is an end, too."""
    ranges = limits(RunSettings)
    endless = not arguments.text and not arguments.dataset and arguments.seconds is None
    return {
        "max_tokens": UNASKED_TOKENS if endless else ranges["max_tokens"].max,
        "max_seconds": float(ranges["max_seconds"].max),
    }


def _out(arguments: argparse.Namespace) -> Path:
    """Where the recording goes, once it is clear that it can."""
    out = arguments.out or _unused(RUNS / f"{_file_name(arguments.model)}-{datetime.now():%Y%m%d-%H%M%S}.json")
    check_output(out, arguments.text)
    return out


def _unused(path: Path) -> Path:
    count = 2
    while (free := path if count == 2 else path.with_stem(f"{path.stem}-{count - 1}")).exists():
        count += 1
    return free


def _file_name(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).name).strip("-.")[:60] or "model"


class _Progress:
    """A line for each lane; below them a bar, where it is known how far the run goes."""

    def __init__(self, out: TextIO, tokens: int | None) -> None:
        hidden = tokens is None or not out.isatty()
        self._lines = LiveLines(out)
        self._bar = tqdm(total=tokens, unit="tok", file=out, disable=hidden, leave=False, dynamic_ncols=True)

    def show(self, frame: Frame) -> None:
        self._lines.show(frame)
        going = [lane["tokens"] for lane in frame["lanes"] if lane["reason"] is None]
        self._bar.n = min(going) if going else max(lane["tokens"] for lane in frame["lanes"])
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()
        self._lines.close()


def summary(recording: Recording) -> dict[str, Any]:
    """A run in a few figures, for JSON: bytes, seconds, tokens per second over the whole run."""
    last = overview(recording)
    return {
        "model": recording.header["model"],
        "source": recording.header["source"],
        "seconds": last["seconds"],
        "rss_bytes": last["rss_bytes"],
        "lanes": [_lane_summary(lane) for lane in last["lanes"]],
    }


def _lane_summary(lane: LaneFrame) -> dict[str, Any]:
    names = (
        "label", "tokens", "perplexity", "perplexity_total", "kv_bytes", "kv_allocated_bytes", "cache_tokens",
        "seconds", "status", "reason", "message",
    )  # fmt: skip
    speed = rounded(tokens_per_second(lane["tokens"], lane["seconds"]), 5)
    known: dict[str, Any] = dict(lane)
    return {name: known[name] for name in names} | {"tokens_per_second": speed}


def table(recording: Recording) -> str:
    """The same figures for people; perplexity is that of the whole stream, and that of its last tokens."""
    window = recording.header["window"]
    head = ("lane", "tokens", "perplexity", f"last {window}", "KV MB", "tokens/s", "why it ended")
    rows = [head, *(_row(lane) for lane in summary(recording)["lanes"])]
    return columns(rows, words=(0, len(head) - 1))


def _row(lane: dict[str, Any]) -> tuple[str, ...]:
    def shown(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, form)

    return (
        lane["label"],
        f"{lane['tokens']:,}",
        shown(lane["perplexity_total"], ",.2f"),
        shown(lane["perplexity"], ",.2f"),
        f"{lane['kv_bytes'] / BYTES_PER_MB:,.2f}",
        f"{lane['tokens_per_second']:,.0f}",
        lane["message"] or REASONS.get(lane["reason"], lane["status"]),
    )
