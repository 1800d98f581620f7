"""What a dialogue is told before it begins, and how its tokens are chosen where nobody says it."""

from __future__ import annotations

from dataclasses import dataclass

from comparisons.limits import Range, check_limits, limited
from comparisons.runs.settings import PACE, check_lanes
from comparisons.text.chat import ChatForm
from streaming.generate import Sampling
from streaming.models import LoadedModel
from streaming.policy import Policy

__all__ = ["DialogueSettings", "sampling_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DialogueSettings:
    """What a dialogue is.

    Attributes:
        lanes: one policy for each lane, no two the same.
        seed: of the requests, and of the choice of tokens.
        turns: each lane stops after so many answers.
        answer_tokens: an answer is cut after so many.
        kv_budget_bytes: a lane stops before the turn that could take its keys and values beyond this.
        sampling: how tokens are chosen; None for as `sampling_of` says.
        prompts: whether requests come by themselves; otherwise lanes wait for those of visitors.
        tokens_per_second: the pace of each lane's answers, None for as fast as the machine can.
        max_seconds: all lanes stop after so much running time; pauses are not counted.
        threads: of torch, for each lane.
        frames_per_second: how often the dialogue is told.
    """

    lanes: tuple[Policy, ...]
    seed: int = limited(0, Range(min=0, max=9999, unit=""))
    turns: int = limited(60, Range(min=1, max=100_000, unit="turns"))
    answer_tokens: int = limited(96, Range(min=1, max=4096, unit="tokens"))
    kv_budget_bytes: int = limited(10**9, Range(min=1000, max=10**12, unit="bytes"))
    sampling: Sampling | None = None
    prompts: bool = True
    tokens_per_second: float | None = limited(None, PACE)
    max_seconds: float = limited(7 * 86_400.0, Range(min=0.1, max=7 * 86_400, unit="seconds", whole=False))
    threads: int = limited(1, Range(min=1, max=256, unit="threads"))
    frames_per_second: float = limited(5.0, Range(min=0.1, max=60, unit="frames per second", whole=False))

    def __post_init__(self) -> None:
        """Refuse what is out of range, or twice there."""
        check_limits(self)
        check_lanes("A dialogue", self.lanes)


def sampling_of(
    loaded: LoadedModel,
    form: ChatForm,
    seed: int,
    *,
    temperature: float | None = None,
    top_p: float | None = None,
    repetition_penalty: float | None = None,
) -> Sampling:
    """As asked for; else as the model's generation config says; else what suits a small chat model."""
    config = loaded.model.generation_config

    def given(name: str, asked: float | None, otherwise: float) -> float:
        said = getattr(config, name, None)
        return float(asked if asked is not None else said if said is not None else otherwise)

    plain = 0.0 if form.lines else 0.7  # a model of the prompt stream alone is read greedily, as there
    return Sampling(
        temperature=given("temperature", temperature, plain),
        top_p=given("top_p", top_p, 0.9),
        repetition_penalty=given("repetition_penalty", repetition_penalty, 1.1 if plain else 1.0),
        seed=seed,
    )
