"""A dialogue: several lanes are asked the same, and each answers for itself, into its own cache.

    with Dialogue(loaded, DialogueSettings(lanes=(Policy.parse("dense"), Policy.parse("sinks:4+252")))) as dialogue:
        for frame in dialogue.frames():
            ...

There is one prompt at a time: each lane answers it at its own speed, and the next comes once all have. A visitor's own
message is the next prompt. What goes wrong in one lane ends that lane, in words; the others go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from comparisons.runs.cores import Cores
from comparisons.runs.dialogue.frames import DialogueFrame, DialogueHeader
from comparisons.runs.dialogue.lane import DialogueLane
from comparisons.runs.dialogue.records import TurnRecord
from comparisons.runs.dialogue.settings import DialogueSettings, sampling_of
from comparisons.runs.dialogue.speaker import Answered, Speaker
from comparisons.runs.dialogue.telling import DialogueTeller
from comparisons.runs.dialogue.turns import Turns
from comparisons.runs.going import Going
from comparisons.runs.interrupt import make_interruptible
from comparisons.runs.lane.budget import Budget
from comparisons.runs.lane.questions import as_line
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import LaneSettings, LiveSettings
from comparisons.text.chat import ChatForm
from comparisons.text.requests import requests
from comparisons.text.told import told_requests
from comparisons.versions import versions
from streaming.loading.machine import read_machine
from streaming.models import LoadedModel
from streaming.policy import Policy
from streaming.stream import open_stream

__all__ = ["Dialogue"]

_MOST_TOKENS = 10**9


class Dialogue(Going[DialogueFrame]):
    """Lanes that answer the same requests, from start to end; it runs once.

    Attributes:
        settings: as given.
        live: the settings that may be changed while it goes.
        sampling: how tokens are chosen.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        settings: DialogueSettings,
        *,
        history: Sequence[Answered] = (),
        memory: KvMemory | None = None,
        cores: Cores | None = None,
        run_id: str | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            loaded: the model of all lanes.
            settings: what to do.
            history: turns that were answered before; every lane reads them first, in chunks.
            memory: for keys and values, shared with other runs.
            cores: on which lanes take turns, shared with other runs; by default those of this machine.
            run_id: names the run in its frames; by default a name of its own.

        Raises:
            SettingsError: the model's chat template cannot be written turn by turn.
        """
        super().__init__(settings.frames_per_second, run_id)
        self.settings, self._loaded, self._history = settings, loaded, list(history)
        self._form = ChatForm.of(loaded)
        self.sampling = settings.sampling or sampling_of(loaded, self._form, settings.seed)
        self.live = LiveSettings(LaneSettings(), settings.tokens_per_second, settings.kv_budget_bytes)
        coming = told_requests(settings.seed) if self._form.lines else requests(settings.seed)
        later = islice(coming, len(self._history), None)
        self._turns = Turns([lane.label for lane in settings.lanes], later if settings.prompts else None)
        self._memory, self._cores = memory or KvMemory(), cores or Cores(max(1, round(read_machine().cores)))
        make_interruptible(loaded.model)
        self._speakers = [self._speaker(policy) for policy in settings.lanes]

    def _speaker(self, policy: Policy) -> Speaker:
        return Speaker(
            policy=policy,
            settings=self.settings,
            live=self.live,
            steering=self._steering,
            turns=self._turns,
            history=self._history,
            open=partial(self._open, policy),
            cores=self._cores,
            ended=self._lane_ended,
        )

    def _open(self, policy: Policy) -> tuple[DialogueLane, Budget]:
        stream = open_stream(self._loaded, policy)
        budget = Budget(stream, self.live, _MOST_TOKENS, self._memory)  # while nothing is read
        lane = DialogueLane(
            self._loaded,
            policy,
            self._form,
            sampling=self.sampling,
            answer_tokens=self.settings.answer_tokens,
            clock=self._steering.clock.seconds,
            stream=stream,
        )
        return lane, budget

    def start(self) -> DialogueTeller:
        """See `Going.start`."""
        self._require_new()
        threads = [speaker.thread() for speaker in self._speakers]
        teller = DialogueTeller(self.id, self.header(), self._steering, self._speakers)
        self._let_go(threads)
        return teller

    def ask(self, text: object) -> int:
        """Make this message the next turn that no lane has begun, from any thread.

        Args:
            text: whatever a stranger sent; read as one line.

        Returns:
            The message's number, from 1.

        Raises:
            SettingsError: the text is no message.
        """
        return self._turns.ask(as_line(text))

    def header(self) -> DialogueHeader:
        """What is known of the dialogue when its lanes are open."""
        settings, sampling, model = self.settings, self.sampling, self._loaded.model
        return {
            "model": self._loaded.name,
            "context": self._loaded.context,
            "dtype": str(model.dtype).removeprefix("torch."),
            "device": str(model.device),
            "bytes_per_token": max(speaker.bytes_per_token for speaker in self._speakers),
            "heard": len(self._history),
            "settings": {
                "seed": settings.seed,
                "turns": settings.turns,
                "answer_tokens": settings.answer_tokens,
                "kv_budget_bytes": settings.kv_budget_bytes,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "repetition_penalty": sampling.repetition_penalty,
            },
            "versions": versions(),
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def records(self) -> dict[str, list[TurnRecord]]:
        """What was measured so far, by the label of the lane."""
        return {speaker.policy.label: list(speaker.records) for speaker in self._speakers}

    @property
    def going(self) -> set[str]:
        """The labels of the lanes that have not ended."""
        return {speaker.policy.label for speaker in self._speakers if speaker.reason is None}

    def _lane_ended(self) -> None:
        if not self.going:
            self._steering.end()
