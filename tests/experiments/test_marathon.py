"""A very long run, cut off again and again: the same numbers as in one piece, and a recording that plays."""

from __future__ import annotations

import json
import math
import random
import shlex
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons.__main__ import main
from comparisons.experiments.marathon import Marathon, MarathonSettings, Tape
from comparisons.experiments.marathon_report import figures, recording, stretch_rows, table
from comparisons.experiments.measuring import prompt_ids
from comparisons.metrics import perplexity
from comparisons.recordings import files, player
from comparisons.text.feeds import PromptFeed
from streaming.errors import RecordingError, SettingsError, StreamError
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import killed
from tests.support.forked import Forked
from tests.support.speaking import ids_of, loaded

SETTINGS = MarathonSettings(policy=Policy.parse("sinks:4+28"), tokens=1500, stretch=400, chunk=128)
TIMES = ("seconds", "took_seconds", "work_seconds", "rss_bytes", "tokens_per_second")


def finished(marathon: Marathon) -> Marathon:
    while not marathon.done:
        marathon.advance()
    return marathon


def measured(rows: list[dict]) -> list[dict]:
    """What two runs must agree on to the last bit: all but times and the process's memory."""
    return [{name: x for name, x in row.items() if name not in TIMES} for row in rows]


@pytest.fixture(scope="module")
def whole() -> Marathon:
    return finished(Marathon(loaded(), SETTINGS))


# -------------------------------------------------------------------------------------------------------- the tape


@settings(max_examples=30)
@given(st.lists(st.integers(1, 150), min_size=1, max_size=6))
def test_a_tape_gives_the_prompt_stream_in_pieces_of_any_size_and_from_any_place(sizes: list[int]) -> None:
    feed = PromptFeed(loaded().tokenizer, 0, seed=3)
    expected, tape, ids = ids_of(feed, sum(sizes)), Tape(feed), []
    for size in sizes:
        ids += tape.take(size)
        tape = Tape(feed, tape.turn, tape.offset)
    assert ids == expected


def test_a_tape_for_a_model_without_a_start_token_begins_at_once() -> None:
    feed = PromptFeed(loaded().tokenizer, None, seed=3)
    assert Tape(feed).take(50) == ids_of(feed, 50)


# --------------------------------------------------------------------------------------------------------- the run


def test_it_measures_what_reading_in_one_piece_does(whole: Marathon) -> None:
    nats = open_stream(loaded(), SETTINGS.policy, chunk=77).read(prompt_ids(loaded(), seed=0, tokens=1500)).numpy()
    for one in whole.tally.stretches:
        assert one.perplexity == pytest.approx(perplexity(nats[one.end - one.tokens : one.end]), rel=1e-4)
    assert whole.tally.first.perplexity == pytest.approx(perplexity(nats[32 : 32 + 375]), rel=1e-4)
    assert whole.tally.last.perplexity == pytest.approx(perplexity(nats[-375:]), rel=1e-4)
    assert {one.kv_bytes for one in whole.tally.stretches} == {32 * whole.stream.bytes_per_token}


@pytest.mark.parametrize("policy", ["sinks:4+28", "window:20", "sinks:1+300"])
def test_a_run_that_is_resumed_after_every_read_gives_the_same_bits(policy: str, tmp_path: Path) -> None:
    settings = replace(SETTINGS, policy=Policy.parse(policy), chunk=64)
    path = tmp_path / "here.safetensors"
    Marathon(loaded(), settings).save(path)
    while not (marathon := Marathon.resume(loaded(), settings, path)).done:
        marathon.advance()
        marathon.save(path)
    assert marathon.resumes > 20
    assert measured(stretch_rows(marathon)) == measured(stretch_rows(finished(Marathon(loaded(), settings))))


