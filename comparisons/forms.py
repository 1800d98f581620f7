"""What a visitor may set on the page, in the page's own units, checked before anything runs.

Values arrive as JSON from browsers and from anybody who calls the API: numbers may be out of range, between two
steps, not numbers at all. A form that constructs is a run that can start.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from comparisons.limits import Range, check_limits, limited
from comparisons.runner import RunSettings
from streaming.policies import Policy

__all__ = ["Form"]

BYTES_PER_MB = 1_000_000
MOST_TOKENS = 1_000_000
MOST_SECONDS = 1800.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """The settings of a run as the page shows them.

    Attributes:
        sinks: first tokens that StreamingLLM keeps.
        recent: latest tokens that it keeps.
        budget_mb: memory for keys and values, per lane, in units of 1,000,000 bytes.
        pace: tokens per second, 0 for as fast as the machine can.
        seed: of the prompt stream.
    """

    sinks: int = limited(4, Range(min=0, max=8, unit="tokens"))
    recent: int = limited(124, Range(min=16, max=1020, unit="tokens"))
    budget_mb: int = limited(32, Range(min=1, max=512, unit="MB"))
    pace: int = limited(100, Range(min=0, max=10_000, unit="tokens per second"))
    seed: int = limited(0, Range(min=0, max=9999, unit="(a seed)"))

    def __post_init__(self) -> None:
        """Take 4.0 for 4, as JSON does, and refuse what is out of range or of the wrong type."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and value.is_integer():
                object.__setattr__(self, field.name, int(value))
        check_limits(self)

    def settings(self) -> RunSettings:
        """The run that this form asks for: dense beside StreamingLLM."""
        return RunSettings(
            lanes=(Policy(kind="dense"), Policy(kind="sinks", sinks=self.sinks, recent=self.recent)),
            seed=self.seed,
            kv_budget_bytes=self.budget_mb * BYTES_PER_MB,
            tokens_per_second=self.pace or None,
            max_tokens=MOST_TOKENS,
            max_seconds=MOST_SECONDS,
        )
