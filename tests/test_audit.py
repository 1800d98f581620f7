from __future__ import annotations

import pytest

from tests.load.audit import ROOT, closure, judged, required, told


def test_what_the_demo_needs_has_licences_that_allow_it():
    packages = closure(required(ROOT / "requirements.txt"))
    assert {"torch", "gradio", "uvicorn", "numpy"} <= packages.keys()
    assert [(name, said) for name, _, said, fine in judged(packages) if not fine] == []


class Package:
    version = "1"

    def __init__(self, licence: str) -> None:
        self.metadata = _About(licence)


class _About(dict):
    def __init__(self, licence: str) -> None:
        super().__init__({"License-Expression": licence})

    def get_all(self, name, default):
        return default


@pytest.mark.parametrize(
    ("licence", "fine"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-2.0 OR MIT", True),
        ("AGPL-3.0", False),
        ("", False),
        ("Own", False),
    ],
)
def test_a_licence_is_judged_by_what_it_says(licence, fine):
    assert [row[-1] for row in judged({"some": Package(licence)})] == [fine]


def test_what_was_not_looked_up_is_not_called_safe():
    audited = [
        {"name": "Torch", "version": "2.13.0+cpu", "skip_reason": "not found"},
        {"name": "h11", "version": "0.1", "vulns": [{"id": "PYSEC-1"}]},
        {"name": "numpy", "version": "2", "vulns": []},
    ]
    assert told(audited, ["torch", "h11", "numpy", "gradio"]) == (["h11 0.1: PYSEC-1"], ["gradio", "torch"])
