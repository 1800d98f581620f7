"""The paper's four million tokens, under attention sinks, on one machine: a run that survives being killed.

    marathon = Marathon(loaded, MarathonSettings(policy=Policy.parse("sinks:4+124")))
    while not marathon.done:
        marathon.advance()

`Marathon.save` writes all that the run is into one file: what the stream knows, where it stands in the prompt stream,
the sums. `Marathon.resume` goes on from there as if nothing had happened: no token is lost or read twice, and the
reads are cut at the same tokens, so the likelihoods are the same to the last bit.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from comparisons.experiments import checkpoints
from comparisons.experiments.stretches import Tally
from comparisons.limits import Range, check_limits, limited
from comparisons.metrics import process_rss_bytes
from comparisons.text.feeds import PromptFeed, Segment
from streaming.attention.readings import BLOCK
from streaming.errors import SettingsError
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import open_stream

__all__ = ["Marathon", "MarathonSettings", "Tape", "fingerprint"]

_STREAM = "stream."

_FORMAT = 2
"""Of a checkpoint: with other fields, another number."""

_WORDS = 256
"""How many words the tokenizer may remember."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MarathonSettings:
    """What decides about a run's numbers.

    Attributes:
        policy: what the KV cache holds.
        tokens: tokens to read.
        seed: of the prompt stream.
        chunk: most tokens in one read.
        stretch: tokens from one measurement to the next.
    """

    policy: Policy
    tokens: int = limited(4_000_000, Range(min=100, max=10**8, unit="tokens"))
    seed: int = limited(0, Range(min=0, max=9999, unit=""))
    chunk: int = limited(1024, Range(min=1, max=4096, unit="tokens"))
    stretch: int = limited(10_000, Range(min=10, max=100_000, unit="tokens"))

    @property
    def budget(self) -> int:
        """Tokens that the cache keeps."""
        if self.policy.budget is None:
            raise SettingsError("A dense cache grows without end: run the marathon with sinks and recent tokens.")
        return self.policy.budget

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_limits(self)
        if self.tokens < 4 * self.budget:
            raise SettingsError(
                f"tokens must be at least four caches of {self.budget} tokens, not {self.tokens}: read further, "
                "or keep fewer recent tokens."
            )


class Tape:
    """The prompt stream, taken in pieces of any size, from any place.

    Attributes:
        turn: the turn that it stands in.
        offset: tokens of that turn that were taken; the model's start token belongs to turn 0.
    """

    def __init__(self, feed: PromptFeed, turn: int = 0, offset: int = 0) -> None:
        """Stand `offset` tokens inside a turn; no turn before it is made."""
        self._turns = _turns(iter(feed) if turn == 0 else feed.from_turn(turn))
        self.turn, self.offset = turn, offset
        self._ids = next(self._turns)

    def take(self, count: int) -> list[int]:
        """The next tokens."""
        ids = self._ids[self.offset : self.offset + count]
        self.offset += len(ids)
        while len(ids) < count:
            self._ids = next(self._turns)
            fresh = self._ids[: count - len(ids)]
            ids += fresh
            self.turn, self.offset = self.turn + 1, len(fresh)
        return ids


def _turns(segments: Iterator[Segment]) -> Iterator[list[int]]:
    """The tokens of each turn, prompt and reply."""
    ids: list[int] = []
    for segment in segments:
        ids += segment.ids
        if segment.part == "reply":
            yield ids
            ids = []


