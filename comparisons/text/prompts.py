"""The endless prompt stream: turns of a prompt and a reference reply, deterministic by seed.

The stream is a row of scenes of `TURNS_PER_SCENE` turns. Scene k of a seed is drawn from its own random
generator and needs no other scene, except that a question about an earlier scene draws that scene's facts
again; so any turn can be made without replaying the stream. Names come from a permutation of all names,
which is why no turn comes twice within `scenes_before_names_return()` scenes: every prompt holds a name that
only its scene uses. Visitors' seeds and training seeds draw on two halves of the names that share no name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from random import Random

from comparisons.text.scenes import Exchange, FactForm, Plot, forms
from comparisons.text.vocabulary import vocabulary
from streaming.errors import SettingsError

__all__ = [
    "TRAINING_SEEDS",
    "TURNS_PER_SCENE",
    "Tells",
    "Turn",
    "as_prompt",
    "is_training_seed",
    "scenes_before_names_return",
    "training_text",
    "turn",
    "turns",
]

TRAINING_SEEDS = range(1_000_000, 2_000_000)
"""Seeds whose text models may be trained on; all others are held out."""

# One letter per turn: O opening, S the next beat of the plot, I interlude, A B C K a fact is told, a b c the
# question about it, L a question from far away: about this scene's K or about an earlier scene's.
_LAYOUTS = (
    "OSKAaSBIbSCcSL",
    "OAaKSSBbISCScL",
    "OSKAIaSBbSCScL",
    "OSKABabSISCcSL",
    "OSKSAaIBSbCcLS",
    "OSAaKSIBbSCcLS",
    "OSAKaSBCbIcSLS",
    "OKASaSBIbSCcLS",
)
TURNS_PER_SCENE = len(_LAYOUTS[0])

# How many scenes back the far question of scene k goes, by k mod 4: the fact K of every scene is asked once.
_SCENES_BACK = (0, 2, 1, 1)

_PLACES_PER_SCENE = 3


def scenes_before_names_return() -> int:
    """In so many scenes of a seed no name comes twice."""
    words = vocabulary()
    return min(words.half_group, words.half_places // _PLACES_PER_SCENE)


def as_prompt(text: str) -> str:
    """A line in the form in which the stream has its prompts: what a model reads before it answers."""
    return f"User: {text}\nAssistant:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tells:
    """What a fact turn tells: the plain question for it, and the words that make an answer right."""

    question: str
    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One prompt with its reference reply.

    `kind` is "scene", "story", "fact" or "recall". A recall turn asks for the fact that was told in turn
    `asks`; `answer` holds the words that make its reply right. A fact turn says in `tells` what it tells. They are
    None for other turns.
    """

    index: int
    kind: str
    prompt: str
    reply: str
    asks: int | None = None
    answer: str | None = None
    tells: Tells | None = None

    @property
    def prompt_text(self) -> str:
        """The part that a model reads before it answers."""
        return as_prompt(self.prompt)

    @property
    def reply_text(self) -> str:
        """The part that a model should answer, with the blank line that ends the turn."""
        return f" {self.reply}\n\n"

    @property
    def text(self) -> str:
        """The whole turn as it stands in the stream."""
        return self.prompt_text + self.reply_text


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fact:
    """A fact of a scene, with its slots filled."""

    statement: str
    answer: str
    question: str
    indirect: str
    tell: tuple[str, ...]
    tails: tuple[str, ...]
    slots: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What is settled about a scene before its turns are written."""

    layout: str
    slots: Mapping[str, str]
    plot: Plot
    facts: Mapping[str, _Fact]


def is_training_seed(seed: int) -> bool:
    """Tell whether models may be trained on this seed's text."""
    return _checked("seed", seed) in TRAINING_SEEDS


def turn(seed: int, index: int) -> Turn:
    """Return one turn of a seed's stream, without making the turns before it.

    Raises:
        SettingsError: the seed or the index is not a whole number of 0 or more.
    """
    scene, place = divmod(_checked("index", index), TURNS_PER_SCENE)
    return _scene(_checked("seed", seed), scene)[place]