def test_work_after_the_last_checkpoint_is_done_again_and_counted_once(whole: Marathon, tmp_path: Path) -> None:
    path, chance = tmp_path / "here.safetensors", random.Random(5)
    marathon = Marathon(loaded(), SETTINGS)
    marathon.save(path)
    while not marathon.done:
        for _ in range(chance.randrange(1, 4)):
            if not marathon.done:
                marathon.advance()
        if chance.random() < 0.5:
            marathon.save(path)
        else:
            marathon = Marathon.resume(loaded(), SETTINGS, path)
    assert marathon.resumes > 0
    assert measured(stretch_rows(marathon)) == measured(stretch_rows(whole))
    seconds = [one.seconds for one in marathon.tally.stretches]
    assert all(before < after for before, after in pairwise(seconds))
    assert sum(one.took_seconds for one in marathon.tally.stretches) == pytest.approx(seconds[-1])


@pytest.mark.parametrize(("name", "value"), [("seed", 1), ("tokens", 1600), ("chunk", 64), ("stretch", 500)])
def test_the_checkpoint_of_another_run_is_refused(name: str, value: int, tmp_path: Path) -> None:
    path = tmp_path / "here.safetensors"
    Marathon(loaded(), SETTINGS).save(path)
    with pytest.raises(SettingsError, match=f"{name} .*, not {value}"):
        Marathon.resume(loaded(), replace(SETTINGS, **{name: value}), path)


def test_other_weights_under_the_same_name_are_refused(tmp_path: Path) -> None:
    path, model = tmp_path / "here.safetensors", loaded().model
    Marathon(loaded(), SETTINGS).save(path)
    weights = model.lm_head.weight
    with torch.no_grad():
        weights[0, 0] += 1
        with pytest.raises(SettingsError, match="weights"):
            Marathon.resume(loaded(), SETTINGS, path)
        weights[0, 0] -= 1


def test_a_damaged_checkpoint_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "here.safetensors"
    Marathon(loaded(), SETTINGS).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RecordingError, match="begin anew"):
        Marathon.resume(loaded(), SETTINGS, path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"policy": Policy.parse("dense")}, "grows"), ({"tokens": 127}, "four caches"), ({"chunk": 0}, "chunk")],
)
def test_settings_that_cannot_be_measured_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        replace(SETTINGS, **settings)


def test_a_model_that_gives_no_numbers_ends_the_run_in_words() -> None:
    marathon = Marathon(loaded(), SETTINGS)
    hook = loaded().model.lm_head.register_forward_hook(lambda module, inputs, out: out * math.nan)
    try:
        with pytest.raises(StreamError, match="NaN"):
            marathon.advance(), marathon.advance()
    finally:
        hook.remove()


# ----------------------------------------------------------------------------------------------------- the results


def test_the_recording_plays(whole: Marathon, tmp_path: Path) -> None:
    files.save(recording(whole), tmp_path / "run.json")
    back = files.load(tmp_path / "run.json")
    frames = list(islice(player.play(back, math.inf), 1000))
    first, last = frames[0]["lanes"][0], frames[-1]["lanes"][0]
    assert (first["tokens"], first["status"]) == (0, "reading")
    assert (last["tokens"], last["status"], last["reason"]) == (1500, "stopped", "tokens")
    assert frames[-1]["state"] == "finished"
    assert last["cache_tokens"] == 32
    curve = player.overview(back)["lanes"][0]["curve"]["points"]
    assert [point[0] for point in curve] == [400, 800, 1200, 1500]
    assert [event["kind"] for event in last["events"]] == ["first-eviction", "training-length", "stopped"]
    text = "".join(piece for piece, _ in last["text"]["pieces"])
    assert loaded().tokenizer.decode(prompt_ids(loaded(), seed=0, tokens=1500)[-20:]) in text