class Marathon:
    """One stream under one policy, read to its last token.

    Attributes:
        loaded: the model.
        settings: as given.
        tally: what has been measured.
        begun: when the run began.
        resumes: how often it was gone on with.
    """

    def __init__(self, loaded: LoadedModel, settings: MarathonSettings) -> None:
        """Open the stream; nothing is read yet."""
        self.loaded, self.settings = loaded, settings
        self.begun = datetime.now(UTC).isoformat(timespec="seconds")
        self.resumes = 0
        self.tally = Tally(
            total=settings.tokens,
            stretch=settings.stretch,
            filled=settings.budget,
            rss_bytes=process_rss_bytes(),
        )
        _remember_few_words(loaded)
        self.stream = open_stream(loaded, settings.policy, chunk=settings.chunk)
        self._feed = PromptFeed(loaded.tokenizer, loaded.start_token, seed=settings.seed)
        self._tape = Tape(self._feed)
        self._identity = {**_plain(settings), **_material(loaded, self._feed)}
        self._looked: float | None = None

    @classmethod
    def resume(cls, loaded: LoadedModel, settings: MarathonSettings, path: Path) -> Marathon:
        """Go on from a file that `save` wrote.

        Raises:
            SettingsError: it is of another model, or of other settings.
            RecordingError: it is damaged.
        """
        state = checkpoints.load(path)
        marathon = cls(loaded, settings)
        _require_same(state["identity"], marathon._identity, path)
        marathon.stream.restore({name[len(_STREAM) :]: x for name, x in state.items() if name.startswith(_STREAM)})
        marathon._tape = Tape(marathon._feed, *state["place"])
        marathon.tally.restore(state["tally"])
        marathon.begun, marathon.resumes = state["begun"], state["resumes"] + 1
        return marathon

    @property
    def done(self) -> bool:
        """Whether all tokens were read."""
        return self.tally.tokens == self.settings.tokens

    def advance(self) -> int:
        """Read some tokens; return how many.

        Raises:
            StreamError: the model computes NaN.
        """
        if self._looked is None:
            self._looked = time.perf_counter()
        ids = self._tape.take(self._due())
        began = time.perf_counter()
        nats = self.stream.read(ids).double().numpy()
        ended = time.perf_counter()
        self.tally.add(
            ids,
            nats,
            seconds=self.tally.seconds + ended - self._looked,
            work_seconds=ended - began,
            kv_bytes=self.stream.nbytes,
            kv_allocated_bytes=self.stream.allocated_nbytes,
            rss_bytes=process_rss_bytes(),
        )
        self._looked = ended
        return len(ids)

    def _due(self) -> int:
        """Whole blocks of attention where there is room for one: a read of another length takes half as long again."""
        most = min(self.settings.chunk, self.tally.room)
        return most if most < BLOCK else most // BLOCK * BLOCK

    def save(self, path: Path) -> None:
        """Write down all that the run is, whole or not at all.

        Raises:
            StreamError: the file cannot be written.
        """
        state = {
            "identity": self._identity,
            "place": [self._tape.turn, self._tape.offset],
            "tally": self.tally.state(),
            "begun": self.begun,
            "resumes": self.resumes,
        }
        checkpoints.save(path, state | {f"{_STREAM}{name}": x for name, x in self.stream.state().items()})


def _remember_few_words(loaded: LoadedModel) -> None:
    """Keep a tokenizer from remembering how it cut each of 10,000 words: the stream's names fill that for hours."""
    fast = getattr(loaded.tokenizer, "backend_tokenizer", None)
    resize = getattr(getattr(fast, "model", None), "_resize_cache", None)
    if resize is not None:
        resize(_WORDS)


def _plain(settings: MarathonSettings) -> dict[str, Any]:
    return {**asdict(settings), "policy": settings.policy.label}


def _material(loaded: LoadedModel, feed: PromptFeed) -> dict[str, Any]:
    """What else decides about the numbers: the model's own, and the text's as its tokenizer cuts it."""
    text = [segment.ids for segment in islice(feed.from_turn(0), 28)]
    return {
        "format": _FORMAT,
        "model": loaded.name,
        "dtype": str(loaded.model.dtype).removeprefix("torch."),
        "weights": fingerprint(loaded),
        "text": hashlib.blake2b(repr(text).encode(), digest_size=8).hexdigest(),
    }


def fingerprint(loaded: LoadedModel) -> str:
    """A short name for a model's weights: other weights, another name."""
    digest = hashlib.blake2b(digest_size=8)
    for name, weights in sorted(loaded.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weights.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _require_same(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    other = [f"{name} {before.get(name)}, not {now[name]}" for name in now if before.get(name) != now[name]]
    if other:
        raise SettingsError(
            f"{path} is the checkpoint of another run ({'; '.join(other)}): give the options of that run, "
            "or another folder with --out."
        )
