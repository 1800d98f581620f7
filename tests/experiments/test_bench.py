"""What is measured is what is said, on a tiny model; how long it takes is for an idle machine."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from comparisons.__main__ import main
from comparisons.experiments.bench import BenchSettings, Measurement, bench, peers
from comparisons.experiments.bench.caches import filled, library_cache
from comparisons.experiments.bench.shapes import SHAPES, shaped
from comparisons.experiments.bench.timing import in_turn
from comparisons.reports.speed import speed
from streaming.errors import SettingsError
from streaming.policy import Policy
from tests.support import tiny

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["llama-grouped", "falcon", "mpt", "smollm3"])
@pytest.mark.parametrize("label", ["dense", "sinks:4+12", "window:16"])
def test_a_filled_cache_stands_where_reading_would_have_brought_it(name: str, label: str) -> None:
    loaded, policy = tiny.load(name), Policy.parse(label)
    stream, far = filled(loaded, policy, 40), filled(loaded, policy, 100_000) if policy.budget else None
    assert (stream.tokens, stream.held()) == (40, policy.window.held(40))
    assert stream.read(tiny.ids(30)).isfinite().all()
    assert stream.tokens == 70
    assert library_cache(stream).get_seq_length() == len(stream.held())
    if far is not None:
        assert far.tokens == 100_000 and far.nbytes == stream.nbytes
        assert far.read(tiny.ids(30)).isfinite().all()


def test_a_filled_recomputation_steps_at_once() -> None:
    stream = filled(tiny.load("llama"), Policy(kind="recompute", sinks=4, recent=12), 40)
    assert stream.step(3).shape == (tiny.VOCAB,)
    assert stream.peak_nbytes == 17 * 2 * 2 * 4 * 16 * 4


def test_works_take_turns_and_are_compared_round_by_round() -> None:
    order: list[str] = []

    def work(name: str, seconds: float):
        return lambda: (order.append(name), time.sleep(seconds))

    times = in_turn({"a": work("a", 0.01), "b": work("b", 0.03)}, CPU, rounds=2)
    assert "".join(order) == "ababab"
    assert times["a"][1] == 1
    assert 1.5 < times["b"][1] < 6
    assert times["b"][0] >= 0.03


def test_every_row_is_measured_on_any_model() -> None:
    rows = list(bench(tiny.load("llama-grouped"), BenchSettings(copied_per_second=1e9)))
    assert len({row.name for row in rows}) == len(rows) >= 8
    for row in rows:
        assert row.ratio > 0 and row.ours > 0 and row.other > 0, row.name
    assert {row.unit for row in rows} == {"tokens/s", "ms"}


@pytest.mark.parametrize(
    ("bounds", "ratio", "reached"),
    [({}, 9, None), ({"at_least": 0.8}, 0.79, False), ({"at_least": 0.8}, 0.8, True), ({"at_most": 1.1}, 1.2, False)],
)
def test_a_row_knows_whether_it_is_where_it_should_be(bounds: dict, ratio: float, reached: bool | None) -> None:
    assert Measurement(name="x", ratio=ratio, ours=1, other=1, unit="ms", **bounds).reached is reached


PEAK = """
import torch
from comparisons.allocator import keep_freed_memory
from comparisons.experiments.bench import memory
from tests.support import tiny
keep_freed_memory()
torch.ones(2**26)  # freed, and kept: the cache could take it without being seen
row = memory.dense_peak(tiny.load("llama"), tiny.ids(2048), 6000)
print(row.ours, row.other)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is told by Linux")
def test_the_peak_of_reading_dense_is_the_cache_and_its_room_to_grow() -> None:
    """A buffer has room for a tenth more, and one of four (keys and values of two layers) is there twice as it grows.

    20 MiB are for the libraries' workspaces and a chunk, beside a cache of 6 MiB.
    """
    told = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True).stdout
    peak, held = map(float, told.split())
    assert held == pytest.approx(6000 * 2 * 2 * 4 * 16 * 4 / 2**20, rel=0.2)
    assert 0.9 * held < peak < held * 1.1 * (1 + 1 / 4) + 20


