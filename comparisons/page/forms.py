"""What a visitor may set on the page, in the page's own units, checked before anything runs.

Values arrive as JSON from browsers and from anybody who calls the API: numbers may be out of range, between two
steps, not numbers at all. A form that constructs is a run that can start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from comparisons.documents import parsed
from comparisons.limits import Range, check_limits, limited
from comparisons.metrics import BYTES_PER_MB
from comparisons.runs.fit import Fit
from comparisons.runs.settings import RunSettings
from comparisons.server.live import STORY
from comparisons.text.choices import After, Reading, ReadingKind
from streaming import models
from streaming.errors import SettingsError
from streaming.policy import Kind, Policy
from streaming.window import Positions

__all__ = ["MORE_LANES", "Form", "Mode", "presets"]

Mode = Literal["read", "chat"]
"""What lanes do: read one text, or answer the same prompts."""

MOST_TOKENS = 1_000_000
MOST_SECONDS = 1800.0
MORE_LANES: tuple[Kind, ...] = ("window", "recompute")
"""What can stand beside dense and StreamingLLM, at the same budget of tokens."""


MOST_RECENT, MOST_MB = 2**20 - 4, 68_000
"""More than any machine holds; the page's sliders end where the server's memory does (`Fit`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """The settings of a run as the page shows them, in the order in which it shows them.

    Attributes:
        sinks: first tokens that StreamingLLM keeps.
        recent: latest tokens that it keeps.
        budget_mb: memory for keys and values, per lane, in units of 1,000,000 bytes.
        pace: tokens per second, 0 for as fast as the machine can, -1 for the story's.
        seed: of the prompt stream.
        lanes: which of `MORE_LANES` to add.
        positions: of the sinks: in the cache, or (the control) in the text.
        model: a bundled model or a Hub id ("owner/name"); "" for the server's own.
        source: what is read; a text itself is no setting, it comes with the start of its run.
        after: what follows the end of a text.
        mode: what the lanes do.
        start_turn: turns of a chat that are read and not answered.
    """

    sinks: int = limited(4, Range(min=0, max=8, unit="tokens"))
    recent: int = limited(124, Range(min=16, max=MOST_RECENT, unit="tokens"))
    budget_mb: int = limited(32, Range(min=1, max=MOST_MB, unit="MB"))
    pace: int = limited(100, Range(min=STORY, max=10_000, unit="tokens per second"))
    seed: int = limited(0, Range(min=0, max=9999, unit=""))
    lanes: tuple[str, ...] = ()
    positions: Positions = "cache"
    model: str = ""
    source: ReadingKind = "prompts"
    after: After = "stop"
    mode: Mode = "read"
    start_turn: int = limited(0, Range(min=0, max=1000, unit="turns"))

    def __post_init__(self) -> None:
        """Take 4.0 for 4 and a list for a tuple, as JSON has them; refuse what is out of range or of the wrong type."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and value.is_integer():
                object.__setattr__(self, field.name, int(value))
        check_limits(self)
        object.__setattr__(self, "lanes", _more_lanes(self.lanes))
        for name, choices in {"positions": Positions, "source": ReadingKind, "after": After, "mode": Mode}.items():
            if getattr(self, name) not in get_args(choices):
                raise SettingsError(f"{name} must be one of {', '.join(get_args(choices))}.")
        _check_model(self.model)

    @classmethod
    def suiting(cls, fit: Fit, model: str = "") -> Form:
        """The form as it stands before anybody has changed it."""
        recent, budget_mb = min(fit.recent, MOST_RECENT), min(fit.budget_mb, MOST_MB)
        return cls(sinks=fit.sinks, recent=recent, budget_mb=budget_mb, pace=fit.pace or 0, model=model)

    @classmethod
    def of_query(cls, query: Mapping[str, str], usual: Form | None = None) -> Form:
        """The form that a link describes; what a link does not say, or says wrongly, stays as it usually is."""
        form = usual or cls()
        for name in query.keys() & form.values().keys():
            try:
                form = cls(**{**form.values(), name: _read(query[name])})
            except SettingsError:
                continue
        return form

    def values(self) -> dict[str, Any]:
        """The fields by name, in their order, as JSON has them."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"lanes": list(self.lanes)}

    def settings(self, fit: Fit | None = None) -> RunSettings:
        """The run that this form asks for: dense beside StreamingLLM, and what was added.

        Args:
            fit: how long a read may be, and how often lanes answer, where that is known of the model.
        """
        sinks, recent = self.sinks, self.recent
        more = [Policy(kind=kind, sinks=sinks, recent=recent) for kind in MORE_LANES if kind in self.lanes]
        usual = RunSettings(
            lanes=(
                Policy(kind="dense"),
                Policy(kind="sinks", sinks=sinks, recent=recent, positions=self.positions),
                *more,
            ),
            seed=self.seed,
            kv_budget_bytes=self.budget_mb * BYTES_PER_MB,
            tokens_per_second=self.pace if self.pace > 0 else None,
            story=self.pace == STORY,
            max_tokens=MOST_TOKENS,
            max_seconds=MOST_SECONDS,
        )
        if fit is None:
            return usual
        chunk = min(usual.chunk, fit.chunk)
        return replace(usual, chunk=chunk, answers=fit.answers, answer_every=fit.answer_every)

    def reading(self, text: Any = "") -> Reading:
        """What this form asks to be read, where `text` is the visitor's own.

        Raises:
            SettingsError: the text is empty, too long, or no text.
        """
        return Reading(kind=self.source, after=self.after, text=text)


def _check_model(model: object) -> None:
    """A visitor names a model by its name or Hub id, never by a path."""
    if not isinstance(model, str):
        raise SettingsError("model must be the name of a model.")
    if model and model not in models.names():
        try:
            models.check_hub_id(model)
        except SettingsError as error:
            known = ", ".join(models.names())
            raise SettingsError(f"{error} By name: {known}. A folder: app.py --model FOLDER.") from None


def _more_lanes(lanes: object) -> tuple[str, ...]:
    if not isinstance(lanes, (list, tuple)) or not all(kind in MORE_LANES for kind in lanes):
        raise SettingsError(f"lanes must be a list of some of {', '.join(MORE_LANES)}.")
    return tuple(kind for kind in MORE_LANES if kind in lanes)


def _read(text: str) -> object:
    """A value in a link is JSON, or a bare word; JSON that is nested too deeply to be read is none."""
    try:
        return parsed(text)
    except ValueError:
        return text


FORGETS_RECENT = 44
"""So soon a fact has left the cache, that one sees it forgotten."""

CHAT_RECENT = 252
"""So soon a chat outgrows the cache, that a lane without sinks breaks in its first minute."""


def presets(usual: Form, later: int = 0) -> Mapping[str, Form]:
    """Forms worth a try with a model, by name; what to watch in each is among the page's words.

    Args:
        usual: what suits the model.
        later: the turn at which a chat begins just before its dense lane leaves the training length.
    """
    chat = replace(usual, pace=0, recent=min(usual.recent, CHAT_RECENT), mode="chat")
    return {
        "collapse": replace(usual, pace=STORY) if usual.pace else usual,
        "million": replace(usual, pace=0),
        "no_sinks": replace(usual, lanes=("window",)),
        "text_positions": replace(usual, positions="text"),
        "recall": replace(usual, pace=30, recent=min(usual.recent, FORGETS_RECENT), seed=1),
        "endless": replace(chat, lanes=("window",)),
        "beyond": replace(chat, start_turn=later),
    }
