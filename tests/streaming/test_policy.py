"""What a policy is: a value that reads its own label."""

from __future__ import annotations

from typing import get_args

import pytest

from streaming.errors import SettingsError
from streaming.policy import Kind, Policy


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("dense", Policy(kind="dense")),
        ("window:256", Policy(kind="window", sinks=4, recent=252)),
        ("recompute:64", Policy(kind="recompute", sinks=0, recent=64)),
        ("sinks:4+252", Policy(kind="sinks", sinks=4, recent=252)),
        ("sinks:1+7@text", Policy(kind="sinks", sinks=1, recent=7, positions="text")),
    ],
)
def test_a_policy_reads_its_own_label(text: str, policy: Policy) -> None:
    assert Policy.parse(text) == policy
    assert policy.label == text
    assert Policy.parse(policy.label) == policy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dense:4",
        "sinks",
        "window:",
        "sinks:4+0",
        "magic:4+4",
        "window:9@text",
        "sinks:-1+4",
        "window:" + "9" * 5000,
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        Policy.parse(text)


def test_sinks_that_are_not_written_are_none() -> None:
    assert Policy.parse("sinks:4") == Policy(kind="sinks", sinks=0, recent=4)


def test_every_bounded_policy_has_the_same_budget() -> None:
    assert {Policy(kind=kind, sinks=4, recent=60).budget for kind in get_args(Kind)} == {None, 64}


def test_text_positions_belong_to_sinks_alone() -> None:
    with pytest.raises(SettingsError, match="sinks"):
        Policy(kind="window", positions="text")
