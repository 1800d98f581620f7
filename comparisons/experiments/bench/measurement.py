"""One row of the table of speed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Measurement"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """What was measured against what.

    Attributes:
        name: what is compared with what.
        ratio: of the two.
        ours: the first of the two, in `unit`.
        other: the second of the two.
        unit: of both.
        at_least: what the ratio should reach; None where it is only printed.
        at_most: what the ratio should stay within; None likewise.
    """

    name: str
    ratio: float
    ours: float
    other: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the ratio is where it should be; None where nothing is asked of it."""
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least or 0.0) <= self.ratio <= (self.at_most or float("inf"))
