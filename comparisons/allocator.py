"""The C library's allocator: what it does with memory that was freed.

Reading and training take the same sizes again and again. As it comes, glibc gives large blocks back to the system when
they are freed and takes fresh ones, whose every page costs a fault when it is first touched: without them the bundled
models train some 40 % faster. What is free of smaller blocks it keeps, in a pool for each of many threads: a server
whose runs come and go in threads of their own grows with every pool. And the more large blocks it has seen freed, the
larger those that it keeps: a KV cache that grows leaves holes behind, a fifth of a long dense cache.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

__all__ = ["give_freed_memory_back", "give_large_blocks_back", "keep_freed_memory"]

_LARGE = 2**18
"""Bytes: smaller ones leave small holes. A forward reads no slower where its own are mapped anew each time."""

# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> bool:
    """For this process from now on; whether it could be told so (other C libraries have no such setting)."""
    return _set({_M_MMAP_THRESHOLD: 2**30, _M_TRIM_THRESHOLD: 2**30, _M_TOP_PAD: 2**28})


def give_large_blocks_back() -> bool:
    """As soon as they are freed, for this process from now on; whether it could be told so."""
    return _set({_M_MMAP_THRESHOLD: _LARGE})


def give_freed_memory_back() -> bool:
    """What is free in all pools goes back to the system, now; whether anything did."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return False
    return bool(trim(0))


def _set(settings: Mapping[int, int]) -> bool:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return all(mallopt(name, value) for name, value in settings.items())
