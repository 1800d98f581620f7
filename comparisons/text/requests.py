"""Everyday requests without end, deterministic by seed: the prompts of a dialogue.

A round has `TURNS_PER_ROUND` turns, of kinds in a fixed order. Within a kind every form comes once before any comes
again. Turn k of a seed needs no turn before it: a question about something that was told draws that turn again.
In every round one fact is told and asked for three turns later, and one that is asked for in the next round, when it
may have left a cache. The forms and the words in their slots are data: `assets/dialogue/requests.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from random import Random
from string import Formatter
from typing import Any

from comparisons.documents import parsed
from comparisons.paths import ASSETS
from streaming.errors import SettingsError

__all__ = ["TURNS_PER_ROUND", "Request", "request", "requests"]

_LAYOUT = (
    "explain", "follow-up", "list", "tell near", "question", "rewrite", "ask near", "story", "follow-up", "small talk",
    "tell far", "practical", "explain", "list", "follow-up", "small talk", "question", "ask far", "story", "practical",
)  # fmt: skip
TURNS_PER_ROUND = len(_LAYOUT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One prompt of a dialogue.

    Attributes:
        index: the turn, from 0.
        kind: "explain", "list", "rewrite", "story", "small talk", "follow-up", "question", "practical", "tell", "ask".
        text: what is said to the model, without any template.
        asks: the turn in which the fact was told that this one asks for; None for every other kind.
        answer: the words that make the answer to that question right; None for every other kind.
    """

    index: int
    kind: str
    text: str
    asks: int | None = None
    answer: str | None = None


def request(seed: int, index: int) -> Request:
    """One turn of a seed's dialogue, without making the turns before it.

    Raises:
        SettingsError: the seed or the index is not a whole number of 0 or more.
    """
    number, place = divmod(_checked("index", index), TURNS_PER_ROUND)
    kind = _LAYOUT[place]
    if kind == "ask far" and number == 0:
        kind = "question"  # nothing was told in a round before the first
    _checked("seed", seed)
    if kind.startswith("tell"):
        return Request(index=index, kind="tell", text=_fact(seed, index).tell)
    if kind.startswith("ask"):
        told = (number - (kind == "ask far")) * TURNS_PER_ROUND + _LAYOUT.index(f"tell {kind[4:]}")
        fact = _fact(seed, told)
        return Request(index=index, kind="ask", text=fact.ask, asks=told, answer=fact.answer)
    forms = _data()["kinds"][kind]
    form = forms[_drawn(seed, kind, _uses_before(kind, number, place), len(forms))]
    return Request(index=index, kind=kind, text=_filled(form, Random(f"{seed}:{index}")))


def requests(seed: int, start: int = 0) -> Iterator[Request]:
    """The endless turns of a seed, from turn `start` on."""
    _checked("seed", seed)
    return (request(seed, index) for index in count(_checked("start", start)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fact:
    tell: str
    ask: str
    answer: str


def _fact(seed: int, told: int) -> _Fact:
    """The fact that is told in turn `told`."""
    number, place = divmod(told, TURNS_PER_ROUND)
    facts = _data()["facts"]
    use = 2 * number + (_LAYOUT[place] == "tell far")
    form = facts[_order(seed, "facts", 0, len(facts))[use % len(facts)]]  # one order, so that none comes again soon
    words = _slots(" ".join(form.values()), Random(f"{seed}:{told}"))
    filled = {name: text.format_map(words) for name, text in form.items()}
    bare = filled["answer"].removeprefix("a ").removeprefix("an ").removeprefix("the ")
    return _Fact(tell=filled["tell"], ask=filled["ask"], answer=bare)


def _uses_before(kind: str, number: int, place: int) -> int:
    """How often a kind came before this place of round `number`; the first round's stand-in question is not counted."""
    return number * _LAYOUT.count(kind) + _LAYOUT[:place].count(kind)


def _drawn(seed: int, kind: str, use: int, size: int) -> int:
    """The form of a kind's use: every form once, in an order of its own, before any comes again."""
    cycle, place = divmod(use, size)
    return _order(seed, kind, cycle, size)[place]


@lru_cache(maxsize=64)
def _order(seed: int, kind: str, cycle: int, size: int) -> tuple[int, ...]:
    return tuple(Random(f"{seed}:{kind}:{cycle}").sample(range(size), size))


def _filled(form: str, rng: Random) -> str:
    return form.format_map(_slots(form, rng))


def _slots(form: str, rng: Random) -> Mapping[str, str]:
    """Words for the slots of a form; {animal2} is another one than {animal}."""
    names = dict.fromkeys(name for _, name, _, _ in Formatter().parse(form) if name)
    by_list: dict[str, list[str]] = {}
    for name in names:
        by_list.setdefault(name.rstrip("23"), []).append(name)
    drawn: dict[str, str] = {}
    for words, slots in by_list.items():
        drawn |= dict(zip(slots, rng.sample(_data()["slots"][words], len(slots)), strict=True))
    return drawn


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    data: dict[str, Any] = parsed((ASSETS / "dialogue" / "requests.json").read_text("utf-8"))
    return data


def _checked(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SettingsError(f"The {name} must be a whole number of 0 or more, not {value!r}.")
    return value
