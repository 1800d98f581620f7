"""What one lane may still read, and the bytes that it holds of the memory that all lanes share.

A lane holds its bytes before it allocates them, those of its forks included: each fork's are promised when it begins,
for as long as it may become, and kept until it is dropped, whatever the stream reads meanwhile. A lane whose cache is
bounded holds the most that it can ever need from the start, so that no dense lane takes it away.
"""

from __future__ import annotations

from typing import Literal

from comparisons.runs.frames import Reason
from comparisons.runs.memory import KvMemory
from comparisons.runs.settings import LiveSettings
from streaming.stream import Stream

__all__ = ["Budget", "Fork"]

Fork = Literal["answer", "reply"]

_FORKS = 2
"""Of a stream at the same time: an answer, and a reply to a visitor."""

_SPARE_TOKENS = 16
"""A cache's tensors have room for at most so many tokens more than it holds, and for a fourth of them."""


class Budget:
    """One lane's.

    Attributes:
        bytes_per_token: of keys and values: in the lane's cache or, where none is kept, in that of one forward.
    """

    def __init__(self, stream: Stream, live: LiveSettings, max_tokens: int, memory: KvMemory) -> None:
        """Hold what a bounded stream may ever need; where there is too little, the first read is told so.

        Args:
            stream: the lane's, nothing of it read yet.
            live: has the lane's limit of bytes.
            max_tokens: the lane reads no more.
            memory: what this lane shares with others.
        """
        self._stream, self._policy, self._live, self._max_tokens = stream, stream.policy, live, max_tokens
        self._share = memory.share()
        self._promised: dict[Fork, int] = {}
        self.bytes_per_token, self._kept = _bytes_per_token(stream)
        self._reserved = 0
        if self._policy.budget is not None:
            self._reserved = (1 + _FORKS) * self._needs(0) if self._kept else self._most_bytes
        self.hold_reading(0)

    @property
    def _most_tokens(self) -> int | None:
        """In the cache at once; a token that is recomputed stands in it itself."""
        budget = self._policy.budget
        return budget if budget is None or self._kept else budget + 1

    @property
    def _most_bytes(self) -> int:
        return (self._most_tokens or 0) * self.bytes_per_token

    def left(self) -> int:
        """Tokens that may still be read."""
        return self.room(self._max_tokens - self._stream.tokens)

    def spent(self) -> Reason | None:
        """Why the lane is to end now, if it is."""
        if self._stream.tokens >= self._max_tokens:
            return "tokens"
        return "kv-budget" if self.left() <= 0 else None

    def room(self, wanted: int) -> int:
        """How many of so many tokens fit into the limit for keys and values."""
        limit, most = self._live.kv_budget_bytes, self._most_tokens
        if self.bytes_per_token == 0 or (most is not None and self._most_bytes <= limit):
            return wanted
        return min(wanted, (limit - self._stream.peak_nbytes) // self.bytes_per_token)

    def hold_reading(self, count: int) -> bool:
        """Hold what the stream needs to read so many more tokens; whether there is so much."""
        return self._hold(self._needs(count))

    def hold_fork(self, fork: Fork, count: int) -> bool:
        """Promise a fork of the stream what it needs to read so many tokens; whether there is so much."""
        before = self._promised.get(fork, 0)
        self._promised[fork] = self._stream.allocated_after(count)
        if self._hold(self._stream.allocated_nbytes):
            return True
        self._promised[fork] = before
        return False

    def drop_fork(self, fork: Fork) -> None:
        """The fork is closed."""
        self._promised.pop(fork, None)

    def free(self) -> None:
        """Hold nothing."""
        self._promised.clear()
        self._share.free()

    def _hold(self, stream_bytes: int) -> bool:
        return self._share.hold(max(self._reserved, stream_bytes + sum(self._promised.values())))

    def _needs(self, count: int) -> int:
        """Bytes of the stream's own tensors once so many more tokens were read."""
        if self._stream.tokens:
            return self._stream.allocated_after(count)
        if not self._kept:
            return 0
        kept_twice = self._policy.sinks
        return self.bytes_per_token * (kept_twice + _SPARE_TOKENS + 5 * (self._policy.budget or count) // 4)


def _bytes_per_token(stream: Stream) -> tuple[int, bool]:
    """A cache knows its size when it has held something; whether it keeps that."""
    fork = stream.fork()
    try:
        fork.read([0])
        return fork.peak_nbytes, bool(fork.bytes_per_token)
    finally:
        fork.close()
