"""StreamingLLM, side by side: the page. `python app.py` serves it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from comparisons.allocator import give_large_blocks_back
from comparisons.page.build import build
from comparisons.page.files import page_files
from comparisons.page.gradio_internals import spare_searches
from comparisons.page.library import dialogue_library, library
from comparisons.page.serve import check_address, serve
from comparisons.paths import DIALOGUES, RECORDINGS
from comparisons.runs.memory import KvMemory
from comparisons.server.backpressure import Patience
from comparisons.server.config import Config, read_config
from comparisons.server.queue import RunQueue
from comparisons.server.sessions import Sessions
from streaming import models
from streaming.errors import ModelError, StreamingError
from streaming.loading import packaged
from streaming.models import LoadedModel

TINY = "sink"
"""The model that is always there."""


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line, load the model, serve the page; 2 where that cannot be."""
    options = _parser().parse_args(argv)
    try:
        check_address(options.host, options.port)
        config = read_config()
        runs, talks = library(RECORDINGS), dialogue_library(DIALOGUES)
        wanted = options.model or config.model
        loaded = models.load(wanted) if wanted else _usual_model()
    except StreamingError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    give_large_blocks_back()  # the dense lanes' caches grow for hours
    spare_searches()
    files = page_files((*runs, *talks))
    sessions = _sessions(loaded, config)
    lacking = packaged.NAME if not wanted and loaded.name != packaged.NAME else ""
    page = build(loaded, scripts=files.scripts, sessions=sessions, lacking=lacking)
    serve(page, files, config, sessions, host=options.host, port=options.port, inbrowser=options.inbrowser)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python app.py", description="The side-by-side page of StreamingLLM.")
    parser.add_argument(
        "--model", help="smollm2, a bundled model, a folder, or a Hub id (default: STREAMING_MODEL, or smollm2)"
    )
    parser.add_argument("--host", help="address to serve on (default: this machine alone)")
    parser.add_argument("--port", type=int, help="port to serve on (default: the first free one from 7860)")
    parser.add_argument("--inbrowser", action="store_true", help="open the page in a browser, too")
    return parser


def _usual_model() -> LoadedModel:
    """A real language model where it can be had, from the package's file or the Hub; else a tiny one."""
    try:
        return models.load(packaged.NAME)
    except ModelError as error:
        print(f"app.py: {error} The tiny model '{TINY}' reads instead.", file=sys.stderr)
        return models.load(TINY)


def _sessions(loaded: LoadedModel, config: Config) -> Sessions:
    """The visitors' runs, within the limits of this server."""
    return Sessions(
        loaded,
        queue=RunQueue(config.runs, config.waiting, turn_seconds=config.turn, pause_seconds=config.pause),
        memory=KvMemory(config.kv_mb * 1_000_000),
        cores=config.cores,
        patience=Patience(grace_seconds=config.grace),
    )


if __name__ == "__main__":
    sys.exit(main())
