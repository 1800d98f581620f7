"""`python -m comparisons marathon`: the options, the loop with its checkpoints and its progress bar, the files."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from comparisons.commands.shared.arguments import add_device, add_model, add_threads, use_threads
from comparisons.commands.shared.ending import noted
from comparisons.experiments import checkpoints
from comparisons.experiments.marathon import Marathon, MarathonSettings
from comparisons.experiments.marathon_report import figures, recording, stretch_rows, table
from comparisons.files import check_outputs, shown, write_whole
from comparisons.recordings import files
from streaming import models
from streaming.errors import SettingsError, StreamError
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`marathon MODEL`."""
    add_model(parser)
    parser.add_argument("--tokens", type=int, default=4_000_000, help="tokens to read (default: 4_000_000)")
    parser.add_argument("--seed", type=int, default=0, help="of the prompt stream (default: 0)")
    parser.add_argument("--sinks", type=int, default=4, help="first tokens that the cache keeps (default: 4)")
    parser.add_argument("--recent", type=int, help="latest tokens that it keeps (default: half the training length)")
    parser.add_argument("--chunk", type=int, default=1024, help="most tokens in one read (default: 1024)")
    parser.add_argument("--stretch", type=int, default=10_000, help="tokens between measurements (default: 10_000)")
    add_device(parser)
    add_threads(parser)
    parser.add_argument("--out", type=Path, default=Path("runs/marathon"), help="folder (default: runs/marathon)")
    parser.add_argument("--recording", type=Path, help="also write the recording here, for the page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here, for the README")
    parser.add_argument("--checkpoint-seconds", type=float, default=10.0, help="between two checkpoints (default: 10)")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint, if there is one")
    parser.set_defaults(command=_command)


def _command(arguments: argparse.Namespace) -> int:
    """The exit status: as of a process that the signal ended, where one came."""
    use_threads(arguments.threads)
    check_outputs(path for path in (arguments.recording, arguments.json) if path)
    path = _checkpoint_in(arguments.out, resume=arguments.resume)
    loaded = models.load(arguments.model, device=arguments.device, dtype=arguments.dtype)
    settings = _settings(arguments, loaded)
    marathon = Marathon.resume(loaded, settings, path) if path.exists() else Marathon(loaded, settings)
    marathon.save(path)  # before the work starts: a folder that takes no checkpoint is told of now
    stopped_by = _run(marathon, path, arguments.checkpoint_seconds)
    if marathon.done:
        _tell(marathon, arguments)
        return 0
    words = f"Stopped after {marathon.tally.tokens:,} tokens: go on with the same command and --resume."
    print(words, file=sys.stderr)
    return 128 + stopped_by


def _checkpoint_in(folder: Path, *, resume: bool) -> Path:
    """Where the folder's checkpoint is, or will be."""
    path = folder / "checkpoint.safetensors"
    if path.exists() and not resume:
        raise SettingsError(f"{folder} holds a marathon: go on with it by --resume, or name another folder with --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be made ({error.strerror}): name another folder with --out.") from error
    checkpoints.clean(path)
    return path


def _settings(arguments: argparse.Namespace, loaded: LoadedModel) -> MarathonSettings:
    recent = loaded.context // 2 - arguments.sinks if arguments.recent is None else arguments.recent
    return MarathonSettings(
        policy=Policy(kind="sinks", sinks=arguments.sinks, recent=recent),
        tokens=arguments.tokens,
        seed=arguments.seed,
        chunk=arguments.chunk,
        stretch=arguments.stretch,
    )


def _run(marathon: Marathon, path: Path, checkpoint_seconds: float) -> int:
    """Read to the end (0), or until a signal, which is returned; with checkpoints on the way, and one at the end."""
    tally, saved = marathon.tally, time.monotonic()
    with noted() as signals, _progress_bar(marathon) as bar:
        while not marathon.done and not signals:
            bar.update(marathon.advance())
            if tally.stretches:
                bar.set_postfix_str(f"perplexity {tally.stretches[-1].perplexity:.3f}", refresh=False)
            if time.monotonic() - saved >= checkpoint_seconds:
                marathon.save(path)
                saved = time.monotonic()
        marathon.save(path)
    return signals[0] if signals else 0


def _progress_bar(marathon: Marathon) -> tqdm[NoReturn]:
    """Shown in a terminal only."""
    return tqdm(
        total=marathon.settings.tokens,
        initial=marathon.tally.tokens,
        desc=f"{marathon.loaded.name} {marathon.settings.policy.label}",
        unit=" tokens",
        unit_scale=True,
        dynamic_ncols=True,
        disable=None,
    )


def _tell(marathon: Marathon, arguments: argparse.Namespace) -> None:
    kept = recording(marathon)
    places = [arguments.out / "recording.json", *([arguments.recording] if arguments.recording else [])]
    known = figures(marathon)
    for place in places:
        _write(place, files.dumps(kept))
    _write(arguments.out / "marathon.json", _json({**known, "stretches": stretch_rows(marathon)}))
    if arguments.json:
        _write(arguments.json, _json(known))
    print(table(marathon))
    print(f"All stretches: {arguments.out / 'marathon.json'}; for the page: {places[-1]}")
    print(json.dumps(known, allow_nan=False))


def _json(content: dict[str, Any]) -> str:
    return f"{json.dumps(content, allow_nan=False, indent=1)}\n"


def _write(path: Path, content: str) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise StreamError(
            f"{shown(path)} cannot be written ({error.strerror}): make room, then say --resume."
        ) from error
