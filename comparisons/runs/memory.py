"""The bytes for keys and values that all runs of a server share.

A lane holds its share before it allocates: what nobody else holds is granted, the rest is not. So the runs together
never take more than the server was given, whoever asks first.
"""

from __future__ import annotations

import threading

__all__ = ["KvMemory", "KvShare"]


class KvMemory:
    """So many bytes, for whoever holds a share of them. From any thread."""

    def __init__(self, limit_bytes: int | None = None) -> None:
        """Nobody holds anything yet; None is no limit."""
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._held_bytes = 0

    @property
    def limit_bytes(self) -> int | None:
        """Bytes in all; None where there is no limit."""
        return self._limit_bytes

    @property
    def held_bytes(self) -> int:
        """Bytes that are held now."""
        return self._held_bytes

    def share(self) -> KvShare:
        """A share that holds nothing yet."""
        return KvShare(self)

    def _move(self, before: int, after: int) -> bool:
        with self._lock:
            held = self._held_bytes - before + after
            if after > before and self._limit_bytes is not None and held > self._limit_bytes:
                return False
            self._held_bytes = held
            return True


class KvShare:
    """What one lane holds."""

    def __init__(self, memory: KvMemory) -> None:
        """Hold nothing of this memory."""
        self._memory = memory
        self._bytes = 0

    def hold(self, nbytes: int) -> bool:
        """Hold so many bytes from now on instead of those held before, less of which can always be held.

        Returns:
            False, and holds what it held, where there are not so many.
        """
        if not self._memory._move(self._bytes, nbytes):
            return False
        self._bytes = nbytes
        return True

    def free(self) -> None:
        """Hold nothing."""
        self.hold(0)
