"""What a run is told before it begins, and what may be changed while it goes."""

from __future__ import annotations

from dataclasses import dataclass

from comparisons.limits import Range, check_limits, limited
from comparisons.runs.pacing import story_pace
from streaming.errors import SettingsError
from streaming.policy import Policy

__all__ = ["MOST_LANES", "PACE", "LaneSettings", "LiveSettings", "RunSettings", "check_lanes"]

MIB = 2**20

MOST_LANES = 8

PACE = Range(min=0.5, max=100_000, unit="tokens per second", whole=False, optional=True)

KV_BUDGET = Range(min=2**16, max=2**36, unit="bytes")


def check_lanes(what: str, lanes: tuple[Policy, ...]) -> None:
    """Refuse too many lanes for "A run", say, none, or one that is there twice."""
    if not 1 <= len(lanes) <= MOST_LANES:
        raise SettingsError(f"{what} has from 1 to {MOST_LANES} lanes, not {len(lanes)}.")
    if len({lane.label for lane in lanes}) < len(lanes):
        raise SettingsError("Two lanes have the same policy: leave one out, or change it.")


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneSettings:
    """What is equal for all lanes of a run.

    Attributes:
        kv_budget_bytes: a lane stops at the last token whose keys and values fit.
        max_tokens: a lane stops after so many tokens.
        chunk: most tokens in one read.
        perplexity_window: tokens in the sliding perplexity.
        stride: tokens between two points of the curve.
        answers: whether the lanes answer prompts.
        answer_every: of the prompts that ask for something in every cache, one in so many is answered at first, and one
            in twice as many of those that ask for what has left one; later the gaps grow with the stream.
        answer_tokens: longest answer.
    """

    kv_budget_bytes: int = limited(64 * MIB, KV_BUDGET)
    max_tokens: int = limited(100_000, Range(min=1, max=10**9, unit="tokens"))
    chunk: int = limited(256, Range(min=1, max=4096, unit="tokens"))
    perplexity_window: int = limited(256, Range(min=16, max=65_536, unit="tokens"))
    stride: int = limited(32, Range(min=1, max=100_000, unit="tokens"))
    answers: bool = True
    answer_every: int = limited(1, Range(min=1, max=1000, unit="questions"))
    answer_tokens: int = limited(60, Range(min=1, max=200, unit="tokens"))

    def __post_init__(self) -> None:
        """Refuse what is out of range or of the wrong type."""
        check_limits(self)
        if not isinstance(self.answers, bool):
            raise SettingsError(f"answers must be True or False, not {type(self.answers).__name__}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings(LaneSettings):
    """What a run is; see `LaneSettings` for what all lanes share.

    Attributes:
        lanes: one policy for each lane, no two the same.
        seed: of the prompt stream.
        max_seconds: all lanes stop after so much running time; pauses are not counted.
        tokens_per_second: the pace, None for as fast as the machine can. A run's pace can be changed
        (`Run.live`).
        story: in place of a pace, one that lingers where the training length ends; see `story_pace`.
        threads: of torch, for each lane; None for as many as there are cores that no other lane wants, as long as its
        reads are long.
        frames_per_second: how often the run is told.
    """

    lanes: tuple[Policy, ...]
    seed: int = limited(0, Range(min=0, max=9999, unit=""))
    max_seconds: float = limited(600.0, Range(min=0.1, max=7 * 86_400, unit="seconds", whole=False))
    tokens_per_second: float | None = limited(None, PACE)
    story: bool = False
    threads: int | None = limited(None, Range(min=1, max=256, unit="threads", optional=True))
    frames_per_second: float = limited(5.0, Range(min=0.1, max=30, unit="frames per second", whole=False))

    def __post_init__(self) -> None:
        """Refuse what is out of range, of the wrong type, or twice there."""
        LaneSettings.__post_init__(self)
        if not isinstance(self.lanes, tuple) or not all(isinstance(lane, Policy) for lane in self.lanes):
            raise SettingsError("lanes must be a tuple of policies.")
        check_lanes("A run", self.lanes)

    @property
    def smallest_cache(self) -> int | None:
        """Tokens that every lane's cache holds; None where there is no bound."""
        return min((policy.budget for policy in self.lanes if policy.budget is not None), default=None)


class LiveSettings:
    """What may be changed while a run goes; lanes look at it before each step. From any thread.

    Attributes:
        story: whether the pace is the story's, whatever `pace` is.
        sinks: whether lanes that have sinks keep them; those of a full cache can be set aside and given back.
    """

    def __init__(
        self,
        settings: LaneSettings,
        tokens_per_second: float | None = None,
        kv_budget_bytes: int | None = None,
        *,
        story: bool = False,
    ) -> None:
        """As the run begins; a dialogue has its own limit of bytes."""
        self._pace = tokens_per_second
        self._kv_budget_bytes = kv_budget_bytes or settings.kv_budget_bytes
        self._answers = settings.answers
        self.story = story
        self.sinks = True

    @property
    def pace(self) -> float | None:
        """Tokens per second that every lane goes at, at most; None for as fast as the machine can."""
        return self._pace

    @pace.setter
    def pace(self, tokens_per_second: float | None) -> None:
        PACE.check("pace", tokens_per_second)
        self._pace = tokens_per_second

    def pace_at(self, tokens: int, context: int) -> float | None:
        """The pace after so many tokens, for a model of this training length."""
        return story_pace(tokens, context) if self.story else self._pace

    @property
    def kv_budget_bytes(self) -> int:
        """Where a lane stops; one that has stopped does not go on."""
        return self._kv_budget_bytes

    @kv_budget_bytes.setter
    def kv_budget_bytes(self, nbytes: int) -> None:
        KV_BUDGET.check("kv_budget_bytes", nbytes)
        self._kv_budget_bytes = nbytes

    @property
    def answers(self) -> bool:
        """Whether the lanes answer prompts."""
        return self._answers

    @answers.setter
    def answers(self, answers: bool) -> None:
        if not isinstance(answers, bool):
            raise SettingsError(f"answers must be True or False, not {type(answers).__name__}.")
        self._answers = answers
