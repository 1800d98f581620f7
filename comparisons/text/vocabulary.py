"""The words of the prompt stream: lists and small bundles that can be combined freely and still make sense.

A slot of a sentence form takes any entry of one list, so each list holds only what fits every form that uses it. Where
words belong together (a trade and its workplace, a weather and how it clears) they are one bundle. The lists are data:
`assets/stories/words.json`.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from comparisons.paths import STORIES

__all__ = ["Setting", "Trade", "Vocabulary", "Weather", "vocabulary"]

Words = tuple[str, ...]


class Setting(NamedTuple):
    """A kind of village; `water` is what boats sail on there, or nothing."""

    town: str
    water: str


class Weather(NamedTuple):
    """A weather that fits its season, as a clause, and what became of it later in the day."""

    season: str
    clause: str
    later: str


class Trade(NamedTuple):
    """Somebody's work: the name, the place, what the hands are doing, and a tool of it."""

    name: str
    workplace: str
    doing: str
    tool: str


class Vocabulary(BaseModel):
    """All lists, and what is put together from them.

    Attributes:
        materials: kinds of a material, and things that are made of it.
        hidden: places where a thing can be put in any village, by the preposition that stands before them.
        name_starts: four groups with different first letters, so that the persons of a scene never sound alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    materials: tuple[tuple[Words, Words], ...]
    hidden: dict[str, Words]
    tens: Words
    ones: Words
    teens: Words
    hours: Words
    minutes: Words
    tune_owners: Words
    tune_things: Words
    colours: Words
    coloured: Words
    counted: Words
    passwords: Words
    password_doors: Words
    pets: Words
    pet_names: Words
    goods: Words
    dreams: Words
    breakfasts: Words
    flowers: Words
    past_trades: Words
    neighbours: Words
    beasts: Words
    dishes: Words
    moods: Words
    sounds: Words
    smells: Words
    landmarks: Words
    times: Words
    settings: tuple[Setting, ...]
    weathers: tuple[Weather, ...]
    trades: tuple[Trade, ...]
    name_starts: tuple[Words, ...]
    name_middles: Words
    name_ends: Words
    place_ends: Words

    @cached_property
    def objects(self) -> Words:
        """Things that fit under an arm: they can be hidden, lost, found and given away."""
        return tuple(f"{kind} {thing}" for kinds, things in self.materials for kind in kinds for thing in things)

    @cached_property
    def hiding_places(self) -> Words:
        """Each with its preposition."""
        return tuple(before + place for before, places in self.hidden.items() for place in places)

    @cached_property
    def numbers(self) -> Words:
        """In words, from eleven on."""
        return (*self.teens, *self.tens, *(f"{ten}-{one}" for ten in self.tens for one in self.ones))

    @cached_property
    def clock_times(self) -> Words:
        """Such as "at half past nine"."""
        return tuple(f"at {minutes} {hour}" for minutes in self.minutes for hour in self.hours)

    @cached_property
    def tunes(self) -> Words:
        """Names of songs."""
        return tuple(f"The {owner}'s {thing}" for owner in self.tune_owners for thing in self.tune_things)

    @cached_property
    def starts(self) -> Words:
        """Of a name, of all four groups."""
        return tuple(start for group in self.name_starts for start in group)

    @cached_property
    def half_group(self) -> int:
        """How many names of a group of persons fall to visitors' seeds, and as many to training seeds."""
        return len(self.name_starts[0]) * len(self.name_middles) * (len(self.name_ends) // 2)

    @cached_property
    def half_places(self) -> int:
        """How many names of places fall to each."""
        return len(self.starts) * len(self.name_middles) * len(self.place_ends) // 2


@cache
def vocabulary() -> Vocabulary:
    """Read once."""
    return Vocabulary.model_validate_json((STORIES / "words.json").read_bytes())
