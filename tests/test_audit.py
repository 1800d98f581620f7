from __future__ import annotations

import pytest

from tests.audit import ROOT, closure, judged, required


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
