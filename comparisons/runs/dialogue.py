"""A dialogue: several lanes are asked the same, and each answers for itself, into its own cache.

    with Dialogue(loaded, DialogueSettings(lanes=(Policy.parse("dense"), Policy.parse("sinks:4+252")))) as dialogue:
        for frame in dialogue.frames():
            ...

Each lane has a thread and goes at its own speed. A visitor's own message becomes the next turn that no lane has begun,
of all lanes. What goes wrong in one lane ends that lane, in words; the others go on. Leaving the `with` block ends the
threads: a lane looks up after every token.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

import torch
from typing_extensions import TypedDict

from comparisons.limits import Range, check_limits, limited
from comparisons.runs.dialogue_lane import DialogueLane, TurnRecord
from comparisons.text.chat import ChatForm
from comparisons.text.requests import Request, requests
from comparisons.text.told import told_requests
from streaming.errors import SettingsError, StreamingError
from streaming.generate import Sampling
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["Answered", "Dialogue", "DialogueFrame", "DialogueLaneFrame", "DialogueSettings"]

TAIL = 4
"""Latest turns of each lane that a frame holds, so that a lost frame loses nothing."""

_MOST_LANES = 8
_JOIN_SECONDS = 30.0
_LOG = logging.getLogger(__name__)

Status = Literal["waiting", "hearing", "answering", "stopped", "failed"]

Answered = tuple[Request, str]
"""A turn that was answered before: what was asked, and what was said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DialogueSettings:
    """What a dialogue is.

    Attributes:
        lanes: one policy for each lane, no two the same.
        seed: of the requests, and of the choice of tokens.
        turns: each lane stops after so many answers.
        answer_tokens: an answer is cut after so many.
        kv_budget_bytes: a lane stops before the turn that could take its keys and values beyond this.
        sampling: how tokens are chosen.
        threads: of torch, for each lane.
    """

    lanes: tuple[Policy, ...]
    seed: int = limited(0, Range(min=0, max=9999, unit=""))
    turns: int = limited(60, Range(min=1, max=100_000, unit="turns"))
    answer_tokens: int = limited(96, Range(min=1, max=4096, unit="tokens"))
    kv_budget_bytes: int = limited(10**9, Range(min=1000, max=10**12, unit="bytes"))
    sampling: Sampling = field(default_factory=Sampling)
    threads: int = limited(1, Range(min=1, max=256, unit="threads"))

    def __post_init__(self) -> None:
        """Refuse what is out of range, or twice there."""
        check_limits(self)
        if not 1 <= len(self.lanes) <= _MOST_LANES:
            raise SettingsError(f"A dialogue has from 1 to {_MOST_LANES} lanes, not {len(self.lanes)}.")
        if len({lane.label for lane in self.lanes}) < len(self.lanes):
            raise SettingsError("Two lanes have the same policy: leave one out, or change it.")


class DialogueLaneFrame(TypedDict):
    """A lane as it is now; `done` counts its answers, and `tail` holds the last of them."""

    policy: str
    status: Status
    reason: str | None
    message: str
    done: int
    asked: str
    saying: str
    tokens: int
    kv_bytes: int
    tail: list[TurnRecord]


class DialogueFrame(TypedDict):
    """A dialogue as it is now, fit for `json.dumps(frame, allow_nan=False)`."""

    run: str
    seq: int
    seconds: float
    state: Literal["running", "finished"]
    heard: int
    lanes: list[DialogueLaneFrame]


class _Turns:
    """The turns of all lanes: each is made when the first lane comes to it, and then stands."""

    def __init__(self, coming: Iterator[Request]) -> None:
        self._coming, self._made = coming, list[Request]()
        self._own: deque[str] = deque()
        self._lock = threading.Lock()

    def ask(self, text: str) -> None:
        with self._lock:
            self._own.append(text)

    def __getitem__(self, turn: int) -> Request:
        with self._lock:
            while len(self._made) <= turn:
                self._made.append(self._next())
            return self._made[turn]

    def _next(self) -> Request:
        if self._own:
            return Request(index=-1 - len(self._made), kind="visitor", text=self._own.popleft())
        return next(self._coming)


