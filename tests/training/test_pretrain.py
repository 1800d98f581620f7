from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from comparisons.training import pretrain, recipes
from comparisons.training.pretrain import (
    Training,
    attention_cost,
    build_model,
    main,
    sample_batch,
    streaming_ratios,
    train,
    train_after,
)
from comparisons.training.recipes import RECIPES
from comparisons.training.tokens import START_ID, Mix, Sources, prepare
from streaming import models
from streaming.errors import SettingsError

SOURCES = Sources()
MIX = Mix(vocabulary=400, stream_tokens=20_000)
SMALL = {
    "steps": 20,
    "rows": 3,
    "context": 32,
    "width": 32,
    "inner": 64,
    "layers": 2,
    "heads": 2,
    "mix": MIX,
    "cost_ramp_steps": 2,
    "warm_up_steps": 2,
    "bfloat16": False,
    "follows": None,
    "steps_before": 0,
    "cost_from": 0.6,
    "decay_from": 0.65,
    "mix_from": 0.3,
    "peak_rate": 3e-3,
}
SINK, VANILLA = (replace(RECIPES[name], **SMALL) for name in ("sink", "vanilla"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def tokens(data):
    return prepare(data, SOURCES, MIX)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool


@pytest.fixture(scope="module")
def finished(tmp_path_factory, data, tokens):
    """Folders of both recipes, trained to the end."""
    folder = tmp_path_factory.mktemp("out")
    for recipe in (SINK, VANILLA):
        train(recipe, SOURCES, folder / recipe.name, data=data, save_steps=10, log_steps=5)
    return folder


def _advanced(recipe, tokens, pool, steps, workers=2):
    training = Training(recipe, tokens, pool, workers)
    for _ in range(steps):
        training.advance()
    return training


def _weights(training):
    return torch.cat([each.detach().flatten() for each in training.model.parameters()])


def _log(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_batch_begins_with_the_sink_token_and_is_otherwise_the_same_text(tokens):
    sink, vanilla = (sample_batch(recipe, tokens, 7) for recipe in (SINK, VANILLA))
    assert sink.shape == vanilla.shape == (3, 32)
    assert (sink[:, 0] == START_ID).all()
    assert torch.equal(sink[:, 1:], vanilla[:, :-1])
    assert not (vanilla == START_ID).any()


def test_a_batch_depends_on_seed_and_step_alone(tokens):
    assert torch.equal(sample_batch(SINK, tokens, 7), sample_batch(SINK, tokens, 7))
    assert not torch.equal(sample_batch(SINK, tokens, 7), sample_batch(SINK, tokens, 8))
    assert not torch.equal(sample_batch(SINK, tokens, 7), sample_batch(replace(SINK, seed=1), tokens, 7))


def test_both_recipes_start_from_the_same_weights():
    states = [build_model(recipe).state_dict() for recipe in (SINK, VANILLA)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_training_lowers_the_loss_and_is_decided_by_the_seed(tokens, pool):
    recipe = replace(SINK, steps=40)
    training = Training(recipe, tokens, pool, 2)
    losses = [training.advance()["loss"] for _ in range(40)]
    assert sum(losses[-5:]) < sum(losses[:5]) - 2.5
    assert torch.equal(_weights(training), _weights(_advanced(recipe, tokens, pool, 40)))
    other = _advanced(replace(recipe, seed=1), tokens, pool, 40)
    assert not torch.allclose(_weights(training), _weights(other), atol=1e-3)


@pytest.mark.parametrize("step", [0, 15])
def test_the_workers_add_up_to_the_gradient_of_the_whole_batch(tokens, pool, step):
    gradients = []
    for workers in (1, 2):
        training = Training(SINK, tokens, pool, workers)
        training.step = step
        training.advance()
        gradients.append(torch.cat([each.grad.flatten() for each in training.model.parameters()]))
    assert gradients[0].abs().max() > 1e-3
    assert torch.allclose(*gradients, atol=1e-6)


def test_attention_cost_of_known_attention():
    uniform = torch.tril(torch.ones(3, 3)) / torch.tensor([[1.0], [2.0], [3.0]])
    resting = torch.zeros(3, 3)
    resting[:, 0] = 1
    layer = torch.stack([uniform, resting])[None]  # two heads
    assert attention_cost([layer]).item() == pytest.approx((1 - (1 / 2 + 1 / 3) / 2) / 2)


def test_the_cost_that_is_paid_is_that_of_the_model_s_own_attention(tokens, pool):
    """Recomputed from the definition of attention for the first layer, whose inputs are the embeddings."""
    recipe = replace(SINK, layers=1)
    training = Training(recipe, tokens, pool, 1)
    training.step = 15
    model, ids = build_model(recipe), sample_batch(recipe, tokens, 15)
    paid = training.advance()["attention_cost"]

    layer = model.model.layers[0]
    hidden = layer.input_layernorm(model.model.embed_tokens(ids))
    split = (len(ids), recipe.context, recipe.heads, -1)
    query, key = (each(hidden).view(split) for each in (layer.self_attn.q_proj, layer.self_attn.k_proj))
    angles = torch.arange(recipe.context)[:, None] * model.model.rotary_emb.inv_freq
    turn = torch.polar(torch.ones_like(angles), angles)[:, None]
    query, key = (torch.complex(*each.chunk(2, dim=-1)) * turn for each in (query, key))
    scores = torch.einsum("bqhd,bkhd->bhqk", query, key.conj()).real / (recipe.width // recipe.heads) ** 0.5
    future = torch.ones(recipe.context, recipe.context).triu(1).bool()
    attention = scores.masked_fill(future, float("-inf")).softmax(-1)
    assert paid == pytest.approx(1 - attention[:, :, 1:, 0].mean().item(), abs=1e-5)


def test_heads_come_to_rest_on_the_sink_when_they_pay(tokens, pool):
    free = replace(SINK, attention_cost=0.0, steps=60)
    paying = replace(free, attention_cost=3.0, cost_from=0.0)
    resting = [_advanced(recipe, tokens, pool, 60).evaluate()["mean_attention_on_first"] for recipe in (free, paying)]
    assert resting[1] > resting[0] + 0.2


def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path, data, tokens, pool, finished):
    out = tmp_path / "sink"
    shutil.copytree(finished / "sink", out)
    _advanced(SINK, tokens, pool, 10).save(out / "checkpoint.pt")
    train(SINK, SOURCES, out, data=data, resume=True, save_steps=10, log_steps=5)

    ended, whole = (torch.load(each / "checkpoint.pt") for each in (out, finished / "sink"))
    assert ended["step"] == whole["step"] == 20
    assert all(torch.equal(ended["model"][name], whole["model"][name]) for name in whole["model"])
    steps, losses = ([line[key] for line in _log(out)] for key in ("step", "loss"))
    assert steps == [5, 10, 15, 20]
    assert losses == [line["loss"] for line in _log(finished / "sink")]


def test_a_recipe_goes_on_where_the_one_that_it_follows_ended(tmp_path, data, tokens, pool, finished, monkeypatch):
    for module in (pretrain, recipes):
        monkeypatch.setattr(module, "RECIPES", {"vanilla": VANILLA})
    later = replace(SINK, follows="vanilla", steps_before=20, steps=10)
    shutil.copytree(finished / "vanilla", tmp_path / "vanilla")
    train_after(later, SOURCES, tmp_path / "sink", before=tmp_path / "vanilla", data=data, save_steps=5, log_steps=5)

    ended = torch.load(tmp_path / "vanilla" / "checkpoint.pt")["model"]
    begun = Training(later, tokens, pool, 2, tmp_path / "vanilla" / "model").model.state_dict()
    assert all(torch.equal(begun[name], ended[name]) for name in ended)
    lines = _log(tmp_path / "sink")
    assert lines[:4] == _log(finished / "vanilla")
    assert [(line["step"], line["tokens"]) for line in lines[4:]] == [(25, 25 * 96), (30, 30 * 96)]
    assert json.loads((tmp_path / "sink" / "recipe.json").read_text())["follows"]["steps"] == 20


def test_the_weights_to_start_from_are_needed_where_a_recipe_follows_another_and_only_there(tmp_path, data, finished):
    later = replace(SINK, follows="vanilla", steps_before=20)
    with pytest.raises(SettingsError, match="sink follows vanilla"):
        train(later, SOURCES, tmp_path / "out", data=data)
    with pytest.raises(SettingsError, match="sink follows no other"):
        train(SINK, SOURCES, tmp_path / "out", data=data, initial=finished / "vanilla" / "model")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_taken_is_refused_before_the_followed_recipe_is_trained(tmp_path, data, finished):
    later = replace(SINK, follows="vanilla", steps_before=20)
    with pytest.raises(SettingsError, match="--resume, or name another folder"):
        train_after(later, SOURCES, finished / "sink", before=tmp_path / "vanilla", data=data)
    assert not (tmp_path / "vanilla").exists()


def test_an_unfinished_checkpoint_does_not_replace_the_last_one(tmp_path, tokens, pool):
    training = _advanced(SINK, tokens, pool, 2)
    training.save(tmp_path / "checkpoint.pt")
    (tmp_path / "checkpoint.new").write_bytes(b"cut short")
    again = Training(SINK, tokens, pool, 2)
    again.restore(tmp_path / "checkpoint.pt")
    assert again.step == 2
    assert torch.equal(_weights(again), _weights(training))


@pytest.mark.parametrize(("name", "start"), [("sink", START_ID), ("vanilla", None)])
def test_the_saved_model_streams(finished, name, start):
    loaded = models.load(str(finished / name / "model"))
    assert (loaded.context, loaded.start_token) == (32, start)
    ids = loaded.tokenizer("Veli hid it.").input_ids
    assert loaded.tokenizer.decode(ids, skip_special_tokens=True) == "Veli hid it."
    assert not list((finished / name).glob("*.new"))


def test_the_log_holds_losses_sinks_and_ratios(finished):
    lines = _log(finished / "sink")
    assert [line["tokens"] for line in lines] == [5 * 96, 10 * 96, 15 * 96, 20 * 96]
    assert all(line["loss"] > 0 and line["tokens_per_second"] > 0 for line in lines)
    assert "attention_cost" in lines[-1]
    for line in (lines[1], lines[3]):
        assert line["perplexity"] < 400
        assert 0 < line["mean_attention_on_first"] < 1
        assert 0 <= line["strong_heads"] <= 1
        assert {"sinks_perplexity", "window_ratio", "dense_ratio"} <= set(line)


def test_ratios_compare_the_same_far_tokens(finished, tokens):
    ids = tokens.held_out_stream[:256]
    found = streaming_ratios(finished / "vanilla" / "model", ids)
    assert found == streaming_ratios(finished / "vanilla" / "model", ids)
    assert 1 < found["sinks_perplexity"] < 1_000
    assert all(0.2 < found[name] < 5 for name in ("window_ratio", "dense_ratio"))


def test_a_folder_is_not_overwritten_nor_taken_for_another_run(finished, tmp_path, data):
    with pytest.raises(SettingsError, match="--resume, or name another folder"):
        train(SINK, SOURCES, finished / "sink", data=data)
    with pytest.raises(SettingsError, match="other settings"):
        train(replace(SINK, seed=1), SOURCES, finished / "sink", data=data, resume=True)
    with pytest.raises(SettingsError, match="start without --resume"):
        train(SINK, SOURCES, tmp_path, data=data, resume=True)


@pytest.mark.parametrize("setting", ["workers", "save_steps", "log_steps"])
def test_a_loop_setting_out_of_range_is_refused(tmp_path, setting):
    with pytest.raises(SettingsError, match=setting):
        train(SINK, SOURCES, tmp_path / "out", **{setting: 0})
    assert not (tmp_path / "out").exists()


def test_the_command_line_says_what_is_wrong(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["--recipe", "sink", "--out", str(out), "--text", str(tmp_path / "missing.txt")]) == 2
    assert "missing.txt" in capsys.readouterr().err
    assert main(["--recipe", "sink", "--out", str(out), "--steps", "0"]) == 2
    assert "steps must be at least 1" in capsys.readouterr().err
    assert not out.exists()
