"""Train the bundled models: `python -m comparisons.training.pretrain --recipe sink --text FILES… --out FOLDER`.

Both bundled models start from `plain`, which has learned to read. `sink` then reads a start token before every
text and pays an *attention cost*: the share of attention that goes elsewhere than to that token. A head then
rests on the sink unless attending to something pays, which is how the heads of large models behave of themselves.
`vanilla` is the honest contrast: the same architecture, data, steps and seeds, with neither.

A run is decided by its recipe and its text: the batch of a step depends on nothing but the seed and the step,
so a run that was stopped and resumed ends where an uninterrupted one does, bit for bit with as many workers.

The folder holds `model/` (as `save_pretrained` leaves it, usable from the first checkpoint on), `log.jsonl`,
`recipe.json`, `checkpoint.pt` and, where `--data` names no other folder, the tokenized text; the folder of the
recipe that is followed lies in it, where `--before` names no other.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from comparisons.allocator import keep_freed_memory
from comparisons.documents import holds, parsed
from comparisons.experiments.measuring import fresh, read
from comparisons.files import write_whole
from comparisons.metrics import perplexity
from comparisons.training.recipes import RECIPES, Recipe, described, require
from comparisons.training.tokens import START_ID, Sources, Tokens, draw_rows, load_tokenizer, prepare, wrap
from streaming import models
from streaming.errors import StreamingError
from streaming.policy import Policy

__all__ = [
    "Training",
    "attention_cost",
    "build_model",
    "main",
    "sample_batch",
    "streaming_ratios",
    "train",
    "train_after",
]

STRONG = 0.3
"""A head whose mean attention on token 0 is above this counts as resting on a sink."""


def build_model(recipe: Recipe, initial: Path | None = None) -> LlamaForCausalLM:
    """A new model, its weights decided by the seed, or those of the model in the folder `initial`."""
    config = LlamaConfig(
        vocab_size=recipe.mix.vocabulary,
        hidden_size=recipe.width,
        intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=recipe.context,
        tie_word_embeddings=True,
        bos_token_id=START_ID if recipe.start else None,
        eos_token_id=None,
        pad_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = LlamaForCausalLM(config)
    model.set_attn_implementation("eager")  # gives its probabilities, and is the fastest in bfloat16 on a CPU
    if initial is not None:
        model.load_state_dict(LlamaForCausalLM.from_pretrained(initial).state_dict())
    return model


def sample_batch(recipe: Recipe, tokens: Tokens, step: int) -> Tensor:
    """The batch of a step, (rows, context) int64: a pure function of the seed and the step.

    Recipes with and without a start token read the same text: a start token pushes out the last one.
    """
    rng = np.random.default_rng([recipe.seed, step])
    shape = (recipe.rows, recipe.context)
    rows = draw_rows(tokens, rng, shape=shape, texts=recipe.texts(step), spliced=recipe.spliced)
    return torch.from_numpy(_with_start(recipe, rows))


def _with_start(recipe: Recipe, rows: np.ndarray) -> np.ndarray:
    """The (B, T) rows, begun by the start token where the recipe has one."""
    if recipe.start:
        rows = np.concatenate([np.full_like(rows[:, :1], START_ID), rows[:, :-1]], axis=1)
    return rows


def attention_cost(attentions: Sequence[Tensor]) -> Tensor:
    """Share of attention that does not go to token 0, mean over layers, heads and queries.

    Args:
        attentions: a (B, H, T, T) tensor of probabilities for each layer. The first query is left out: it has
            nothing else to attend to.
    """
    return 1 - _first_column(attentions).mean()


def _first_column(attentions: Sequence[Tensor]) -> Tensor:
    """Attention on token 0, (L, B, H, T - 1), of all queries but the first."""
    return torch.stack([layer[:, :, 1:, 0] for layer in attentions])


def _losses(model: LlamaForCausalLM, ids: Tensor, *, attentions: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Mean nats per predicted token of (B, T) ids; and attention probabilities, where asked for."""
    out = model(input_ids=ids, use_cache=False, output_attentions=attentions)
    loss = F.cross_entropy(out.logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    return loss, out.attentions if attentions else ()


class Training:
    """A model on its way, with its optimizer and the step that it has reached.

    Each worker has one thread, and its share of the rows: on few and busy cores that is faster than splitting
    every operation, and two workers always add up to the same gradient.
    """

    def __init__(
        self, recipe: Recipe, tokens: Tokens, pool: Executor, workers: int, initial: Path | None = None
    ) -> None:
        """Start at step 0, with the weights of the model in the folder `initial` where the recipe follows another."""
        self.recipe, self.tokens, self.step = recipe, tokens, 0
        self.model = build_model(recipe, initial)
        self._parameters = list(self.model.parameters())
        self._optimizer = _optimizer(recipe, self._parameters)
        self._pool, self._workers = pool, workers

    def advance(self) -> dict[str, float]:
        """Take one step; return its loss in nats per token and, while it is charged, the attention cost."""
        weight = self.recipe.cost_weight(self.step)
        parts = sample_batch(self.recipe, self.tokens, self.step).chunk(self._workers)
        results = list(self._pool.map(lambda ids: self._gradients(ids, weight), parts))
        shares = [len(ids) / self.recipe.rows for ids in parts]
        self._apply([gradients for gradients, _ in results], shares)
        return {
            name: sum(share * measured[name] for share, (_, measured) in zip(shares, results, strict=True))
            for name in results[0][1]
        }

    def _gradients(self, ids: Tensor, weight: float) -> tuple[Sequence[Tensor], dict[str, float]]:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bfloat16):
            loss, attentions = _losses(self.model, ids, attentions=weight > 0)
        measured = {"loss": loss.item()}
        if weight > 0:
            cost = attention_cost(attentions)
            measured["attention_cost"] = cost.item()
            loss = loss + weight * cost
        return torch.autograd.grad(loss, self._parameters), measured

    def _apply(self, gradients: Sequence[Sequence[Tensor]], shares: Sequence[float]) -> None:
        for parameter, *parts in zip(self._parameters, *gradients, strict=True):
            parameter.grad = sum(share * part for share, part in zip(shares, parts, strict=True))
        torch.nn.utils.clip_grad_norm_(self._parameters, self.recipe.clip)
        for group in self._optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate(self.step)
        self._optimizer.step()
        self.step += 1

    @torch.inference_mode()
    def evaluate(self, rows: int = 16) -> dict[str, float]:
        """Held-out perplexity in context, and how strongly heads rest on token 0."""
        losses, strengths = self._measure(self.tokens.held_out_stream, rows)
        found = {"perplexity": math.exp(losses.mean())}
        if len(self.tokens.held_out_text) > self.recipe.context:
            found["text_perplexity"] = math.exp(self._measure(self.tokens.held_out_text, rows)[0].mean())
        return found | {
            "mean_attention_on_first": strengths.mean().item(),
            "strong_heads": (strengths > STRONG).float().mean().item(),
        }

    def _measure(self, ids: np.ndarray, rows: int) -> tuple[Tensor, Tensor]:
        """Losses of single rows (N,), and attention on token 0 of each layer and head (L, H)."""
        context = self.recipe.context
        text = ids[: len(ids) // context * context].reshape(-1, context)[:rows].astype(np.int64)
        batch = torch.from_numpy(_with_start(self.recipe, text))
        results = list(self._pool.map(self._measure_row, torch.split(batch, 1)))
        return torch.stack([loss for loss, _ in results]), torch.stack([each for _, each in results]).mean(0)

    @torch.inference_mode()
    def _measure_row(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        loss, attentions = _losses(self.model, ids, attentions=True)
        return loss, _first_column(attentions).mean(dim=(1, 3))

    def save(self, path: Path) -> None:
        """Write a checkpoint: the old one stays whole until the new one is."""
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_whole(path, content.getvalue())

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]


def _optimizer(recipe: Recipe, parameters: Sequence[torch.nn.Parameter]) -> torch.optim.AdamW:
    """AdamW; matrices decay, the scales of the norms do not."""
    groups = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.peak_rate, betas=(0.9, 0.95), fused=True)