class _Lane:
    """A lane's thread, and what it shows of itself."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.lane: DialogueLane | None = None
        self.status: Status = "waiting"
        self.reason: str | None = None
        self.message = self.asked = self.saying = ""

    def end(self, reason: str, message: str = "") -> None:
        self.status = "failed" if reason == "error" else "stopped"
        self.reason, self.message = reason, message

    def frame(self) -> DialogueLaneFrame:
        records = self.lane.records if self.lane else []
        return DialogueLaneFrame(
            policy=self.policy.label,
            status=self.status,
            reason=self.reason,
            message=self.message,
            done=len(records),
            asked=self.asked,
            saying=self.saying,
            tokens=self.lane.stream.tokens if self.lane else 0,
            kv_bytes=self.lane.stream.peak_nbytes if self.lane else 0,
            tail=records[-TAIL:],
        )


class Dialogue:
    """Lanes that answer the same requests, from start to end; it runs once.

    Attributes:
        id: names the run in its frames.
        settings: as given.
    """

    def __init__(self, loaded: LoadedModel, settings: DialogueSettings, *, history: Sequence[Answered] = ()) -> None:
        """Nothing runs yet.

        Args:
            loaded: the model of all lanes.
            settings: what to do.
            history: turns that were answered before; every lane reads them first, in chunks.

        Raises:
            SettingsError: the model's chat template cannot be written turn by turn.
        """
        self.id, self.settings, self._loaded = uuid.uuid4().hex, settings, loaded
        self._form = ChatForm.of(loaded)
        coming = told_requests(settings.seed) if self._form.lines else requests(settings.seed)
        self._history = list(history)
        self._turns = _Turns(islice(coming, len(self._history), None))
        self._lanes = [_Lane(policy) for policy in settings.lanes]
        self._threads = [threading.Thread(target=self._guarded, args=(lane,), daemon=True) for lane in self._lanes]
        self._over = threading.Event()
        self._began = time.monotonic()

    def __enter__(self) -> Dialogue:
        """Start the lanes."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End them."""
        self.stop()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def stop(self) -> None:
        """Let every lane stop after its token."""
        self._over.set()

    def ask(self, text: str) -> None:
        """Make this message the next turn that no lane has begun.

        Raises:
            SettingsError: there is nothing in it.
        """
        if not text.strip():
            raise SettingsError("Write something to ask.")
        self._turns.ask(text.strip())

    def frames(self, every_seconds: float = 0.2) -> Iterator[DialogueFrame]:
        """The dialogue as it goes, several times a second; the last frame is "finished"."""
        seq = 0
        while True:
            finished = not any(thread.is_alive() for thread in self._threads)
            yield self.frame(seq, finished=finished)
            if finished:
                return
            seq += 1
            time.sleep(every_seconds)

    def frame(self, seq: int = 0, *, finished: bool = False) -> DialogueFrame:
        """The dialogue as it is now."""
        return DialogueFrame(
            run=self.id,
            seq=seq,
            seconds=time.monotonic() - self._began,
            state="finished" if finished else "running",
            heard=self.heard,
            lanes=[lane.frame() for lane in self._lanes],
        )

    @property
    def heard(self) -> int:
        """Turns that were answered before this dialogue began."""
        return len(self._history)

    @property
    def bytes_per_token(self) -> int:
        """Of keys and values, in the lanes that cache any; 0 before the first token."""
        return max(lane.lane.stream.bytes_per_token if lane.lane else 0 for lane in self._lanes)

    def records(self) -> dict[str, list[TurnRecord]]:
        """What was measured so far, by the label of the lane."""
        return {lane.policy.label: list(lane.lane.records) if lane.lane else [] for lane in self._lanes}

    def _guarded(self, lane: _Lane) -> None:
        torch.set_num_threads(self.settings.threads)
        try:
            lane.end(self._talk(lane))
        except StreamingError as error:
            lane.end("error", str(error))
        except Exception as error:
            _LOG.exception("lane failed")
            lane.end("error", f"{type(error).__name__}: {error}")

    def _talk(self, shown: _Lane) -> str:
        """Hear the history, then turn after turn; why it ended."""
        settings = self.settings
        lane = DialogueLane(
            self._loaded, shown.policy, self._form, sampling=settings.sampling, answer_tokens=settings.answer_tokens
        )
        shown.lane, shown.status = lane, "hearing"
        for request, answer in self._history:
            if self._over.is_set():
                return "user"
            lane.hear(request, answer)
        shown.status = "answering"
        return self._answer_all(shown, lane)

    def _answer_all(self, shown: _Lane, lane: DialogueLane) -> str:
        for turn in range(self.settings.turns):
            request = self._turns[turn]
            if lane.room_for(request) > self.settings.kv_budget_bytes:
                return "kv-budget"
            shown.asked, shown.saying = request.text, ""
            for piece in lane.answer(request, turn + len(self._history)):
                shown.saying += piece
                if self._over.is_set():
                    return "user"
        return "turns"
