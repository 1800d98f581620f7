"""Now and then a read is watched for the attention that it gives: to the stream's first tokens, and one by one."""

from __future__ import annotations

from comparisons.runs.frames import AttentionFrame, SinkShareFrame
from streaming.policy import Policy
from streaming.share import SinkShare

__all__ = ["MOST_TOLD", "ShareWatch", "told_attention", "told_share"]

_EVERY_SECONDS = 1.0
"""How often it is looked at."""

_QUERIES = 16
"""Of so many of a read's last tokens, so that a look costs next to nothing."""

_FIRST_TOKENS = 4
"""How many first tokens a policy without sinks is asked about: as many as StreamingLLM keeps by default."""

MOST_TOLD = 160
"""Of so many tokens at most the attention is told one by one: the first ones, and the latest."""

_SCALE = 10_000


class ShareWatch:
    """Says when the next look is due."""

    def __init__(self, policy: Policy) -> None:
        """The first read is looked at."""
        self._tokens = policy.sinks or _FIRST_TOKENS
        self._next = 0.0

    def due(self, now: float) -> SinkShare | None:
        """What the read that begins now fills, where it is to be watched."""
        if now < self._next:
            return None
        self._next = now + _EVERY_SECONDS
        return SinkShare(self._tokens, last=_QUERIES, row=True)


def told_share(share: SinkShare) -> SinkShareFrame | None:
    """As frames have it; None where the first tokens were out of sight."""
    by_head = share.by_head  # (layers, heads)
    if by_head is None:
        return None
    return {"tokens": share.tokens, "layers": [round(one, 4) for one in by_head.mean(dim=1).tolist()]}


def told_attention(share: SinkShare, tokens: int) -> AttentionFrame | None:
    """As frames have it, once so many tokens were read; None where it was not seen."""
    row = share.last_row  # (layers, K)
    if row is None or not row.isfinite().all():
        return None
    first = min(share.tokens, row.shape[1])
    latest = min(row.shape[1] - first, MOST_TOLD - first)
    told = (row * _SCALE).round().int()
    layers = [[*layer[:first], *layer[len(layer) - latest :]] for layer in told.tolist()]
    return {"at": tokens - 1, "first": first, "layers": layers}
