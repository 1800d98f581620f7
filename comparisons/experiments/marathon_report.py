"""What a finished marathon says: its figures, a table for people, and a recording that the page can play."""

from __future__ import annotations

from dataclasses import asdict
from itertools import accumulate
from typing import Any

import torch

from comparisons.experiments.marathon import Marathon
from comparisons.experiments.stretches import TEXT_TOKENS, Stretch, Text
from comparisons.metrics import (
    finite_or_none,
    mean_ms_per_token,
    perplexity_from_mean_nats,
    rounded,
    thin,
    tokens_per_second,
)
from comparisons.recordings.format import LaneRecording, Recording, TextMoment
from comparisons.recordings.recorder import spread
from comparisons.runs.frames import CurvePoint, Event, EventKind, Header, LaneNumbers, RssPoint, RunNumbers
from comparisons.text.detokenise import Detokeniser
from comparisons.versions import versions

__all__ = ["figures", "recording", "stretch_rows", "table"]

_POINTS, _MOMENTS, _TABLE_ROWS = 400, 160, 20
_MIB = 2**20


def figures(marathon: Marathon) -> dict[str, Any]:
    """The whole run in numbers, fit for JSON; bytes, seconds and tokens where the name says no other unit."""
    tally, settings = marathon.tally, marathon.settings
    nats, predicted = (sum(getattr(one, name) for one in tally.stretches) for name in ("nats", "predicted"))
    known = {
        "model": marathon.loaded.name,
        "policy": settings.policy.label,
        "tokens": tally.tokens,
        "seed": settings.seed,
        "chunk": settings.chunk,
        "dtype": str(marathon.loaded.model.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "begun": marathon.begun,
        "resumes": marathon.resumes,
        "minutes": tally.seconds / 60,
        "tokens_per_second": tokens_per_second(tally.tokens, tally.seconds),
        "perplexity": perplexity_from_mean_nats(nats / predicted),
        "span": tally.span,
        "perplexity_first_span": tally.first.perplexity,
        "perplexity_last_span": tally.last.perplexity,
        "last_against_first": tally.last_against_first,
        "kv_bytes": tally.stretches[-1].kv_bytes,
        "rss_after_first_span_bytes": tally.rss_settled_bytes,
        "rss_most_since_bytes": tally.rss_most_bytes,
        "rss_most_against_first": tally.rss_most_bytes / tally.rss_settled_bytes,
        "ids_crc32": tally.stretches[-1].ids_crc32,
    }
    return {name: finite_or_none(x) if isinstance(x, float) else x for name, x in known.items()}


def stretch_rows(marathon: Marathon) -> list[dict[str, Any]]:
    """Every stretch as it was measured, fit for JSON."""
    return [
        {**asdict(one), "perplexity": finite_or_none(one.perplexity), "tokens_per_second": one.tokens_per_second}
        for one in marathon.tally.stretches
    ]


def table(marathon: Marathon) -> str:
    """A few stretches, evenly spread, and what the run was made to find out."""
    tally, stretches = marathon.tally, marathon.tally.stretches
    lines = [f"{'token':>12} {'perplexity':>10} {'KV MiB':>8} {'RSS MiB':>8} {'tokens/s':>9}"]
    lines += [_row(stretches[i]) for i in spread(len(stretches), _TABLE_ROWS)]
    lines += [
        f"{tally.tokens:,} tokens in {tally.seconds / 60:.1f} minutes, {tally.tokens / tally.seconds:,.0f} tokens/s",
        f"perplexity, last {tally.span:,} tokens against the first after the cache filled: "
        f"{tally.last_against_first:.4f} (target 0.97 to 1.03)",
        f"resident memory, most against after the first {tally.span:,} tokens: "
        f"{tally.rss_most_bytes / tally.rss_settled_bytes:.4f} (target ≤ 1.02)",
    ]
    return "\n".join(lines)


def _row(one: Stretch) -> str:
    kv, rss = one.kv_bytes / _MIB, one.rss_bytes / _MIB
    return f"{one.end:>12,} {one.perplexity:>10.3f} {kv:>8.2f} {rss:>8.0f} {one.tokens_per_second:>9,.0f}"


# ---------------------------------------------------------------------------------------------- the recording


def recording(marathon: Marathon) -> Recording:
    """The run in the page's format: one lane, a point of the curve for each stretch, thinned where there are many."""
    tally, policy = marathon.tally, marathon.settings.policy
    stretches = tally.stretches
    shown = [stretches[i] for i in spread(len(stretches), _MOMENTS)]
    curve = [_point(stretches[i]) for i in thin([finite_or_none(one.perplexity) for one in stretches], _POINTS)]
    totals = dict(zip((one.end for one in stretches), _totals(stretches), strict=True))
    lane = LaneRecording(
        label=policy.label,
        kind=policy.kind,
        sinks=policy.sinks,
        recent=policy.recent or 0,
        moments=[_BEGIN, *(_moment(marathon, one, totals[one.end]) for one in shown)],
        curve=curve,
        texts=[_text(marathon, one) for one in tally.texts],
        answers=[],
        events=_events(marathon),
    )
    moments: list[RunNumbers] = [{"seconds": 0.0, "state": "running", "rss_bytes": tally.rss_bytes}]
    moments += [{"seconds": round(one.seconds, 3), "state": "running", "rss_bytes": one.rss_bytes} for one in shown]
    moments[-1]["state"] = "finished"
    rss = [RssPoint(0, tally.rss_bytes, 0.0)]
    rss += [RssPoint(one.end, one.rss_bytes, round(one.seconds, 3)) for one in shown]
    return Recording(header=_header(marathon), moments=moments, rss=rss, lanes=[lane])


_BEGIN: LaneNumbers = {
    "tokens": 0,
    "status": "reading",
    "reason": None,
    "message": "",
    "kv_bytes": 0,
    "kv_allocated_bytes": 0,
    "cache_tokens": 0,
    "seconds": 0.0,
    "tokens_per_second": 0.0,
    "ms_per_token": None,
    "perplexity": None,
    "perplexity_total": None,
}


def _header(marathon: Marathon) -> Header:
    settings, stream = marathon.settings, marathon.stream
    return {
        "model": marathon.loaded.name,
        "context": marathon.loaded.context,
        "source": "prompts",
        "source_characters": 0,
        "seed": settings.seed,
        "kv_budget_bytes": marathon.tally.first.begin * stream.bytes_per_token,
        "bytes_per_token": stream.bytes_per_token,
        "window": settings.stretch,
        "stride": settings.stretch,
        "lanes": [settings.policy.label],
        "settings": {"max_tokens": settings.tokens, "chunk": settings.chunk, "answers": False},
        "versions": versions(),
        "recorded_at": marathon.begun,
    }


def _totals(stretches: list[Stretch]) -> list[float]:
    """Perplexity from the beginning of the stream to the end of each."""
    sums = zip(accumulate(one.nats for one in stretches), accumulate(one.predicted for one in stretches), strict=True)
    return [perplexity_from_mean_nats(nats / predicted) for nats, predicted in sums]


def _moment(marathon: Marathon, one: Stretch, total: float) -> LaneNumbers:
    ended = one.end == marathon.settings.tokens
    return {
        **_BEGIN,
        "tokens": one.end,
        "status": "stopped" if ended else "reading",
        "reason": "tokens" if ended else None,
        "kv_bytes": one.kv_bytes,
        "kv_allocated_bytes": one.kv_allocated_bytes,
        "cache_tokens": one.kv_bytes // marathon.stream.bytes_per_token,
        "seconds": round(one.seconds, 3),
        "tokens_per_second": 0.0 if ended else rounded(one.tokens_per_second, 5),
        "ms_per_token": rounded(_ms_per_token(one), 5),
        "perplexity": rounded(one.perplexity, 5),
        "perplexity_total": rounded(total, 5),
    }


def _point(one: Stretch) -> CurvePoint:
    ms_per_token = rounded(_ms_per_token(one), 3)
    return CurvePoint(one.end, rounded(one.perplexity, 5), one.kv_bytes, ms_per_token, round(one.seconds, 3))


def _ms_per_token(one: Stretch) -> float:
    return mean_ms_per_token(one.work_seconds, one.tokens)


def _text(marathon: Marathon, text: Text) -> TextMoment:
    words = Detokeniser(marathon.loaded.tokenizer)
    pieces = [words.push(token) for token in text.ids]
    shown = [(piece, rounded(nat, 3)) for piece, nat in zip(pieces, text.nats, strict=True)][-TEXT_TOKENS:]
    return {"seconds": round(text.seconds, 3), "from": text.end - len(shown), "pieces": shown}


def _events(marathon: Marathon) -> list[Event]:
    """When it happened is known to the stretch: as if that had gone evenly."""
    milestones: dict[EventKind, int] = {
        "training-length": marathon.loaded.context,
        "first-eviction": marathon.tally.first.begin + 1,
        "stopped": marathon.settings.tokens,
    }
    reached = sorted(milestones.items(), key=lambda milestone: (milestone[1], milestone[0]))
    return [
        {"at": at, "kind": kind, "seconds": _seconds_at(marathon, at)}
        for kind, at in reached
        if at <= marathon.tally.tokens
    ]


def _seconds_at(marathon: Marathon, token: int) -> float:
    one = next(one for one in marathon.tally.stretches if token <= one.end)
    return round(one.seconds - one.took_seconds * (one.end - token) / one.tokens, 3)
