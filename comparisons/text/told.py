"""The prompt stream's own prompts as the requests of a dialogue, for a model that knows nothing but this stream."""

from __future__ import annotations

from collections.abc import Iterator

from comparisons.text.prompts import Turn, turn, turns
from comparisons.text.requests import Request

__all__ = ["told_history", "told_requests"]


def told_requests(seed: int, start: int = 0) -> Iterator[Request]:
    """The prompts of a seed, from turn `start` on, without their replies.

    Most facts of the stream are told in a reply, which in a dialogue is the model's own: a question asks for a fact
    here only where the prompt told it.
    """
    return (_request(seed, each) for each in turns(seed, start))


def told_history(seed: int, count: int) -> list[tuple[Request, str]]:
    """The first turns of a seed with the stream's own replies."""
    return [(_request(seed, turn(seed, index)), turn(seed, index).reply) for index in range(count)]


def _request(seed: int, one: Turn) -> Request:
    asks = one.asks is not None and (one.answer or "") in turn(seed, one.asks).prompt
    return Request(
        index=one.index,
        kind={"fact": "tell", "recall": "ask" if asks else "question"}.get(one.kind, "story"),
        text=one.prompt,
        asks=one.asks if asks else None,
        answer=one.answer if asks else None,
    )
