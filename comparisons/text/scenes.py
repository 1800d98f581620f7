"""The sentence forms of the prompt stream: openings, plots, interludes, facts and the questions about them.

A form is plain English with slots in braces. Slots that every form may use:

- {A}, {B}, {C}: the hero, the friend and a third person of the scene; {he} {his} {him} are A's pronouns,
  {bhe} {bhis} {bhim} are B's, {che} {chis} {chim} are C's; a capital letter ({He}) makes a capital letter,
  and {a_trade} is the trade with its article;
- {P}, {Q}: the scene's place and a village nearby; {town}: what kind of place P is;
- {trade}, {workplace}, {doing}, {tool}: A's work; {spot}, {spot2}: landmarks; {thing}, {hidden}: an object of
  the plot and where it turns up; {beast}, {dish}, {friend_trade} and whatever the plot's bundle holds.

Every prompt names somebody or some place of its scene: that is what makes each turn unique. The forms are data:
`assets/stories/forms.json`.
"""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict

from comparisons.paths import STORIES

__all__ = ["Exchange", "FactForm", "Forms", "Plot", "forms"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Exchange(_Data):
    """Prompts and replies of one moment: any prompt goes with any reply."""

    prompts: tuple[str, ...]
    replies: tuple[str, ...]


class Plot(_Data):
    """A story in four beats; `bundles` holds the words that belong together, `water` asks for boats."""

    name: str
    beats: tuple[Exchange, Exchange, Exchange, Exchange]
    bundles: tuple[dict[str, str], ...] = ({},)
    water: bool = False


class FactForm(_Data):
    """A fact that can be told and asked for; `statement` contains `answer`.

    Extra slots: {X} whom the fact is about, {Y} the other of A and B, {xhe} {xhis} X's pronouns,
    {D} a name heard nowhere else, and the vocabularies that `prompts.py` draws.
    """

    name: str
    statement: str
    answer: str
    question: str
    indirect: str
    tell: tuple[str, ...]
    tails: tuple[str, ...]


class Forms(_Data):
    """All forms of the stream; the recalls ask for a fact of this scene, of its beginning, or of an earlier scene."""

    opening: Exchange
    next_prompts: tuple[str, ...]
    end_prompts: tuple[str, ...]
    plots: tuple[Plot, ...]
    interludes: tuple[Exchange, ...]
    facts: tuple[FactForm, ...]
    told_by_user: Exchange
    recalls_near: tuple[str, ...]
    recalls_far: tuple[str, ...]
    recalls_elsewhere: tuple[str, ...]

    def sentences(self) -> tuple[str, ...]:
        """Every distinct sentence form, prompts and replies together."""
        exchanges = [
            self.opening, self.told_by_user, *self.interludes, *(beat for plot in self.plots for beat in plot.beats),
        ]  # fmt: skip
        found = [form for exchange in exchanges for form in (*exchange.prompts, *exchange.replies)]
        found += [form for fact in self.facts for form in (fact.statement, fact.question, *fact.tell, *fact.tails)]
        found += [*self.next_prompts, *self.end_prompts]
        found += [*self.recalls_near, *self.recalls_far, *self.recalls_elsewhere]
        return tuple(dict.fromkeys(filter(None, found)))


@cache
def forms() -> Forms:
    """Read once."""
    return Forms.model_validate_json((STORIES / "forms.json").read_bytes())
