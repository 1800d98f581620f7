"""The arithmetic of who stays and who goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import SettingsError
from streaming.window import SinkWindow

sinks, recents, steps = st.integers(0, 9), st.integers(1, 20), st.integers(0, 80)


def evict_one_by_one(sinks: int, recent: int, t: int) -> list[int]:
    """The reference rule: after every token, drop what is neither a sink nor recent."""
    cache: list[int] = []
    for token in range(t):
        cache.append(token)
        if len(cache) > sinks + recent:
            cache = cache[:sinks] + cache[-recent:]
    return cache


@given(sinks, recents, steps)
def test_held_is_what_eviction_after_every_token_leaves(s: int, r: int, t: int) -> None:
    assert SinkWindow(sinks=s, recent=r).held(t) == evict_one_by_one(s, r, t)


@given(sinks, recents, steps)
def test_positions_are_contiguous_inside_the_cache(s: int, r: int, t: int) -> None:
    window = SinkWindow(sinks=s, recent=r)
    kept = window.attended(t)
    for place, index in enumerate(kept):
        assert place == (index if index < s else index - window.shift(t))
    assert window.query_position(t) == len(kept) - 1


def test_the_example_of_the_design() -> None:
    window = SinkWindow(sinks=4, recent=3)
    assert window.attended(9) == [0, 1, 2, 3, 6, 7, 8, 9]
    assert window.query_position(9) == 7


@given(steps)
def test_an_unbounded_window_keeps_everything(t: int) -> None:
    window = SinkWindow(sinks=0, recent=None)
    assert window.attended(t) == list(range(t + 1))
    assert (window.shift(t), window.query_position(t), window.budget) == (0, t, None)


@given(sinks, recents, steps)
def test_text_positions_move_no_sink(s: int, r: int, t: int) -> None:
    assert SinkWindow(sinks=s, recent=r, positions="text").shift(t) == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"sinks": -1},
        {"sinks": True},
        {"sinks": 1.5},
        {"recent": 0},
        {"recent": 1 << 30},
        {"positions": "elsewhere"},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        SinkWindow(**settings)
