"""What a very long run has measured, held against sums made in one piece."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons.experiments.stretches import LEAD_TOKENS, TEXT_TOKENS, Tally
from comparisons.metrics import perplexity

NATS = np.random.default_rng(0).exponential(1.0, 3000)
NATS[0] = np.nan
IDS = np.random.default_rng(1).integers(0, 4096, 3000).tolist()


def fed(total: int, stretch: int, sizes: list[int], *, restarts: bool = False, filled: int = 40) -> Tally:
    """A tally of a whole run, read in pieces of these sizes again and again; new after each where it restarts."""
    tally = Tally(total=total, stretch=stretch, filled=filled, rss_bytes=100)
    place = 0
    while tally.tokens < total:
        if restarts:
            state = json.loads(json.dumps(tally.state(), allow_nan=False))
            tally = Tally(total=total, stretch=stretch, filled=filled, rss_bytes=7)
            tally.restore(state)
        begin, count = tally.tokens, min(sizes[place % len(sizes)], tally.room)
        tally.add(
            IDS[begin : begin + count],
            NATS[begin : begin + count],
            seconds=(begin + count) / 100,
            work_seconds=count / 200,
            kv_bytes=min(begin + count, filled),
            kv_allocated_bytes=2 * filled,
            rss_bytes=1000 + begin % 7,
        )
        place += 1
    return tally


@given(
    total=st.integers(100, 1500),
    stretch=st.integers(10, 400),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=5),
)
def test_the_sums_are_those_of_the_whole_however_it_is_read(total: int, stretch: int, sizes: list[int]) -> None:
    tally, span = fed(total, stretch, sizes), total // 4
    assert [one.end for one in tally.stretches] == [*range(stretch, total, stretch), total]
    for one in tally.stretches:
        assert one.perplexity == pytest.approx(perplexity(NATS[one.end - one.tokens : one.end]))
        assert one.ids_crc32 == zlib.crc32(np.array(IDS[: one.end], dtype="<u4").tobytes())
        assert one.seconds == pytest.approx(one.end / 100)
        assert one.tokens_per_second == pytest.approx(100)
        assert one.work_seconds == pytest.approx(one.took_seconds / 2)
    assert tally.first.perplexity == pytest.approx(perplexity(NATS[40 : 40 + span]))
    assert tally.last.perplexity == pytest.approx(perplexity(NATS[total - span : total]))
    assert tally.room == 0


@settings(max_examples=20)
@given(total=st.integers(100, 400), stretch=st.integers(10, 200), size=st.integers(5, 90))
def test_a_tally_that_is_restored_after_every_read_is_the_same_to_the_last_bit(
    total: int, stretch: int, size: int
) -> None:
    assert fed(total, stretch, [size], restarts=True).state() == fed(total, stretch, [size]).state()


def test_memory_is_compared_with_what_it_was_after_the_first_span() -> None:
    tally = Tally(total=400, stretch=50, filled=10, rss_bytes=1)
    for rss in (500, 2000, 900, 100, 800, 200, 1010, 600, 1005, 600, 990, 600, 990, 600, 990, 600):
        tally.add(IDS[:25], NATS[1:26], seconds=1, work_seconds=1, kv_bytes=1, kv_allocated_bytes=1, rss_bytes=rss)
    assert tally.span == 100
    assert [one.rss_bytes for one in tally.stretches] == [2000, 900, 800, 1010, 1005, 990, 990, 990]
    assert (tally.rss_settled_bytes, tally.rss_most_bytes) == (900, 1010)


def test_texts_are_pieces_of_the_stream_from_its_beginning_to_its_end() -> None:
    tally = fed(3000, 10, [64])
    assert 20 < len(tally.texts) < 30
    assert tally.texts[0].end == 10
    assert tally.texts[-1].end == 3000
    for text in tally.texts:
        begin = max(0, text.end - TEXT_TOKENS - LEAD_TOKENS)
        assert text.ids == IDS[begin : text.end]
        assert text.nats[-1] == NATS[text.end - 1]
    assert tally.texts[0].nats[0] is None
