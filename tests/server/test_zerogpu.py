from __future__ import annotations

from comparisons.server.zerogpu import GPU_SECONDS, on_gpu

ZERO = {"SPACES_ZERO_GPU": "true"}


def run() -> str:
    return "ran"


def test_elsewhere_and_without_the_package_nothing_changes(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "spaces.py").write_text("raise ImportError('not here')")
    assert on_gpu(run, {}) is run
    assert on_gpu(run, ZERO) is run


def test_where_zerogpu_lends_a_gpu_a_run_gets_it_for_as_long_as_it_says(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    lent = "def GPU(duration):\n    return lambda function: lambda: (function(), duration)\n"
    (tmp_path / "spaces.py").write_text(lent)
    assert on_gpu(run, ZERO)() == ("ran", GPU_SECONDS)