@pytest.mark.parametrize(
    ("name", "billions"),
    [("llama-2-7b", 6.74), ("llama-2-13b", 13.02), ("pythia-6.9b", 6.86), ("falcon-7b", 6.92), ("mpt-7b", 6.65)],
)
def test_shapes_have_as_many_parameters_as_the_models_they_stand_for(name: str, billions: float) -> None:
    model = shaped(name, device=torch.device("meta"), dtype=torch.bfloat16).model
    assert sum(x.numel() for x in model.parameters()) / 1e9 == pytest.approx(billions, rel=0.01)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_shape_can_be_read(name: str) -> None:
    small = {"num_hidden_layers": 1, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 4,
             "intermediate_size": 96, "vocab_size": tiny.VOCAB}  # fmt: skip
    if name == "mpt-7b":
        small = {"n_layers": 1, "d_model": 64, "n_heads": 4, "vocab_size": tiny.VOCAB}
    if name == "falcon-7b":
        small = {key: value for key, value in small.items() if key not in ("num_key_value_heads", "intermediate_size")}
    loaded = shaped(name, device=CPU, dtype=torch.float32, **small)
    assert filled(loaded, Policy(kind="sinks", sinks=4, recent=12), 40).read(tiny.ids(30)).isfinite().all()


SERVER = """#!{python}
import http.server, json, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({{"timings": {{"prompt_per_second": 181.0, "predicted_per_second": asked["n_predict"] / 4}}}})
        self.send_response(200); self.end_headers(); self.wfile.write(body.encode())
    def log_message(self, *args): pass
if "--version" in sys.argv:
    print("version: 4242 (abc)", file=sys.stderr)
else:
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Answer).serve_forever()
"""


def test_llama_cpp_is_asked_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "some.gguf").touch()
    assert peers.llama_cpp(tmp_path / "some.gguf", threads=1) is None
    program = tmp_path / "llama-server"
    program.write_text(SERVER.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    peer = peers.llama_cpp(tmp_path / "some.gguf", threads=1)
    assert peer is not None
    assert (peer.version, peer.read_per_second, peer.decoded_per_second) == ("4242 (abc)", 181.0, 16.0)
    with pytest.raises(SettingsError, match="GGUF"):
        peers.llama_cpp(tmp_path / "none.gguf", threads=1)


def test_the_command_ends_in_json_and_keeps_it_and_a_page_tells_every_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [
        Measurement(name="reading", ratio=0.9, ours=90, other=100, unit="tokens/s", at_least=0.8),
        Measurement(name="a step", ratio=1.2, ours=12, other=10, unit="ms", at_most=1.1),
        Measurement(name="recompute", ratio=50, ours=500, other=10, unit="ms"),
        Measurement(name="a run to token 4", ratio=0.9, ours=90, other=100, unit="tokens/s"),
    ]
    monkeypatch.setattr("comparisons.commands.bench.bench", lambda loaded, settings: iter(few))
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    kept = tmp_path / "speed.json"
    assert main(["bench", "sink", "--threads", "1", "2", "--device", "cpu", "--json", str(kept)]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == json.loads(kept.read_text())
    assert [result["threads"] for result in told["results"]] == [1, 2]
    assert all(result["hardware"]["copied_per_second"] > 1e8 for result in told["results"])
    page = speed(kept)
    assert page.count("| reading | 0.900 | 90.00 / 100.0 tokens/s | ≥ 0.8 |") == 2
    assert "≤ 1.1: not reached" in page
    assert "| recompute | 50.00 |" in page
    assert re.search(r"bench sink --device cpu --dtype \w+ --threads 1 2 --run` measures it anew", page)
