"""A lane that keeps nothing but its window goes to the end of what it hears at once: that window is encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from streaming.policy import Policy
from streaming.stream import Stream, open_stream

__all__ = ["jumped"]


def jumped(stream: Stream, ids: Sequence[int]) -> Stream:
    """A stream that recomputes, as it stands once it has read some more tokens.

    Args:
        stream: closed by this.
        ids: the tokens.
    """
    loaded, policy = stream.loaded, stream.policy
    latest = [*torch.as_tensor(stream.state()["latest"]).tolist(), *ids][-(policy.budget or 0) - 1 :]
    tokens, start = stream.tokens + len(ids), loaded.start_token
    window = latest if start is None or tokens == len(latest) else [start, *latest[1:]]
    whole = open_stream(loaded, Policy(kind="dense"))
    whole.read(window)
    after = open_stream(loaded, policy)
    after.restore({"tokens": tokens, "latest": torch.tensor(latest), "logits": whole.logits})
    whole.close()
    stream.close()
    return after
