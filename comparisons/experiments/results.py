"""The results of the paper's experiments on a model of one's own: plain rows, as JSON and as CSV.

A result holds what was measured and under which circumstances, and nothing of the paper's own numbers.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, TypeVar

from comparisons.documents import parsed
from streaming.errors import RecordingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["About", "ModelFacts", "Perplexity", "Point", "Recalled", "Result", "Row", "StepCost", "as_csv", "load"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Perplexity:
    """One cell of tables 1, 2, 3 and 6.

    Attributes:
        model: its name.
        row: the key of its row in the table.
        policy: what a token saw, as `Policy.parse` reads it.
        cache: cache budget, in tokens; the one of the other rows for `dense`, which has none.
        tokens: how many tokens were measured.
        perplexity: of those; None where it is no finite number.
        reference: perplexity of `sinks`, 4, on the same tokens; None where the table has no reference.
    """

    model: str
    row: str
    policy: str
    cache: int
    tokens: int
    perplexity: float | None
    reference: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Recalled:
    """One cell of table 7: questions whose fact was told `begin` to `end` tokens before.

    Attributes:
        model: its name.
        cache: cache budget, in tokens.
        recent: how many of them are the latest; a fact further away than this has left the cache.
        begin: least distance, in tokens.
        end: greatest distance, in tokens.
        asked: how many questions there were.
        right: how many were answered right.
        chance: share of right answers when the answer key of questions of the same form is shuffled; None where no
            form had two questions.
    """

    model: str
    cache: int
    recent: int
    begin: int
    end: int
    asked: int
    right: int
    chance: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One point of a curve of figures 3 and 5: perplexity over a stretch of the stream.

    Attributes:
        model: its name.
        policy: what a token saw.
        kind: the kind of the policy.
        begin: first token of the stretch.
        end: the token after its last.
        tokens: how many tokens in it were measured: all of them, but for `recompute`.
        perplexity: of those; None where it is no finite number.
    """

    model: str
    policy: str
    kind: str
    begin: int
    end: int
    tokens: int
    perplexity: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCost:
    """One point of figure 10.

    Attributes:
        model: its name.
        policy: what a token saw.
        kind: the kind of the policy.
        cache: cache budget, in tokens.
        steps: how many steps were timed.
        ms_per_token: median time of a step that reads one token.
        kv_bytes: keys and values in memory for that step.
    """

    model: str
    policy: str
    kind: str
    cache: int
    steps: int
    ms_per_token: float
    kv_bytes: int


Row = Perplexity | Recalled | Point | StepCost

Kind = TypeVar("Kind", Perplexity, Recalled, Point, StepCost)

ROWS: dict[str, type[Row]] = {
    **dict.fromkeys(("table 1", "table 2", "table 3", "table 6"), Perplexity),
    "table 7": Recalled,
    **dict.fromkeys(("figure 3", "figure 5"), Point),
    "figure 10": StepCost,
}
"""The type of the rows of each experiment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """A model of an experiment: its name, training length in tokens, parameters, dtype and kind of device."""

    name: str
    context: int
    parameters: int
    dtype: str
    device: str


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """The circumstances of an experiment.

    Attributes:
        text: what was read, in words.
        tokens: how many tokens of it, the start token included.
        models: who read it.
        threads: of torch.
        torch: its version.
        complete: whether everything was measured; otherwise the memory ended before.
    """

    text: str
    tokens: int
    models: tuple[ModelFacts, ...]
    threads: int
    torch: str
    complete: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What an experiment measured.

    Attributes:
        experiment: "table 1" or "figure 10".
        about: the circumstances.
        rows: one per cell or point, all of one type.
    """

    experiment: str
    about: About
    rows: tuple[Row, ...]

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """The rows of a type, which are all of them or none."""
        return tuple(row for row in self.rows if isinstance(row, kind))

    def as_json(self) -> str:
        """One JSON document, a row a line; `load` reads it."""
        lines = ",\n  ".join(json.dumps(asdict(row), allow_nan=False) for row in self.rows)
        about = json.dumps(asdict(self.about), allow_nan=False)
        return f'{{"experiment": {json.dumps(self.experiment)}, "about": {about}, "rows": [\n  {lines}\n]}}\n'


def as_csv(rows: Sequence[DataclassInstance]) -> str:
    """One row or more, all of one dataclass, with a header; an empty cell stands for None."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(rows[0])], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def load(text: str) -> Result:
    """Read what `Result.as_json` wrote.

    Raises:
        RecordingError: it is something else.
    """
    try:
        read = parsed(text)
        about = {**read["about"], "models": tuple(ModelFacts(**each) for each in read["about"]["models"])}
        kind = ROWS[read["experiment"]]
        rows = tuple(kind(**row) for row in read["rows"])
        return Result(experiment=read["experiment"], about=About(**about), rows=rows)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(
            "This is no result of an experiment, or one of another version: make it again with `python -m comparisons "
            "table 1 --json FILE`."
        ) from error
