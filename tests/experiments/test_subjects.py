"""What an experiment reads is checked, and called by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from comparisons.experiments.measuring import first_ids, no_bar
from comparisons.experiments.subjects import Request, Subject
from comparisons.text.opening import open_texts
from streaming.errors import SettingsError
from streaming.policy import Policy
from tests.support.speaking import loaded


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tokens": 10}, "tokens must be from 64"),
        ({"seed": -1}, "seed must be from 0"),
        ({"caches": (64, 1)}, "cache must be from 2"),
        ({"sampled": 0}, "sampled must be from 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Request(**settings)


def test_a_training_seed_is_called_one() -> None:
    assert "held out" in Request(seed=3).source
    assert "a training seed" in Request(seed=1_000_000).source


def test_a_text_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("Once.")
    assert Request(texts=open_texts([str(tmp_path / "own.txt")])).source.startswith("the text own.txt, 5 bytes")


def test_a_policy_is_read_once_and_dense_for_24_training_lengths() -> None:
    context, request, begun = loaded().context, Request(), []
    ids = first_ids(request.feed(loaded()), 25 * context)
    subject = Subject(loaded=loaded(), ids=ids, caches=(32,), sampled=4, request=request)

    def bar(label: str, total: int):
        begun.append((label, total))
        return no_bar(label, total)

    for label in ("dense", "window:32", "dense"):
        measured = subject.read(Policy.parse(label), bar)
    assert begun == [("tiny, dense", 24 * context), ("tiny, window:32", 25 * context)]
    assert len(measured.nats) == 24 * context