def test_the_recording_of_four_million_tokens_is_small(whole: Marathon, tmp_path: Path) -> None:
    """A whole one is put together from a short run's measurements: only its size and its thinning are looked at."""
    tally = whole.tally
    stretches, texts = tally.stretches, tally.texts
    try:
        tally.stretches = [
            replace(
                stretches[1], end=10_000 * i, tokens=10_000, seconds=1.234567 * i, took_seconds=1.1, nats=(300 + i % 9)
            )
            for i in range(1, 401)
        ]
        tally.texts = [replace(texts[-1], end=10_000 * i, seconds=1.234567 * i) for i in range(1, 401, 17)]
        files.save(recording(whole), tmp_path / "run.json")
    finally:
        tally.stretches, tally.texts = stretches, texts
    assert 50_000 < (tmp_path / "run.json").stat().st_size <= 200_000
    assert len(files.load(tmp_path / "run.json").lanes[0].curve) == 400


def test_figures_and_table_tell_the_same(whole: Marathon) -> None:
    known = json.loads(json.dumps(figures(whole), allow_nan=False))
    assert known["last_against_first"] == pytest.approx(known["perplexity_last_span"] / known["perplexity_first_span"])
    assert known["rss_most_against_first"] >= 1
    assert known["tokens_per_second"] == pytest.approx(1500 / (60 * known["minutes"]))
    assert f"{known['last_against_first']:.4f}" in table(whole)
    assert len(table(whole).splitlines()) == 1 + 4 + 3


# ----------------------------------------------------------------------------------------------------- the command


def command(out: Path, *more: str) -> list[str]:
    small = "marathon --tokens 12000 --stretch 700 --chunk 64 --recent 60 --threads 1 --checkpoint-seconds 0"
    return [*shlex.split(small), "--out", str(out), *more]


def test_killed_at_any_moment_it_goes_on_without_losing_or_repeating_a_token(tmp_path: Path, capsys) -> None:
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    watched, seed = str(cut / "checkpoint.safetensors"), random.randrange(10**6)
    killer = Forked(killed.run, seed, Path(watched), command(cut, "--resume"))
    assert killer.wait(timeout=1500) == 0
    codes = [int(line.split()[-1]) for line in killer.said().splitlines() if line.startswith("ended with")]
    assert codes == [-9, 143, -9, -9, 143, -9, 0], f"seed {seed}: {killer.told()}"
    assert killer.told().count("go on with the same command and --resume") == 2
    assert main(command(whole)) == 0
    one, other = (json.loads((out / "marathon.json").read_text()) for out in (cut, whole))
    assert (one["resumes"], other["resumes"]) == (6, 0)
    assert measured(one["stretches"]) == measured(other["stretches"]), f"seed {seed}"
    assert files.load(cut / "recording.json").lanes[0].label == "sinks:4+60"
    assert {*(p.name for p in cut.iterdir())} == {"checkpoint.safetensors", "marathon.json", "recording.json"}
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {name: other[name] for name in told} == told


def test_a_run_that_is_done_is_told_again_and_its_recording_goes_where_it_is_wanted(tmp_path: Path, capsys) -> None:
    figures = tmp_path / "figures" / "marathon.json"
    small = ["--tokens", "400", "--recording", str(tmp_path / "page" / "marathon.json"), "--resume"]
    small += ["--json", str(figures)]
    lines = []
    for _ in range(2):
        assert main(command(tmp_path / "run", *small)) == 0
        lines.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert lines[1] == {**lines[0], "resumes": 1} == json.loads(figures.read_text())
    assert files.load(tmp_path / "page" / "marathon.json") == files.load(tmp_path / "run" / "recording.json")


def test_a_folder_with_a_marathon_in_it_is_not_overwritten(tmp_path: Path, capsys) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"somebody's")
    assert main(command(tmp_path)) == 2
    assert "--resume" in capsys.readouterr().err
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == b"somebody's"


def test_a_folder_that_cannot_be_made_is_told_of_before_the_model_is_loaded(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert main(["marathon", "no-such-model", "--out", str(tmp_path / "file" / "run")]) == 2
    assert "another folder" in capsys.readouterr().err
