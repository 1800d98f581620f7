from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from comparisons.__main__ import main
from comparisons.metrics import perplexity
from comparisons.recordings import files
from comparisons.text import sources
from comparisons.text.feeds import TextFeed
from streaming import models
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import forked
from tests.support.forked import ROOT, Forked
from tests.support.speaking import BYTES_PER_TOKEN, ids_of, loaded, tokenizer, wait_until

TEXT = "A quiet lantern hangs above the harbour, and nobody knows who lights it. " * 12


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """The tiny model in a folder, as anybody's own model would be."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    loaded().model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_text_is_read_to_its_end_under_every_policy_and_measured_right(model, tmp_path, capsys):
    (tmp_path / "own.txt").write_text(TEXT)
    policies = "dense,window:32,sinks:4+28,recompute:32"
    assert main(["run", model, "--text", "own.txt", "--policies", policies, "--out", "deep/run.json", "--json"]) == 0
    out = capsys.readouterr().out
    told = json.loads(out)
    assert out.count("\n") == 1 and told["recording"] == "deep/run.json"
    recording = files.load("deep/run.json")
    assert recording.header["source"].startswith(f"own.txt, {len(TEXT)} bytes, ")
    assert recording.header["settings"]["dtype"] == "float32"
    read = models.load(model)
    ids = ids_of(TextFeed(read.tokenizer, read.start_token, TEXT), 10**6)
    for lane in told["lanes"]:
        nats = open_stream(read, Policy.parse(lane["label"])).read(ids)
        assert lane["perplexity_total"] == pytest.approx(perplexity(nats.tolist()), rel=1e-3)
        assert (lane["tokens"], lane["reason"]) == (len(ids), "end-of-text")
    assert [lane["label"] for lane in told["lanes"]] == policies.split(",")


def test_prompts_are_read_by_default_within_every_limit_that_is_set(model, capsys):
    budget = 200 * BYTES_PER_TOKEN / 1e6
    more = ["--tokens", "300", "--kv-budget-mb", str(budget), "--seed", "7", "--no-answers", "--chunk", "50"]
    assert main(["run", model, "--policies", "dense, sinks:4+28", *more]) == 0
    (made,) = Path("runs").glob("tiny-*.json")
    assert re.fullmatch(r"tiny-\d{8}-\d{6}\.json", made.name)
    recording = files.load(made)
    settings = recording.header["settings"]
    assert (recording.header["source"], recording.header["seed"], settings["chunk"]) == ("prompts", 7, 50)
    assert not any(lane.answers for lane in recording.lanes)
    head, dense, sinks = capsys.readouterr().out.splitlines()
    assert re.split(r"  +", head)[:4] == ["lane", "tokens", "perplexity", "last 256"]
    assert re.match(r"dense +200 .* memory budget reached$", dense)
    assert re.match(r"sinks:4\+28 +300 .* last token of the run$", sinks)


def test_a_run_ends_at_its_time_and_keeps_to_its_pace(model, capsys):
    began = time.monotonic()
    assert main(["run", model, "--seconds", "1", "--pace", "50", "--policies", "sinks:4+28", "--json"]) == 0
    (lane,) = json.loads(capsys.readouterr().out)["lanes"]
    assert lane["reason"] == "seconds"
    assert lane["tokens"] <= 80
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--policies dense,magic:4", "policy 'magic:4'"),
        ("--policies dense,dense", "same policy"),
        ("--policies sinks:4+", "policy 'sinks:4\\+'"),
        ("--policies ,".replace(",", "dense,"), "policy ''"),
        ("--tokens 0", "--tokens must be from 1 "),
        ("--tokens 99999999999", "--tokens must be from 1 "),
        ("--seconds nan", "--seconds must be from"),
        ("--seconds -1", "--seconds must be from"),
        ("--kv-budget-mb inf", "--kv-budget-mb must be from"),
        ("--kv-budget-mb 0", "--kv-budget-mb must be from"),
        ("--seed -1", "--seed must be from"),
        ("--threads 0", "--threads must be from"),
        ("--pace 0", "--pace must be from"),
        ("--chunk 5000", "--chunk must be from"),
        ("--text nowhere.txt", r"nowhere\.txt cannot be read"),
        ("--text bad.txt", "byte 3 "),
        ("--text blank.txt", "empty"),
        ("--text - -", "once"),
        ("--out .", "a folder: name a file in it"),
        ("--out bad.txt/run.json", "name another file"),
    ],
)
def test_bad_input_is_refused_before_the_model_is_loaded(arguments, words, capsys):
    Path("bad.txt").write_bytes(b"abc\xff")
    Path("blank.txt").write_text(" \n")
    assert main(["run", "no-such-model", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert re.search(words, error), error
    assert "no-such-model" not in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", ["--tokens ten", "--dtype int8", "--prompts --stdin", "--text"])
def test_what_is_no_option_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run", *arguments.split()])
    assert caught.value.code == 2
    assert "run: error: " in capsys.readouterr().err


def test_a_model_that_is_not_there_and_a_device_that_is_not_there_are_refused(model, capsys):
    assert main(["run", "no-such-model"]) == 2
    assert "no-such-model" in capsys.readouterr().err
    assert main(["run", model, "--device", "toaster"]) == 2
    assert "device" in capsys.readouterr().err


def test_a_lane_that_fails_is_told_and_what_it_read_is_kept(model, monkeypatch, capsys):
    monkeypatch.setattr(sources, "CHECKED_BYTES", 100)
    monkeypatch.setattr(sources, "BLOCK_BYTES", 500)
    Path("late.txt").write_bytes(b"a quiet lantern " * 400 + b"\xff")
    assert main(["run", model, "--text", "late.txt", "--policies", "dense", "--out", "run.json"]) == 1
    assert "byte 6,400 " in capsys.readouterr().out
    lane = files.load("run.json").lanes[0]
    assert lane.moments[-1]["status"] == "failed"
    assert lane.moments[-1]["tokens"] > 500


def test_two_runs_in_the_same_second_have_files_of_their_own(model):
    for _ in range(3):
        assert main(["run", model, "--tokens", "5", "--policies", "dense"]) == 0
    assert len(list(Path("runs").iterdir())) == 3


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_line_for_each_lane_and_a_bar_where_there_is_an_end(model, monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    for more, bar in ((["--tokens", "200"], True), (["--seconds", "0.3"], False)):
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert main(["run", model, "--policies", "sinks:4+28", *more]) == 0
        assert "\x1b[1A\rsinks:4+28 " in sys.stderr.getvalue()
        assert ("/200 [" in sys.stderr.getvalue()) == bar


def test_what_comes_slowly_through_a_pipe_is_read_by_every_lane_as_it_comes(model, capsys):
    os.mkfifo("slow")
    words = [f"{count} quiet lanterns hang above the harbour.\n" for count in range(12)]

    def tell() -> None:
        with open("slow", "w", encoding="utf-8", buffering=1) as pipe:
            for line in words:
                pipe.write(line)
                time.sleep(0.1)

    threading.Thread(target=tell, daemon=True).start()
    assert (
        main(["run", model, "--text", "slow", "--policies", "dense,sinks:4+28,recompute:32", "--out", "run.json"]) == 0
    )
    recording = files.load("run.json")
    assert recording.header["source"] == "slow"
    read = [sum(len(tokenizer().encode(line, add_special_tokens=False)) for line in words) + 1] * 3
    assert [lane.moments[-1]["tokens"] for lane in recording.lanes] == pytest.approx(read, abs=12)
    assert len({lane.moments[-1]["tokens"] for lane in recording.lanes}) == 1
    assert recording.moments[-1]["seconds"] > 1
    assert capsys.readouterr().out.count("read the whole text") == 3


def started(model: str, *more: str, stdin: Path | None = None) -> Forked:
    """A run in a process of its own."""
    return Forked(forked.comparisons, "run", model, "--policies", "sinks:4+28", *more, stdin=stdin)


def wait_for_tokens(process: Forked) -> None:
    """Until it has begun to read."""
    begun = re.compile(r"[1-9]\d* tokens .* (reading|answering|waiting)")
    wait_until(lambda: begun.search(process.told()) or process.poll() is not None, seconds=240)
    assert process.poll() is None, process.told()


def test_ctrl_c_ends_a_run_that_waits_for_its_standard_input_and_keeps_what_was_measured(model):
    os.mkfifo("typed")
    process = started(model, "--stdin", "--out", "run.json", "--json", stdin=Path("typed").absolute())
    with open("typed", "w") as typed:
        typed.write(TEXT)
        typed.flush()
        wait_for_tokens(process)
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=240)
    out, error = process.said(), process.told()
    assert code == 130, error
    recording = files.load("run.json")
    assert recording.moments[-1]["state"] == "finished"
    assert recording.header["source"] == "standard input"
    assert json.loads(out)["lanes"][0]["reason"] == "user"
    assert json.loads(out)["lanes"][0]["tokens"] == recording.lanes[0].moments[-1]["tokens"] > 0
    assert "Traceback" not in error


def test_a_second_ctrl_c_ends_the_process_at_once(model):
    process = started(model, "--seconds", "600", "--out", "run.json")
    wait_for_tokens(process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    assert process.wait(timeout=240) in (-signal.SIGINT, 130)
    assert [path.name for path in Path().iterdir()] in ([], ["run.json"])