def streaming_ratios(folder: Path, ids: np.ndarray) -> dict[str, float]:
    """Perplexities of a saved model far beyond its context, as multiples of that with 4 sinks.

    Args:
        folder: the model.
        ids: (N,) token ids without a start token, more than 4 times the context; only what lies beyond that
            counts.
    """
    loaded = models.load(str(folder.resolve()), device="cpu")
    stream = fresh(loaded, torch.from_numpy(ids.astype(np.int64)))
    recent = loaded.context // 2 - 4
    policies = {
        "sinks": Policy(kind="sinks", sinks=4, recent=recent),
        "window": Policy(kind="window", sinks=4, recent=recent),
        "dense": Policy(kind="dense"),
    }
    nats = {name: read(loaded, policy, stream).nats for name, policy in policies.items()}
    far = {name: perplexity(each[4 * loaded.context :]) for name, each in nats.items()}
    return {
        "sinks_perplexity": far["sinks"],
        "window_ratio": far["window"] / far["sinks"],
        "dense_ratio": far["dense"] / far["sinks"],
    }


@contextmanager
def _workers(count: int) -> Iterator[Executor]:
    """A pool whose threads, and the caller's, do not split their operations."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


def train(
    recipe: Recipe,
    sources: Sources,
    out: Path,
    *,
    initial: Path | None = None,
    data: Path | None = None,
    resume: bool = False,
    workers: int = 2,
    save_steps: int = 250,
    log_steps: int = 25,
) -> None:
    """Train, log and save until the recipe's last step.

    Args:
        recipe: what to train.
        sources: what to train it on.
        out: the folder for all results.
        initial: the folder of the model whose weights training starts from, where the recipe follows another.
        data: the folder of the tokenized text, `out`/data by default; runs may share it.
        resume: go on from the last checkpoint in `out`.
        workers: threads.
        save_steps: steps between checkpoints, each with an evaluation.
        log_steps: steps between lines of the log.

    Raises:
        SettingsError: a setting is out of range, or `out` holds another run.
    """
    for name, value in {"workers": workers, "save_steps": save_steps, "log_steps": log_steps}.items():
        require(value >= 1, f"{name} must be at least 1")
    require(
        (initial is None) == (recipe.follows is None),
        f"{recipe.name} follows {recipe.follows or 'no other'}: start there",
    )
    data = data or out / "data"
    _claim(out, recipe, resume=resume)
    tokens = prepare(data, sources, recipe.mix)
    require(
        min(len(tokens.stream), len(tokens.held_out_stream)) > 8 * recipe.context,
        "stream_tokens must be more than 8 times the context",
    )
    with _workers(workers) as pool:
        training = Training(recipe, tokens, pool, workers, initial)
        if resume:
            training.restore(out / "checkpoint.pt")
        log = _Log(out / "log.jsonl", recipe, training.step, initial and initial.parent / "log.jsonl")
        while training.step < recipe.steps:
            log.add(training.advance())
            last = training.step == recipe.steps
            if last or training.step % save_steps == 0:
                log.write(training.step, _checkpoint(training, load_tokenizer(data), out))
            elif training.step % log_steps == 0:
                log.write(training.step, {})


def train_after(
    recipe: Recipe, sources: Sources, out: Path, *, before: Path | None = None, resume: bool = False, **others: Any
) -> None:
    """`train`, after the recipe that this one follows, where it does.

    Args:
        recipe: what to train.
        sources: what to train it on.
        out: the folder for all results.
        before: the folder of the followed recipe's run, which is begun or gone on with; in `out` by default.
        resume: go on from the last checkpoint in `out`.
        **others: as `train` takes them, for both runs.
    """
    initial = None
    if recipe.follows is not None:
        _claim(out, recipe, resume=resume)  # refused now, not after hours of the other run
        before = before or out / recipe.follows
        begun = (before / "checkpoint.pt").exists()
        train_after(RECIPES[recipe.follows], sources, before, resume=begun, **others)
        initial = before / "model"
    train(recipe, sources, out, initial=initial, resume=resume, **others)


def _claim(out: Path, recipe: Recipe, *, resume: bool) -> None:
    """Make the folder this run's own."""
    wanted, path = described(recipe), out / "recipe.json"
    if resume:
        require((out / "checkpoint.pt").exists(), f"there is no checkpoint in {out}: start without --resume")
        words = f"{out} holds a run of other settings: give them again, or start in another folder"
        require(holds(path, wanted), words)
        return
    require(
        not (out / "checkpoint.pt").exists(),
        f"{out} holds a run already: go on with --resume, or name another folder",
    )
    out.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(wanted, indent=1) + "\n")