def turns(seed: int, start: int = 0) -> Iterator[Turn]:
    """Return the endless turns of a seed, from turn `start` on.

    Raises:
        SettingsError: the seed or the start is not a whole number of 0 or more.
    """
    _checked("seed", seed)
    return (turn(seed, index) for index in count(_checked("start", start)))


def training_text(seed: int) -> Iterator[str]:
    """Return the endless turn texts of a training seed.

    Raises:
        SettingsError: the seed is held out for visitors.
    """
    if not is_training_seed(seed):
        raise SettingsError(
            f"Seed {seed} is held out for visitors; train on a seed from "
            f"{TRAINING_SEEDS.start} to {TRAINING_SEEDS.stop - 1}."
        )
    return (each.text for each in turns(seed))


def _checked(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SettingsError(f"The {name} must be a whole number of 0 or more, not {value!r}.")
    return value


@lru_cache(maxsize=8)
def _scene(seed: int, number: int) -> tuple[Turn, ...]:
    """Write all turns of a scene."""
    plan = _plan(seed, number)
    rng = Random(f"{seed}:{number}:turns")
    first = number * TURNS_PER_SCENE
    story = _story(plan, rng, far_question=number != 1)
    written = []
    for index, letter in enumerate(plan.layout, start=first):
        if letter in "ABCK":
            written.append(_telling(index, plan.facts[letter], rng))
        elif letter in "abc":
            asks = first + plan.layout.index(letter.upper())
            written.append(_recall(index, plan.facts[letter.upper()], asks, forms().recalls_near, rng))
        elif letter == "L" and number != 1:
            written.append(_far_recall(seed, number, index, rng))
        else:
            prompt, reply = next(story)
            written.append(Turn(index=index, kind="scene" if letter == "O" else "story", prompt=prompt, reply=reply))
    return tuple(written)


@lru_cache(maxsize=8)
def _plan(seed: int, number: int) -> _Plan:
    """Settle a scene's cast, plot and facts: all that a later question about it needs."""
    rng, words = Random(f"{seed}:{number}:plan"), vocabulary()
    layout = rng.choice(_LAYOUTS)
    slots = _names(seed, number) | _surroundings(rng)
    setting = rng.choice(words.settings)
    slots |= setting._asdict()
    slots |= {f"a_{name}": _with_article(slots[name]) for name in ("trade", "friend_trade", "town", "tool")}
    plot = rng.choice([plot for plot in forms().plots if setting.water or not plot.water])
    slots |= rng.choice(plot.bundles)
    objects = rng.sample(words.objects, 5)
    places = rng.sample(words.hiding_places, 5)
    slots |= {"thing": objects.pop(), "hidden": places.pop()}
    told = _fact_forms(rng)
    about = rng.sample("AABB", 4)
    facts = {
        letter: _fact(form, slots, person, objects.pop(), places.pop(), rng)
        for letter, form, person in zip("ABCK", told, about, strict=True)
    }
    return _Plan(layout=layout, slots=_with_capitals(slots), plot=plot, facts=facts)


def _fact_forms(rng: Random) -> list[FactForm]:
    """Draw four forms: several may tell where a thing is, of other facts each kind of answer comes once."""
    facts = forms().facts
    placed = [form for form in facts if form.answer == "{place}"]
    shuffled = rng.sample(facts, len(facts))
    others = list({_kind(form): form for form in shuffled if form not in placed}.values())
    rng.shuffle(others)
    return [rng.choice(placed) if rng.random() < 0.4 else others.pop() for _ in range(4)]


def _kind(form: FactForm) -> str:
    """The vocabulary that tells this form's answers apart."""
    return form.answer.rpartition("{")[2]


def _names(seed: int, number: int) -> dict[str, str]:
    """The invented names of a scene: persons A to D, places P, Q and R, all its own for long."""
    persons = {letter: _person(seed, number, (which + number) % 4) for which, letter in enumerate("ABCD")}
    places = {letter: _place(seed, number * _PLACES_PER_SCENE + which) for which, letter in enumerate("PQR")}
    return persons | places


def _person(seed: int, number: int, group: int) -> str:
    """The person of scene `number` whose name begins like the others of `group`."""
    words = vocabulary()
    multiplier, offset = _permutation(seed, group, words.half_group)
    index = (number * multiplier + offset) % words.half_group
    return _name(words.name_starts[group], words.name_ends, index, is_training_seed(seed))


def _place(seed: int, number: int) -> str:
    words = vocabulary()
    multiplier, offset = _permutation(seed, 4, words.half_places)
    index = (number * multiplier + offset) % words.half_places
    return _name(words.starts, words.place_ends, index, is_training_seed(seed))


@lru_cache(maxsize=64)
def _permutation(seed: int, which: int, size: int) -> tuple[int, int]:
    """A multiplier coprime to `size` and an offset: k -> k * multiplier + offset mod size is one to one."""
    rng = Random(f"{seed}:{which}:names")
    multiplier = rng.randrange(size // 5, size // 2)
    while math.gcd(multiplier, size) != 1:
        multiplier += 1
    return multiplier, rng.randrange(size)


def _name(starts: tuple[str, ...], ends: tuple[str, ...], index: int, training: bool) -> str:
    """The name number `index` of training or held-out seeds, told apart by the parity of the three parts."""
    middles = vocabulary().name_middles
    index, start = divmod(index, len(starts))
    end, middle = divmod(index, len(middles))
    parity = (start + middle + training) % 2
    syllable = middles[middle]
    # No name stammers: Vevelin becomes Vestilin, and "sti" stands in no list.
    syllable = "sti" if syllable == starts[start].lower() else syllable
    return starts[start] + syllable + ends[2 * end + parity]


def _surroundings(rng: Random) -> dict[str, str]:
    """Work, weather, time, places and small things of a scene."""
    words = vocabulary()
    trade, weather = rng.choice(words.trades), rng.choice(words.weathers)
    landmarks = [landmark for landmark in words.landmarks if landmark != trade.workplace]
    spot, spot2 = rng.sample(landmarks, 2)
    neighbours = [neighbour for neighbour in words.neighbours if neighbour != trade.name]
    drawn = {
        "time": rng.choice(words.times),
        "beast": rng.choice(words.beasts),
        "dish": rng.choice(words.dishes),
        "mood": rng.choice(words.moods),
        "sound": rng.choice(words.sounds),
        "smell": rng.choice(words.smells),
    }
    drawn["friend_trade"], drawn["neighbour"] = rng.sample(neighbours, 2)
    work = {"trade": trade.name, "workplace": trade.workplace, "doing": trade.doing, "tool": trade.tool}
    pronouns = _pronouns("", rng) | _pronouns("b", rng) | _pronouns("c", rng)
    return {"spot": spot, "spot2": spot2} | drawn | work | pronouns | weather._asdict()


def _pronouns(prefix: str, rng: Random) -> dict[str, str]:
    he, his, him = rng.choice((("he", "his", "him"), ("she", "her", "her")))
    return {f"{prefix}he": he, f"{prefix}his": his, f"{prefix}him": him}


def _fact(form: FactForm, slots: Mapping[str, str], person: str, obj: str, place: str, rng: Random) -> _Fact:
    """Fill a fact form: `person` is A or B."""
    prefix, words = "" if person == "A" else "b", vocabulary()
    drawn = {
        "X": slots[person],
        "Y": slots["B" if person == "A" else "A"],
        "obj": obj,
        "place": place,
        "colour": rng.choice(words.colours),
        "coloured": rng.choice(words.coloured),
        "number": rng.choice(words.numbers),
        "counted": rng.choice(words.counted),
        "clock": rng.choice(words.clock_times),
        "password": rng.choice(words.passwords),
        "door": rng.choice(words.password_doors),
        "pet": rng.choice(words.pets),
        "pet_name": rng.choice(words.pet_names),
        "goods": rng.choice(words.goods),
        "dream": rng.choice(words.dreams),
        "breakfast": rng.choice(words.breakfasts),
        "tune": rng.choice(words.tunes),
        "flower": rng.choice(words.flowers),
        "ancestor": _with_article(rng.choice(words.past_trades)),
    } | {f"x{case}": slots[f"{prefix}{case}"] for case in ("he", "his", "him")}
    filled = _with_capitals({**slots, **drawn})
    return _Fact(
        statement=form.statement.format_map(filled),
        answer=form.answer.format_map(filled),
        question=form.question.format_map(filled),
        indirect=form.indirect.format_map(filled),
        tell=form.tell,
        tails=form.tails,
        slots=filled,
    )


def _with_capitals(slots: Mapping[str, str]) -> dict[str, str]:
    """Add a capitalised twin of every slot: {he} and {He}, {machine} and {Machine}."""
    return {**{_capital(name): _capital(value) for name, value in slots.items()}, **slots}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _story(plan: _Plan, rng: Random, *, far_question: bool) -> Iterator[tuple[str, str]]:
    """Yield the prompts and replies of the turns that tell no fact, in the order of the layout."""
    letters = [letter for letter in plan.layout if letter in ("OSI" if far_question else "OSIL")]
    interludes = rng.sample(forms().interludes, len(letters))
    beat = 0
    for letter in letters:
        if letter == "O":
            yield _exchange(forms().opening, plan.slots, rng)
        elif letter == "S":
            yield _beat(plan, beat, rng)
            beat += 1
        else:
            yield _exchange(interludes.pop(), plan.slots, rng)


def _beat(plan: _Plan, beat: int, rng: Random) -> tuple[str, str]:
    """One step of the plot: now and then the prompt only asks how the story goes on."""
    general = ((), forms().next_prompts, forms().next_prompts, forms().end_prompts)[beat]
    prompt, reply = _exchange(plan.plot.beats[beat], plan.slots, rng)
    if general and rng.random() < 0.4:
        prompt = rng.choice(general).format_map(plan.slots)
    return prompt, reply


def _exchange(exchange: Exchange, slots: Mapping[str, str], rng: Random) -> tuple[str, str]:
    prompt, reply = rng.choice(exchange.prompts), rng.choice(exchange.replies)
    return prompt.format_map(slots), reply.format_map(slots)


def _telling(index: int, fact: _Fact, rng: Random) -> Turn:
    """Tell a fact: mostly in the reply, now and then in the prompt."""
    if rng.random() < 0.2:
        prompt, reply = _exchange(forms().told_by_user, {**fact.slots, "fact": fact.statement}, rng)
    else:
        prompt, tail = rng.choice(fact.tell).format_map(fact.slots), rng.choice(fact.tails)
        reply = f"{fact.statement} {tail}".format_map(fact.slots).strip()
    tells = Tells(question=fact.question, answer=fact.answer)
    return Turn(index=index, kind="fact", prompt=prompt, reply=reply, tells=tells)


def _recall(index: int, fact: _Fact, asks: int, prompts: tuple[str, ...], rng: Random) -> Turn:
    """Ask for a fact; the reply states it in the words in which it was told."""
    question = {"question": fact.question, "question_low": fact.question[0].lower() + fact.question[1:]}
    prompt = rng.choice(prompts).format_map({**fact.slots, **question, "indirect": fact.indirect})
    return Turn(index=index, kind="recall", prompt=prompt, reply=fact.statement, asks=asks, answer=fact.answer)


def _far_recall(seed: int, number: int, index: int, rng: Random) -> Turn:
    """Ask for the fact K of this scene or of an earlier one."""
    source = number - _SCENES_BACK[number % 4]
    plan = _plan(seed, source)
    asks = source * TURNS_PER_SCENE + plan.layout.index("K")
    prompts = forms().recalls_far if source == number else forms().recalls_elsewhere
    return _recall(index, plan.facts["K"], asks, prompts, rng)
