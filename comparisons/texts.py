"""All words of the page, one object per language.

A language is complete or it does not construct: no field has a default. Braces name what the page fills in
(`{tokens}`, `{before}`, …); the same names must stand in every language, which a test checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

__all__ = ["ENGLISH", "TEXTS", "Texts"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """The words of the page in one language, named by where they stand."""

    language: str
    locale: str

    title: str
    headline: str
    lead: str
    copy_link: str
    theme: str
    present: str
    keys: str
    close: str

    transport: str
    start: str
    starting: str
    pause: str
    resume: str
    stop: str
    restart: str

    settings: str
    sinks: str
    recent: str
    budget: str
    pace: str
    paces: Mapping[str, str]
    seed: str

    recorded: str
    states: Mapping[str, str]
    source_recorded: str
    source_live: str

    lanes: str
    lane_names: Mapping[str, str]
    lane_policies: Mapping[str, str]
    statuses: Mapping[str, str]
    tokens: str
    perplexity: str
    memory: str
    speed: str
    time: str
    cache: str
    cache_holds: str
    strip_unread: str
    strip_sink: str
    strip_held: str
    strip_evicted: str
    text: str
    calm: str
    surprised: str
    token_hover: str
    answers: str
    asked_at: str
    no_answers: str
    reference: str
    earlier: str
    later: str

    verdict_waiting: str
    verdict_reading: str
    verdict_left: str
    verdict_past: str
    verdict_forgets: str
    verdict_still: str
    verdict_endings: Mapping[str, str]

    curves: str
    show_lanes: str
    curves_note: str
    captions: Mapping[str, str]
    axis_tokens: str
    budget_line: str
    process_memory: str
    event_training: str
    events: Mapping[str, str]

    key_help: Mapping[str, str]

    def as_json(self) -> dict[str, object]:
        """What the browser gets: every word, by name."""
        return asdict(self)


ENGLISH = Texts(
    language="en",
    locale="en-GB",
    title="StreamingLLM, side by side",
    headline="One model reads an endless text, twice.",
    lead="On the left it remembers every token; on the right, only the first few and the latest ones. "
    "Watch both as the text outgrows what the model was trained on.",
    copy_link="Copy link",
    theme="Light or dark",
    present="Present",
    keys="Keys",
    close="Close",
    transport="Run",
    start="Start",
    starting="Starting",
    pause="Pause",
    resume="Resume",
    stop="Stop",
    restart="Restart",
    settings="Settings",
    sinks="Sinks kept",
    recent="Recent tokens kept",
    budget="Memory budget, MB",
    pace="Pace",
    paces={
        "8": "Reading, 8 tokens/s",
        "30": "Skimming, 30 tokens/s",
        "100": "Fast, 100 tokens/s",
        "300": "Faster, 300 tokens/s",
        "0": "As fast as it can",
    },
    seed="Seed",
    recorded="Recorded run",
    states={"running": "Live", "paused": "Paused", "finished": "Finished"},
    source_recorded="Model “{model}”, seed {seed}, {seconds} s on {date}. Press Start to run it here and now.",
    source_live="Model “{model}”, trained on {context} tokens at a time; seed {seed}; {seconds} s of running time.",
    lanes="Lanes",
    lane_names={
        "dense": "Dense cache",
        "sinks": "StreamingLLM",
        "window": "Window",
        "recompute": "Window, recomputed",
    },
    lane_policies={
        "dense": "keeps every token",
        "sinks": "keeps {sinks} sinks and the {recent} latest tokens",
        "window": "keeps the {recent} latest tokens, no sinks",
        "recompute": "reads the {recent} latest tokens anew for every token",
    },
    statuses={
        "waiting": "Waiting",
        "reading": "Reading",
        "answering": "Answering",
        "paused": "Paused",
        "stopped": "Stopped",
        "failed": "Failed",
    },
    tokens="Tokens read",
    perplexity="Perplexity",
    memory="KV memory",
    speed="Tokens/s",
    time="Time per token",
    cache="Cache",
    cache_holds="holds {held} of {tokens} tokens",
    strip_unread="not read yet",
    strip_sink="token {index}: a sink, cache position {position}",
    strip_held="token {index}: in the cache, position {position}",
    strip_evicted="token {index}: evicted",
    text="Text being read",
    calm="expected",
    surprised="surprising",
    token_hover="token {index}: {nats} nats, probability {percent} %",
    answers="Answers",
    asked_at="Asked at token {at}",
    no_answers="Not asked anything yet",
    reference="Reference",
    earlier="Earlier answer",
    later="Later answer",
    verdict_waiting="Has not read anything yet",
    verdict_reading="{tokens} tokens, perplexity {now}, {memory}",
    verdict_left="Left its training length at token {at}; perplexity {before} → {now}",
    verdict_past="Past its training length since token {at}; perplexity {now}, was {before}",
    verdict_forgets="Evicting since token {at}; perplexity {before} → {now}",
    verdict_still="perplexity {now}",
    verdict_endings={
        "kv-budget": "Memory budget reached: stopped at token {tokens}",
        "tokens": "Stopped at the run’s last token, {tokens}",
        "seconds": "Stopped at the end of the run’s time, after {tokens} tokens",
        "user": "Stopped by you after {tokens} tokens",
        "end-of-text": "Read the whole text, {tokens} tokens",
    },
    curves="Curves",
    show_lanes="Lanes shown",
    curves_note="Drag across a chart to zoom, double-click to zoom out.",
    captions={
        "perplexity": "over the last {window} tokens, log scale; lower is better",
        "memory": "keys and values in the cache; dotted: the whole process, on its own scale",
        "time": "each lane’s own work, without what the page costs",
    },
    axis_tokens="tokens read",
    budget_line="memory budget {budget}",
    process_memory="process RSS",
    event_training="training length",
    events={
        "first-eviction": "{lane}: first eviction",
        "kv-budget": "{lane}: memory budget",
        "failed": "{lane}: failed",
    },
    key_help={
        "Space": "start, pause, resume",
        "S": "stop",
        "R": "restart",
        "F": "presentation mode, on and off",
        "?": "this list",
    },
)

TEXTS: Mapping[str, Texts] = MappingProxyType({text.language: text for text in (ENGLISH,)})
