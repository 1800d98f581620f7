"""Sampling the next token, and decoding from a stream."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from streaming.errors import SettingsError
from streaming.forward import require_numbers
from streaming.numbers import real, whole
from streaming.stream import Stream

__all__ = ["Sampling", "decode", "pick"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        temperature: divides the logits; 0 takes the most likely token.
        top_p: the smallest set of most likely tokens that together have this probability stays (Holtzman et al.,
            "The Curious Case of Neural Text Degeneration", 2020).
        repetition_penalty: divides the logits of tokens that were said before where they are positive, and multiplies
            them where they are negative (Keskar et al., "CTRL", 2019, section 4.1); 1 changes nothing.
        seed: the same seed on the same stream gives the same tokens.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        numbers = {
            "temperature": real("temperature", self.temperature, 0.0, 100.0),
            "top_p": real("top_p", self.top_p, 0.0, 1.0),
            "repetition_penalty": real("repetition_penalty", self.repetition_penalty, 1.0, 10.0),
            "seed": whole("seed", self.seed, 0, (1 << 63) - 1),
        }
        for name, value in numbers.items():
            object.__setattr__(self, name, value)
        if self.top_p == 0:
            raise SettingsError("top_p must be more than 0; for the most likely token set temperature to 0.")


def pick(logits: Tensor, sampling: Sampling, generator: torch.Generator, said: Sequence[int] = ()) -> int:
    """Choose a token.

    Args:
        logits: (V,) float32.
        sampling: how.
        generator: the source of randomness, on the device of the logits.
        said: ids that the repetition penalty holds back.

    Raises:
        StreamError: the logits are NaN.
    """
    require_numbers(logits)
    if said and sampling.repetition_penalty != 1:
        logits = _penalised(logits, sampling.repetition_penalty, said)
    if sampling.temperature == 0:
        return int(logits.argmax())
    probabilities, order = torch.softmax(logits / sampling.temperature, dim=-1).sort(descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    probabilities = probabilities.masked_fill(before >= sampling.top_p, 0.0)
    return int(order[torch.multinomial(probabilities, 1, generator=generator)])


def _penalised(logits: Tensor, penalty: float, said: Sequence[int]) -> Tensor:
    ids = torch.tensor(sorted(set(said)), device=logits.device)  # (n,)
    scores = logits[ids]  # (n,)
    return logits.index_put((ids,), torch.where(scores > 0, scores / penalty, scores * penalty))


def decode(stream: Stream, *, sampling: Sampling, max_tokens: int, stop: Collection[int] = ()) -> Iterator[int]:
    """Continue a stream with tokens of the model's own, each read back into the stream.

    Args:
        stream: has read at least one token; decode on a fork to leave it as it is.
        sampling: how tokens are chosen.
        max_tokens: how many at most.
        stop: token ids that end it; the one that does is neither yielded nor read.

    Yields:
        Token ids.
    """
    generator = torch.Generator(stream.logits.device).manual_seed(sampling.seed)
    said: list[int] = []
    for _ in range(max_tokens):
        token = pick(stream.logits, sampling, generator, said)
        if token in stop:
            return
        said.append(token)
        stream.step(token)
        yield token
