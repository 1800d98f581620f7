"""Four ways to read an endless stream with one model, behind the same few verbs.

| policy      | token t attends to                                             | KV cache between tokens    |
|-------------|----------------------------------------------------------------|----------------------------|
| `dense`     | every token of the stream                                      | grows without end          |
| `window`    | itself and the `sinks + recent` tokens before it               | `sinks + recent` tokens    |
| `recompute` | the start token and the most recent tokens, encoded from nothing | none; O(cache²) a token  |
| `sinks`     | the first `sinks` tokens, the `recent` before it, itself       | `sinks + recent` tokens    |

`dense`, `window` and `sinks` are the same cache with different settings. Every bounded policy has the same budget,
`sinks + recent`, so that a comparison differs in nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from streaming.errors import SettingsError
from streaming.window import Positions, SinkWindow

__all__ = ["Kind", "Policy"]

Kind = Literal["dense", "window", "recompute", "sinks"]

_PATTERN = re.compile(r"(?P<kind>[a-z]+)(?::(?:(?P<sinks>\d{1,9})\+)?(?P<recent>\d{1,9}))?(?:@(?P<positions>[a-z]+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Which cached keys and values a token may see.

    `sinks` and `recent` say the budget; a policy without sinks gives theirs to the recent tokens, and `dense` has
    neither, so that one pair of settings gives comparable policies of every kind.
    """

    kind: Kind
    sinks: int = 4
    recent: int | None = 252
    positions: Positions = "cache"

    def __post_init__(self) -> None:
        """Validate, and give a policy without sinks the whole budget as recent tokens."""
        if self.kind not in get_args(Kind):
            raise SettingsError(f"The policy must be one of {', '.join(get_args(Kind))}, not {self.kind!r}.")
        if self.kind == "dense":
            self._become(sinks=0, recent=None)
        elif self.recent is None:
            raise SettingsError(f"The policy {self.kind!r} needs a number of recent tokens.")
        window = SinkWindow(sinks=self.sinks, recent=self.recent, positions=self.positions)
        alone = self.kind in ("window", "recompute")
        self._become(sinks=0 if alone else window.sinks, recent=window.budget if alone else window.recent)
        if self.positions == "text" and self.kind != "sinks":
            raise SettingsError("Text positions are a setting of the policy 'sinks' only.")

    def _become(self, **settings: int | None) -> None:
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read `dense`, `window:256`, `recompute:256`, `sinks:4+252` or `sinks:4+252@text`."""
        found = _PATTERN.fullmatch(text.strip())
        kinds: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
        if not found or found["kind"] not in kinds or (found["recent"] is None) != (found["kind"] == "dense"):
            raise SettingsError(
                f"Cannot read the policy {text!r}: write dense, window:256, recompute:256, sinks:4+252 or "
                "sinks:4+252@text."
            )
        return cls(
            kind=kinds[found["kind"]],
            sinks=int(found["sinks"] or 0),
            recent=int(found["recent"]) if found["recent"] else None,
            positions=_positions(found["positions"] or "cache"),
        )

    @property
    def window(self) -> SinkWindow:
        """The tokens that its cache holds."""
        return SinkWindow(sinks=self.sinks, recent=self.recent, positions=self.positions)

    @property
    def budget(self) -> int | None:
        """Tokens in the cache once it is full; None where it grows without end."""
        return self.window.budget

    @property
    def label(self) -> str:
        """The policy as `parse` reads it."""
        if self.kind == "dense":
            return "dense"
        if self.kind != "sinks":
            return f"{self.kind}:{self.recent}"
        return f"sinks:{self.sinks}+{self.recent}" + ("@text" if self.positions == "text" else "")


def _positions(text: str) -> Positions:
    """The setting of this name; `SinkWindow` refuses what is none."""
    named: dict[str, Positions] = {positions: positions for positions in get_args(Positions)}
    if text not in named:
        raise SettingsError(f"positions must be {' or '.join(map(repr, named))}, not {text!r}.")
    return named[text]
