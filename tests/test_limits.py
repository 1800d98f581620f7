from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from comparisons.limits import Range, check_limits, limited, limits
from streaming.errors import SettingsError

WHOLE = Range(min=1, max=10, unit="tokens")
REAL = Range(min=0.5, max=10, unit="seconds", whole=False, optional=True)


def str_of(value: object) -> str:
    """Names of test cases, for numbers that are too long to be one."""
    return "huge" if value == 10**5000 else str(value)


@dataclass(frozen=True, kw_only=True)
class Settings:
    count: int = limited(3, WHOLE)
    wait: float | None = limited(None, REAL)
    name: str = "x"


@pytest.mark.parametrize("value", [1, 10, 5])
def test_a_whole_number_in_range_is_taken(value):
    WHOLE.check("count", value)


@pytest.mark.parametrize("value", [0, 11, -1, True, 1.0, math.nan, math.inf, "3", None, [3], 10**5000], ids=str_of)
def test_anything_else_is_refused_with_the_range(value):
    with pytest.raises(SettingsError, match="from 1 to 10"):
        WHOLE.check("count", value)


@pytest.mark.parametrize("value", [0.5, 10, 3.25, None])
def test_a_real_number_may_be_whole_or_left_out(value):
    REAL.check("wait", value)


@pytest.mark.parametrize("value", [0.49, 10.01, math.nan, -math.inf, True, "1", 10**5000], ids=str_of)
def test_a_real_number_out_of_range_is_refused(value):
    with pytest.raises(SettingsError, match=r"from 0\.5 to 10"):
        REAL.check("wait", value)


def test_a_long_value_is_not_repeated_in_full():
    with pytest.raises(SettingsError) as caught:
        WHOLE.check("count", "x" * 10_000)
    assert len(str(caught.value)) < 200


def test_limits_are_those_of_the_fields():
    assert dict(limits(Settings)) == {"count": WHOLE, "wait": REAL}
    check_limits(Settings())
    with pytest.raises(SettingsError, match="count"):
        check_limits(Settings(count=11))


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int16])
def test_numbers_of_numpy_are_kept_as_numbers_of_python(kind):
    settings = Settings(count=kind(4), wait=np.float32(2.5))
    check_limits(settings)
    assert (settings.count, settings.wait) == (4, 2.5)
    assert (type(settings.count), type(settings.wait)) == (int, float)
    with pytest.raises(SettingsError, match="count"):
        check_limits(Settings(count=np.True_))
