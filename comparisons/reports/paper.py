"""The paper's own numbers, as it printed them. Nothing in this file was measured by this project.

Source: Xiao, Tian, Chen, Han, Lewis, "Efficient Streaming Language Models with Attention Sinks", ICLR 2024,
arXiv 2309.17453. Numbers are kept as text, with the digits that the paper prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["MARATHON", "SOURCE", "Column", "Published", "published"]

SOURCE = "Xiao et al., ICLR 2024, arXiv 2309.17453"

MARATHON = (
    "The paper’s own run (Figure 5) has curves alone: stable on 4 million tokens and more for Llama-2 7, 13 and 70B, "
    f"MPT 7 and 30B, Falcon 7 and 40B, Pythia 2.8, 6.9 and 12B ({SOURCE})."
)
"""What the paper says of its four million tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a table of the paper.

    Attributes:
        name: the model, and the cache where a table has several.
        values: a number for each row that it has, by the row's key.
    """

    name: str
    values: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """One table of the paper, or a part of it.

    Attributes:
        place: where it stands in the paper.
        what: what the numbers are, and on which text.
        rows: what the rows are told apart by.
        columns: the numbers; in tables 1 to 3, the keys of the rows are those of our own rows.
    """

    place: str
    what: str
    rows: str
    columns: tuple[Column, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all rows, in order."""
        return tuple(dict.fromkeys(key for column in self.columns for key in column.values))


def published(experiment: str) -> Published | None:
    """What the paper printed for an experiment ("table 1", "figure 10"); None where it printed curves alone."""
    return _PUBLISHED.get(experiment)


def _column(name: str, keys: str, numbers: str) -> Column:
    """Keys are separated by commas, numbers by spaces."""
    return Column(name=name, values=dict(zip(keys.split(","), numbers.split(), strict=True)))


_SINKS = "0,1,2,4,8"
_SINKS_3 = "0,1,2,4"
_DISTANCES = "460,920,1380,1840,2300,3450,4600,9200,13800,18400,23000"

_PUBLISHED: Mapping[str, Published] = {
    "table 1": Published(
        place="Table 1 and Figure 1",
        what="perplexity, 65K tokens of PG19",
        rows="policy",
        columns=(
            _column(
                "Llama-2-13B, cache 1024",
                "dense,window,recompute,sinks,line breaks",
                "5641 5158 5.43 5.40 5.60",
            ),
        ),
    ),
    "table 2": Published(
        place="Table 2",
        what="perplexity, 400K tokens of PG19",
        rows="sinks",
        columns=(
            _column("Falcon-7B, cache 2048", _SINKS, "17.90 12.12 12.12 12.12 12.12"),
            _column("MPT-7B, cache 2048", _SINKS, "460.29 14.99 15.00 14.99 14.98"),
            _column("Pythia-12B, cache 2048", _SINKS, "21.62 11.95 12.09 12.09 12.02"),
            _column("Llama-2-7B, cache 4096", _SINKS, "3359.95 11.88 10.51 9.59 9.54"),
        ),
    ),
    "table 3": Published(
        place="Table 3",
        what="perplexity of models of 160M parameters, the first sample of PG19, cache 1024",
        rows="sinks",
        columns=(
            _column("vanilla", _SINKS_3, "27.87 18.49 18.05 18.05"),
            _column("zero sink", _SINKS_3, "29214 19.90 18.27 18.01"),
            _column("learnable sink token", _SINKS_3, "1235 18.01 18.01 18.02"),
        ),
    ),
    "table 6": Published(
        place="Table 6",
        what="perplexity with 4 sinks, 400K tokens of PG19",
        rows="cache",
        columns=(
            _column("Falcon-7B", "256,512,1024,2048", "13.61 12.84 12.34 12.84"),
            _column("MPT-7B", "256,512,1024,2048", "14.12 14.25 14.33 14.99"),
            _column("Pythia-12B", "256,512,1024,2048", "13.17 12.52 12.08 12.09"),
            _column("Llama-2-7B", "512,1024,2048,4096", "9.73 9.32 9.08 9.59"),
        ),
    ),
    "table 7": Published(
        place="Table 7",
        what="accuracy in % on StreamEval, Llama-2-7B-32K-Instruct with 4 sinks",
        rows="distance, tokens",
        columns=(
            _column("cache 2048", _DISTANCES, "85.80 80.35 79.15 75.30 0.00 0.00 0.00 0.00 0.00 0.00 0.00"),
            _column("cache 4096", _DISTANCES, "84.60 83.80 82.80 77.15 61.60 68.20 0.00 0.00 0.00 0.00 0.00"),
            _column("cache 8192", _DISTANCES, "81.15 81.25 81.50 76.40 50.10 58.30 62.75 0.00 0.00 0.00 0.00"),
            _column("cache 16384", _DISTANCES, "77.65 77.50 78.50 73.80 40.50 38.45 46.90 45.70 28.50 0.00 0.00"),
        ),
    ),
    "figure 10": Published(
        place="Figure 10",
        what="ms per token, Llama-2-13B on one NVIDIA A6000",
        rows="cache",
        columns=(
            _column("recomputed window", "4096", "2355"),
            _column("StreamingLLM", "4096", "106"),
            _column("times faster", "4096", "22.2"),
        ),
    ),
}