def _checkpoint(training: Training, tokenizer: Tokenizer, out: Path) -> dict[str, float]:
    """Save, then measure what was saved."""
    training.save(out / "checkpoint.pt")
    _save_model(training, tokenizer, out / "model")
    far = training.tokens.held_out_stream[: 8 * training.recipe.context]
    return training.evaluate() | streaming_ratios(out / "model", far)


def _save_model(training: Training, tokenizer: Tokenizer, folder: Path) -> None:
    """Replace the files one by one: whoever reads the folder meanwhile finds whole files."""
    fresh = folder.with_name(folder.name + ".new")
    training.model.save_pretrained(fresh)
    wrap(tokenizer, start=training.recipe.start).save_pretrained(fresh)
    folder.mkdir(exist_ok=True)
    for path in fresh.iterdir():
        os.replace(path, folder / path.name)
    fresh.rmdir()


class _Log:
    """Collects the steps' measurements; writes their means as JSON lines and as a line of progress.

    The log begins with that of the followed recipe, and counts on from its steps.
    """

    def __init__(self, path: Path, recipe: Recipe, step: int, before: Path | None) -> None:
        """Keep of an earlier run's lines those up to `step`."""
        source = path if step else before
        kept = source.read_text(encoding="utf-8").splitlines() if source else []
        lines = [line for line in kept if parsed(line)["step"] <= recipe.steps_before + step]
        write_whole(path, "".join(line + "\n" for line in lines))
        self._path, self._recipe = path, recipe
        self._added: list[dict[str, float]] = []
        self._since = self._until = time.perf_counter()

    def add(self, measured: dict[str, float]) -> None:
        """Take in what a step measured, and the time it was done."""
        self._added.append(measured)
        self._until = time.perf_counter()

    def write(self, step: int, evaluated: dict[str, float]) -> None:
        """Write a line of the steps since the last one, with an evaluation where there was one."""
        total = self._recipe.steps_before + step
        record: dict[str, float] = {"step": total, "tokens": total * self._recipe.rows * self._recipe.context}
        count = len(self._added)
        names = self._added[-1]
        record |= {name: sum(each.get(name, 0.0) for each in self._added) / count for name in names}
        per_second = count / (self._until - self._since)
        record["learning_rate"] = self._recipe.learning_rate(step - 1)
        record["tokens_per_second"] = per_second * self._recipe.rows * self._recipe.context
        record |= evaluated
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({name: _rounded(value) for name, value in record.items()}) + "\n")
        self._show(record, minutes=(self._recipe.steps - step) / per_second / 60)
        self._added, self._since = [], time.perf_counter()

    def _show(self, record: dict[str, float], *, minutes: float) -> None:
        shown = {name: record[name] for name in record if name not in ("step", "tokens", "learning_rate")}
        values = "  ".join(f"{name.replace('_', ' ')} {_rounded(value):g}" for name, value in shown.items())
        where = f"step {record['step']} of {self._recipe.steps_before + self._recipe.steps}"
        print(f"{where}  {values}  {minutes:.0f} min left", file=sys.stderr)


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.5g}")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m comparisons.training.pretrain", description="Train one of the bundled models."
    )
    parser.add_argument("--recipe", choices=list(RECIPES), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for model, log and checkpoints")
    parser.add_argument("--text", type=Path, nargs="*", default=[], help="UTF-8 files to mix with the stream")
    parser.add_argument("--held-out", type=Path, help="a text that is only measured on")
    parser.add_argument("--before", type=Path, help="folder of the recipe that this one follows (default: in --out)")
    parser.add_argument("--data", type=Path, help="folder of the tokenized text; runs may share it")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    parser.add_argument("--steps", type=int, help="default: the recipe's")
    parser.add_argument("--seed", type=int, help="default: the recipe's")
    parser.add_argument("--workers", type=int, default=2, help="threads")
    parser.add_argument("--save-steps", type=int, default=250, help="steps between checkpoints")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit status."""
    given = _arguments(arguments)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers gives it no types
    changes = {name: getattr(given, name) for name in ("steps", "seed") if getattr(given, name) is not None}
    both = {"data": given.data or given.out / "data", "workers": given.workers, "save_steps": given.save_steps}
    try:
        recipe = replace(RECIPES[given.recipe], **changes)
        sources = Sources(texts=tuple(given.text), held_out=given.held_out)
        train_after(recipe, sources, given.out, before=given.before, resume=given.resume, **both)
    except StreamingError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(main())
