"""The sentence forms of the prompt stream: openings, plots, interludes, facts and the questions about them.

A form is plain English with slots in braces. Slots that every form may use:

- {A}, {B}, {C}: the hero, the friend and a third person of the scene; {he} {his} {him} are A's pronouns,
  {bhe} {bhis} {bhim} are B's, {che} {chis} {chim} are C's; a capital letter ({He}) makes a capital letter,
  and {a_trade} is the trade with its article;
- {P}, {Q}: the scene's place and a village nearby; {town}: what kind of place P is;
- {trade}, {workplace}, {doing}, {tool}: A's work; {spot}, {spot2}: landmarks; {thing}, {hidden}: an object of
  the plot and where it turns up; {beast}, {dish}, {friend_trade} and whatever the plot's bundle holds.

Every prompt names somebody or some place of its scene: that is what makes each turn unique.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comparisons.text import vocabulary as words


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """Prompts and replies of one moment: any prompt goes with any reply."""

    prompts: tuple[str, ...]
    replies: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """A story in four beats; `bundles` holds the words that belong together, `water` asks for boats."""

    name: str
    beats: tuple[Exchange, Exchange, Exchange, Exchange]
    bundles: tuple[Mapping[str, str], ...] = ({},)
    water: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FactForm:
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


OPENING = Exchange(
    prompts=(
        "Let us begin a new story in {P}. Who was there?",
        "Take me to the {town} of {P}. What did you see?",
        "Now let us go to {P}. What was happening there?",
        "A new chapter, please, about {A} and {B}.",
        "Let us leave for {P}. How did the day begin?",
        "Tell me a story about {A} the {trade}.",
        "What happened one {season} in {P}?",
        "Change the scene: who lived in {P}?",
        "What were {A} and {B} doing one {season}?",
    ),
    replies=(
        "{Clause} in the {town} of {P}. {A} the {trade} was {doing} when {B} came by.",
        "One {season} day, {time}, {clause} in {P}. {A} the {trade} was {doing}, and {B} was helping.",
        "In the {town} of {P}, {time}, {clause}. {B} found {A} the {trade} {doing}.",
        "It was {season} in {P}, and {clause}. {A} the {trade} had just met {B} near {spot}.",
        "{Time}, {clause} in {P}. {B} knocked at {workplace}, where {A} the {trade} was {doing}.",
        "{A} was {a_trade} in the {town} of {P}. {Time}, while {clause}, {B} came to visit.",
        "{Clause} in {P} that {season} day. At {workplace}, {A} the {trade} was {doing} and talking to {B}.",
        "{B} came to the {town} of {P} {time}. {Clause}, and {A} the {trade} was waiting near {spot}.",
    ),
)

NEXT_PROMPTS = (
    "What did {A} do next?",
    "What happened next in {P}?",
    "And then what happened to {A} and {B}?",
    "Please go on with the story of {A}.",
    "How did the day go on for {A} and {B}?",
    "What came next for {A}?",
)
END_PROMPTS = (
    "How did it all end for {A}?",
    "How did the story end in {P}?",
    "What happened to {A} and {B} in the end?",
    "Did everything turn out well for {B}?",
)

PLOTS: tuple[Plot, ...] = (
    Plot(
        name="lost thing",
        beats=(
            Exchange(
                prompts=(
                    "What was troubling {B} that day?",
                    "Why did {B} look so worried?",
                    "What did {B} tell {A}?",
                ),
                replies=(
                    "{B} had lost {bhis} {thing}, and {A} promised to help {bhim} look for it.",
                    "With a sigh, {B} said that {bhis} {thing} was gone. {A} put on a coat at once.",
                    "Somewhere between {spot} and {spot2}, {B} had dropped {bhis} {thing}.",
                ),
            ),
            Exchange(
                prompts=("Where did {A} and {B} look first?", "How did {A} begin the search?"),
                replies=(
                    "{A} and {B} searched all around {spot}, but they found only a button.",
                    "They asked everybody near {spot2} about the {thing}, and nobody had seen it.",
                    "{A} looked on the left side of the street and {B} on the right, all the way to {spot}.",
                ),
            ),
            Exchange(
                prompts=("What made the search hard for {A}?", "Did {A} want to give up?"),
                replies=(
                    "There was no trace of the {thing}, and {B} began to lose heart. {A} poured some tea.",
                    "{B} wanted to go home, but {A} had one more idea.",
                    "After two hours their feet hurt, and still {A} would not give up.",
                ),
            ),
            Exchange(
                prompts=("Did {B} ever get the {thing} back?", "Was the {thing} of {B} found at last?"),
                replies=(
                    "{A} found the {thing} {hidden}, and {B} laughed with joy.",
                    "At last the {thing} turned up {hidden}. {B} hugged {A} and bought two hot pies.",
                    "A small child had seen it {hidden}, and so {B} went home with the {thing}.",
                ),
            ),
        ),
    ),
    Plot(
        name="lost animal",
        beats=(
            Exchange(
                prompts=(
                    "Why was {B} calling across the fields?",
                    "What had {B} lost?",
                    "Why did {B} run to {A}?",
                ),
                replies=(
                    "The {beast} of {B} had slipped out in the night. {A} offered to help.",
                    "{B} had found an open gate and no {beast}. {A} came along with a rope.",
                    "The {beast} was gone, {B} said, and {A} pulled on {his} boots.",
                ),
            ),
            Exchange(
                prompts=("Which way did {A} and {B} go?", "Did {A} find any tracks?"),
                replies=(
                    "There were fresh tracks near {spot}, and {A} followed them towards {spot2}.",
                    "{A} noticed a tuft of hair near {spot}, so they turned that way.",
                    "They followed small muddy prints past {spot} and into the hills.",
                ),
            ),
            Exchange(
                prompts=("What stood in the way of {A}?", "What went wrong for {A} on the way?"),
                replies=(
                    "On the way {hurdle}, but {A} {way}.",
                    "Beyond {spot2} {hurdle}. After some thought, {A} {way}.",
                ),
            ),
            Exchange(
                prompts=("Did {A} find the {beast}?", "Where was the {beast} of {B} in the end?"),
                replies=(
                    "The {beast} was asleep in a warm barn near {Q}. {B} led it home with a song.",
                    "They found the {beast} eating pears in an orchard at {Q}, not sorry at all.",
                    "A farmer from {Q} had fed the {beast}, and {B} thanked him with a cake.",
                ),
            ),
        ),
        bundles=words.HURDLES,
    ),
    Plot(
        name="broken machine",
        beats=(
            Exchange(
                prompts=(
                    "What was wrong in {P}?",
                    "Why did people come to {A} for help?",
                    "What did {B} tell {A}?",
                ),
                replies=(
                    "{Machine} {symptom}, and nobody in {P} knew why.",
                    "{B} told {A} that {machine} {symptom}. People were standing around it in a ring.",
                    "The news was that {machine} {symptom}, and {B} asked {A} for help.",
                ),
            ),
            Exchange(
                prompts=("What did {A} take along?", "How did {A} and {B} set to work?"),
                replies=(
                    "{A} fetched a lantern and {his} {tool}, and {B} carried the ladder.",
                    "{A} borrowed a ladder from a neighbour, and {B} held it steady.",
                    "First {A} walked round it twice. Then {he} asked {B} for a light.",
                ),
            ),
            Exchange(
                prompts=("What did {A} discover?", "What was the cause, according to {A}?"),
                replies=(
                    "{A} looked closely and found {cause}.",
                    "It was {B} who saw it first: there was {cause}.",
                    "After an hour of searching, {A} laughed out loud. There was {cause}.",
                ),
            ),
            Exchange(
                prompts=("Was {A} able to mend {machine}?", "How did {A} and {B} solve the problem?"),
                replies=(
                    "{A} {cure}, and soon {proof}. Everybody clapped.",
                    "Together they {cure}. A moment later {proof}.",
                    "{B} {cure} while {A} held the lantern, and then {proof}.",
                ),
            ),
        ),
        bundles=words.MACHINES,
    ),
    Plot(
        name="errand",
        beats=(
            Exchange(
                prompts=(
                    "Where was {A} asked to go?",
                    "What errand did {B} have for {A}?",
                    "Why did {A} pack a bag?",
                ),
                replies=(
                    "{B} asked {A} to carry the {thing} to {C}, who lived in {Q}.",
                    "The {thing} had to be in {Q} by nightfall, so {A} and {B} set out together.",
                    "{C} of {Q} was waiting for the {thing}, and {B} did not want to travel alone.",
                ),
            ),
            Exchange(
                prompts=("How did the journey of {A} begin?", "What did {A} see on the road?"),
                replies=(
                    "{A} and {B} left {P} by the old road, sharing a bag of apples.",
                    "They passed {spot} and walked up the hill, and {B} told riddles.",
                    "A carter took them as far as the crossroads, and from there {A} and {B} walked.",
                ),
            ),
            Exchange(
                prompts=("What trouble did {A} meet on the way?", "Was the road to {Q} easy for {A}?"),
                replies=(
                    "Halfway to {Q} {hurdle}. In the end they {way}.",
                    "Beyond the last houses {hurdle}, and {B} groaned. But {A} {way}, and {B} followed.",
                    "Near {Q} {hurdle}, so {A} and {B} {way}.",
                ),
            ),
            Exchange(
                prompts=("Did {A} reach {Q} in time?", "How did {C} welcome {A} and {B}?"),
                replies=(
                    "They reached {Q} just before dark. {C} took the {thing} and served {dish}.",
                    "{C} was standing at the gate of {Q}, and {che} was glad to have the {thing} at last.",
                    "{C} thanked {A} and {B} warmly, and they stayed in {Q} for the night.",
                ),
            ),
        ),
        bundles=words.HURDLES,
    ),
    Plot(
        name="feast",
        beats=(
            Exchange(
                prompts=(
                    "What was {P} getting ready for?",
                    "Why was {B} in such a hurry?",
                    "What was {A} planning?",
                ),
                replies=(
                    "That evening was {feast}, and {A} and {B} had promised to prepare it.",
                    "All of {P} was talking about {feast}, and {B} had a list as long as an arm.",
                    "{A} was in charge of {feast} that year, and {B} had offered to help.",
                ),
            ),
            Exchange(
                prompts=("What did {A} notice then?", "What was missing, according to {B}?"),
                replies=(
                    "{A} looked everywhere twice, and there was no sign of {lack}.",
                    "{B} came running with bad news: they had forgotten about {lack}.",
                    "There was plenty of everything in {P}, except {lack}.",
                ),
            ),
            Exchange(
                prompts=("Where did {A} look for {lack}?", "How did {B} help {A} find {lack}?"),
                replies=(
                    "{A} tried {spot} and {spot2}. At last {B} thought of {source}.",
                    "An old woman near {spot} told {A} about {source}.",
                    "{B} remembered {source}, and they hurried there at once.",
                ),
            ),
            Exchange(
                prompts=("Was the evening a success for {A} and {B}?", "How was {feast} in {P}?"),
                replies=(
                    "It was a splendid evening, and {result}. {A} and {B} were the last to leave.",
                    "Thanks to {A} and {B} nobody had to do without {lack}, and {result}.",
                    "Everybody got a helping of {dish}, and {result}. {B} fell asleep on a bench.",
                ),
            ),
        ),
        bundles=words.FEASTS,
    ),
    Plot(
        name="stranger",
        beats=(
            Exchange(
                prompts=(
                    "Who came to {P} that day?",
                    "Whom did {A} and {B} meet?",
                    "What surprised {A} that day?",
                ),
                replies=(
                    "A stranger named {C} came over the hill with an empty birdcage.",
                    "{A} and {B} saw a traveller resting near {spot}, whose name was {C}.",
                    "Somebody knocked, and there stood {C}, a traveller with dusty shoes and a large trunk.",
                ),
            ),
            Exchange(
                prompts=("What did {A} offer {C}?", "How did {A} and {B} treat {C}?"),
                replies=(
                    "{A} gave {C} a helping of {dish} and a chair by the fire.",
                    "{B} carried the luggage to {workplace}, and {A} warmed up some {dish}.",
                    "They asked {C} no questions. {A} simply set a third plate on the table.",
                ),
            ),
            Exchange(
                prompts=("What was the secret of {C}?", "Why had {C} come so far?"),
                replies=(
                    "{C} was looking for the house in {P} where {chis} mother was born.",
                    "{C} had lost everything in a fire and was hoping to begin again in {P}.",
                    "{C} wanted to hear the bells of {P} once more, after forty years at sea.",
                ),
            ),
            Exchange(
                prompts=("Did {C} stay in {P}?", "What became of {C}?"),
                replies=(
                    "{C} stayed in {P} and rented the room next to {workplace}. {A} was delighted.",
                    "{C} stayed for a week and then for good, and {B} painted the sign on {chis} door.",
                    "{C} bought the little house near {spot2}, and {A} and {B} helped to clean it.",
                ),
            ),
        ),
    ),
    Plot(
        name="lantern",
        water=True,
        beats=(
            Exchange(
                prompts=("Why were {A} and {B} watching the {water}?", "Why did {A} look worried?"),
                replies=(
                    "{C} had rowed out on the {water} and had not come back. {A} and {B} were uneasy.",
                    "The little boat of {C} was still out on the {water}, and the wind was rising.",
                    "{B} had seen {C} row away hours before, and {A} could see no boat on the {water}.",
                ),
            ),
            Exchange(
                prompts=("What did {A} decide to do?", "How did {A} and {B} try to help {C}?"),
                replies=(
                    "{A} wanted to light the big lantern on the jetty, and {B} ran for oil.",
                    "{A} and {B} carried the signal lamp up to the top of the tower.",
                    "They piled up driftwood on the shore, and {A} looked for matches.",
                ),
            ),
            Exchange(
                prompts=("What went wrong for {A} on the shore?", "Was it easy for {A} to make a light?"),
                replies=(
                    "The wind blew out every flame until {B} held up {bhis} coat as a screen.",
                    "The matches were damp, so {A} fetched glowing coals from {workplace}.",
                    "The wick was too short, and {A} tied on a strip of {his} own shirt.",
                ),
            ),
            Exchange(
                prompts=("Did {C} come home safely?", "Did {C} see the light?"),
                replies=(
                    "{C} saw the light and steered straight towards it. {A} caught the rope.",
                    "Soon the boat came gliding in, and {C} handed {B} a bucket of fish with a grin.",
                    "An hour later {C} stepped ashore, wet and happy, and {A} gave {chim} some warm {dish}.",
                ),
            ),
        ),
    ),
    Plot(
        name="contest",
        beats=(
            Exchange(
                prompts=(
                    "What did {A} want to win?",
                    "What were {A} and {B} dreaming of?",
                    "What was {B} excited about?",
                ),
                replies=(
                    "{A} and {B} wanted to win {contest} in {P}.",
                    "The posters for {contest} were up, and {B} talked {A} into taking part.",
                    "It was the day of {contest}, and {A} had hardly slept.",
                ),
            ),
            Exchange(
                prompts=("What did {A} bring to {contest}?", "How did {A} and {B} prepare?"),
                replies=(
                    "They had worked for weeks on {entry}, and {B} was very proud of it.",
                    "{A} had prepared {entry}. The neighbours talked of nothing else.",
                    "Behind {workplace}, {A} and {B} had secretly got ready {entry}.",
                ),
            ),
            Exchange(
                prompts=("What mishap did {A} suffer?", "Did all go smoothly for {A} and {B}?"),
                replies=(
                    "Just before the start {hitch}. Quickly, {A} {remedy}.",
                    "Then {hitch}, and the crowd gasped. But {B} {remedy}.",
                    "At the last moment {hitch}. {A} took a deep breath and {remedy}.",
                ),
            ),
            Exchange(
                prompts=("Did {A} and {B} win {contest}?", "What did the judges say to {A}?"),
                replies=(
                    "They won first prize, {prize}, and shared it with the whole street.",
                    "The judges laughed so much that they gave {A} and {B} first prize: {prize}.",
                    "They came second, but the winner gave {prize} to {B} all the same.",
                ),
            ),
        ),
        bundles=words.CONTESTS,
    ),
    Plot(
        name="treasure",
        beats=(
            Exchange(
                prompts=(
                    "What had {B} found by chance?",
                    "What puzzled {A} and {B}?",
                    "What made {A} curious?",
                ),
                replies=(
                    "{B} had found a slip of paper in an old book. On it was a drawing of {spot}.",
                    "{B} had found an old sketch with a red cross on it, and {A} wanted to know more.",
                    "{A} and {B} found a riddle scratched into the wall near {spot}.",
                ),
            ),
            Exchange(
                prompts=("Where did the trail lead {A}?", "How did {A} and {B} make sense of it?"),
                replies=(
                    "{B} thought hard, and suddenly it was clear that it meant {spot2}.",
                    "They counted forty paces from {spot} and came to {spot2}.",
                    "{A} followed the shadow of the chimney as far as {spot2}.",
                ),
            ),
            Exchange(
                prompts=("What made the digging hard for {A}?", "Did {A} find anything at first?"),
                replies=(
                    "The ground was full of roots, and {B} broke the handle of a spade.",
                    "At first {A} found nothing but stones and a very angry mole.",
                    "They dug until their arms ached. Then {A} hit something hollow.",
                ),
            ),
            Exchange(
                prompts=("What was the treasure that {A} found?", "What did {A} and {B} find in the ground?"),
                replies=(
                    "It was {chest}, and inside it lay {treasure}.",
                    "{A} lifted out {chest}. It held {treasure}, and {B} was moved to tears.",
                    "They found {chest} with {treasure}, and gave it all to the museum of {P}.",
                ),
            ),
        ),
        bundles=words.TREASURES,
    ),
    Plot(
        name="apprentice",
        beats=(
            Exchange(
                prompts=("What did {B} want to learn?", "Why did {B} come to {A} so often?"),
                replies=(
                    "{B} wanted to become {a_trade} like {A}, and {A} agreed to teach {bhim}.",
                    "More than anything, {B} wished to learn the work of {a_trade}. {A} was flattered.",
                    "{B} asked to be taken on as the apprentice of {A}, starting that very day.",
                ),
            ),
            Exchange(
                prompts=("What was the first lesson that {A} gave?", "How did {A} teach {B}?"),
                replies=(
                    "First {A} showed {B} how to hold the {tool} properly.",
                    "{A} let {B} watch for an hour and then handed over the {tool}.",
                    "The first lesson was to sweep the floor of {workplace} and to listen.",
                ),
            ),
            Exchange(
                prompts=("Did {B} make mistakes?", "What went wrong in the lesson of {A}?"),
                replies=(
                    "{B} dropped the {tool} three times and knocked over a stool.",
                    "{B} was too hasty, and everything had to be done again. {A} only smiled.",
                    "Nothing worked at first, and {B} wanted to run away to {Q}.",
                ),
            ),
            Exchange(
                prompts=("Did {B} become a good {trade}?", "What did {A} say about {B} in the end?"),
                replies=(
                    "By evening {B} had done one thing perfectly, and {A} hung it in the window.",
                    "{A} said that {B} had patient hands, and that this was what mattered.",
                    "{B} learned quickly after that, and {A} gave {bhim} {a_tool} of {bhis} own.",
                ),
            ),
        ),
    ),
    Plot(
        name="music",
        beats=(
            Exchange(
                prompts=(
                    "Why was {B} so quiet that day?",
                    "What was {B} worried about?",
                    "What did {B} ask of {A}?",
                ),
                replies=(
                    "{B} had to play the {instrument} in {P} that night and was terribly nervous.",
                    "The band of {P} had nobody to play the {instrument}, and {B} had agreed to do it.",
                    "{B} had promised a concert, but {bhe} had not touched the {instrument} for years.",
                ),
            ),
            Exchange(
                prompts=("What advice did {A} have for {B}?", "How did {A} and {B} spend the afternoon?"),
                replies=(
                    "{A} took {B} to {spot2}, where nobody could hear them, and they practised.",
                    "{A} said that old {C} knew everything about music, so they went to see {chim}.",
                    "They sat down near {spot}, and {A} whistled the tune until {B} could play it.",
                ),
            ),
            Exchange(
                prompts=("What happened to {A} before the concert?", "What gave {A} a fright?"),
                replies=(
                    "Just before the concert, a cat ran off with the music, and {A} chased it to {spot}.",
                    "The hall was locked, and {A} had to look for the key in half of {P}.",
                    "A string of lamps went out, and {A} had to light forty candles.",
                ),
            ),
            Exchange(
                prompts=("How did the people of {P} like the concert?", "How did {B} play that night?"),
                replies=(
                    "{B} played the {instrument} so beautifully that even the dogs were silent.",
                    "The people of {P} stamped their feet and asked for one more tune, and then another.",
                    "When {B} had finished, it was still for a moment. Then everybody cheered.",
                ),
            ),
        ),
        bundles=tuple({"instrument": instrument} for instrument in words.INSTRUMENTS),
    ),
    Plot(
        name="quarrel",
        beats=(
            Exchange(
                prompts=(
                    "What had {A} heard about {C}?",
                    "Why was {C} angry with {B}?",
                    "What quarrel was there in {P}?",
                ),
                replies=(
                    "{B} and {C} had quarrelled over an apple tree, and {A} wanted to make peace.",
                    "{C} had not spoken to {B} for a month, all because of a borrowed ladder.",
                    "{B} and {C} were no longer friends, and {A} thought it a great pity.",
                ),
            ),
            Exchange(
                prompts=("What was the plan of {A}?", "How did {A} try to make peace?"),
                replies=(
                    "{A} invited them both to {workplace} for {dish}, without telling either of them.",
                    "{A} wrote two notes asking each of them to come to {workplace}.",
                    "{A} asked {B} to begin with one kind word, and they rehearsed it.",
                ),
            ),
            Exchange(
                prompts=("Did the plan of {A} work at once?", "What did {C} do when {B} came in?"),
                replies=(
                    "{C} turned round at the door, but {A} had already taken {chis} hat.",
                    "At first {B} and {C} looked in two different directions.",
                    "Nobody said a word for ten minutes, and {A} grew nervous.",
                ),
            ),
            Exchange(
                prompts=("Were {B} and {C} friends again?", "How did {B} and {C} make up?"),
                replies=(
                    "{B} and {C} began to laugh at the same moment, and the quarrel was over.",
                    "{C} held out a hand, and {B} took it. {A} went to fetch the cake.",
                    "{B} said sorry, and so did {C}. From then on they met every Sunday.",
                ),
            ),
        ),
    ),
)

INTERLUDES: tuple[Exchange, ...] = (
    Exchange(
        prompts=("What was the weather like in {P} by then?", "Did the weather change in {P}?"),
        replies=("{later}.", "{later}. {A} took a deep breath.", "{later}. {B} was glad of it."),
    ),
    Exchange(
        prompts=("How did {A} feel?", "What mood was {A} in?"),
        replies=("{A} felt {mood}.", "{A} was {mood}, and {B} noticed it at once."),
    ),
    Exchange(
        prompts=("What could {A} hear just then?", "Was it quiet in {P}?"),
        replies=(
            "All that {A} could hear was {sound}.",
            "{B} stood still to listen and heard {sound}, and nothing else.",
        ),
    ),
    Exchange(
        prompts=("What did it smell of in {P}?", "What did {B} notice near {spot}?"),
        replies=(
            "Around {spot} there was a smell of {smell}, and {B} breathed in deeply.",
            "It smelled of {smell}, and that made {A} think of home.",
        ),
    ),
    Exchange(
        prompts=("What did {A} and {B} have for lunch?", "Did {A} and {B} stop to eat?"),
        replies=(
            "They sat down near {spot2} and shared a helping of {dish}.",
            "{B} had brought {dish}, and {A} ate two helpings.",
        ),
    ),
    Exchange(
        prompts=("What did {A} and {B} talk about?", "What did {A} tell {B} while they rested?"),
        replies=(
            "They talked about the winter when the whole of {P} was snowed in.",
            "{A} told {B} how {he} had become {a_trade}, and it was a long story.",
            "{B} asked {A} about {Q}, where neither of them had been for years.",
        ),
    ),
    Exchange(
        prompts=("What is there to see in {P}?", "What did {P} look like?"),
        replies=(
            "{P} was {a_town} with crooked roofs, and its pride was {spot}.",
            "Two narrow streets met at {spot}, and there was a bench where {B} liked to sit.",
            "Most visitors to {P} went to {spot} first, and then to {workplace}.",
        ),
    ),
    Exchange(
        prompts=("Did anyone else come by while {A} was there?", "Whom did {B} greet in the street?"),
        replies=(
            "The {friend_trade} of {P} came past and wished {A} and {B} a good day.",
            "{A_friend_trade} with a dog stopped to chat, and {B} scratched the dog's ears.",
        ),
    ),
)

FACTS: tuple[FactForm, ...] = (
    FactForm(
        name="hid",
        statement="{X} hid the {obj} {place}.",
        answer="{place}",
        question="Where did {X} hide the {obj}?",
        indirect="where {X} hid the {obj}",
        tell=(
            "What did {X} do with the {obj}?",
            "Why did {X} look round so carefully?",
            "What was {X} up to then?",
            "What did {X} do when nobody was looking?",
        ),
        tails=(
            "Nobody saw it but a sparrow.",
            "Then {xhe} walked away as if nothing had happened.",
            "{Y} was looking the other way.",
            "{Xhe} told only {Y}.",
            "It was a secret.",
        ),
    ),
    FactForm(
        name="left",
        statement="{X} left the {obj} {place}.",
        answer="{place}",
        question="Where did {X} leave the {obj}?",
        indirect="where {X} left the {obj}",
        tell=(
            "What did {X} no longer want to carry?",
            "Did {X} keep the {obj}?",
            "What did {X} leave behind?",
            "Why were the hands of {X} suddenly free?",
        ),
        tails=("{Xhe} meant to come back for it later.", "{Y} promised not to touch it.", ""),
    ),
    FactForm(
        name="found",
        statement="{X} found the {obj} {place}.",
        answer="{place}",
        question="Where did {X} find the {obj}?",
        indirect="where {X} found the {obj}",
        tell=(
            "What did {X} find that day?",
            "Why did {X} shout with surprise?",
            "What had {X} discovered?",
            "What made {X} stop and stare?",
            "What did {X} show {Y}?",
        ),
        tails=(
            "It was covered with dust.",
            "{Y} could hardly believe it.",
            "It had been missing for years.",
        ),
    ),
    FactForm(
        name="saw",
        statement="{X} saw the {obj} of {D} {place}.",
        answer="{place}",
        question="Where did {X} see the {obj} of {D}?",
        indirect="where {X} saw the {obj} of {D}",
        tell=(
            "What did {X} notice in passing?",
            "Did {X} see anything odd?",
            "What did {X} see on the way?",
            "What caught the eye of {X}?",
        ),
        tails=("{Xhe} wondered who had put it there.", "{Y} had not noticed it.", ""),
    ),
    FactForm(
        name="gave",
        statement="{X} gave the {obj} to {D} the {neighbour}.",
        answer="{D} the {neighbour}",
        question="To whom did {X} give the {obj}?",
        indirect="to whom {X} gave the {obj}",
        tell=("What did {X} give away?", "Did {X} keep the {obj}?", "What present did {X} make that day?"),
        tails=("It was meant as a present.", "{Y} thought that very kind.", ""),
    ),
    FactForm(
        name="borrowed",
        statement="{X} borrowed the {obj} from {D} the {neighbour}.",
        answer="{D} the {neighbour}",
        question="From whom did {X} borrow the {obj}?",
        indirect="from whom {X} borrowed the {obj}",
        tell=("What did {X} borrow?", "How did {X} come by the {obj}?"),
        tails=("{X} promised to bring it back on Sunday.", "It came with a warning not to lose it.", ""),
    ),
    FactForm(
        name="colour",
        statement="The {coloured} of {X} was {colour}.",
        answer="{colour}",
        question="What colour was the {coloured} of {X}?",
        indirect="what colour the {coloured} of {X} was",
        tell=("What was special about {X}'s {coloured}?", "What did the {coloured} of {X} look like?"),
        tails=(
            "It could be seen from far away.",
            "{Y} had helped to choose the colour.",
            "Children pointed at it.",
        ),
    ),
    FactForm(
        name="number",
        statement="{X} counted the {counted}, and there were {number}.",
        answer="{number}",
        question="How many {counted} did {X} count?",
        indirect="how many {counted} {X} counted",
        tell=("What did {X} do to pass the time?", "What did {X} count?", "Why did {X} mumble numbers?"),
        tails=("{Y} counted again and agreed.", "{Xhe} wrote the number on {xhis} hand.", ""),
    ),
    FactForm(
        name="meeting",
        statement="{X} promised to meet {D} {clock}.",
        answer="{clock}",
        question="When did {X} promise to meet {D}?",
        indirect="when {X} promised to meet {D}",
        tell=("What did {X} promise {D}?", "Did {X} have plans for later?"),
        tails=(
            "{D} did not like to be kept waiting.",
            "{Y} was not invited.",
            "It was marked in {xhis} calendar.",
        ),
    ),
    FactForm(
        name="password",
        statement="{X} knew that the password to {door} was {password}.",
        answer="{password}",
        question="Which password to {door} did {X} know?",
        indirect="which password to {door} {X} knew",
        tell=("What secret did {X} whisper?", "How could {X} get into {door}?"),
        tails=("{Y} swore not to tell.", "It was changed only once a year.", ""),
    ),
    FactForm(
        name="pet",
        statement="The {pet} of {X} was called {pet_name}.",
        answer="{pet_name}",
        question="What was the {pet} of {X} called?",
        indirect="what the {pet} of {X} was called",
        tell=(
            "Did {X} have an animal?",
            "Who always waited for {X} at the door?",
            "Tell me about the {pet} of {X}.",
        ),
        tails=("It followed {Y} everywhere.", "It was fond of stale bread.", "It was afraid of the postman."),
    ),
    FactForm(
        name="bought",
        statement="At the market {X} bought {goods}.",
        answer="{goods}",
        question="What did {X} buy at the market?",
        indirect="what {X} bought at the market",
        tell=(
            "Did {X} go to the market?",
            "What did {X} do with {xhis} last coins?",
            "Where did {X} stop for a while?",
        ),
        tails=(
            "It cost less than {xhe} had feared.",
            "{Y} carried it home.",
            "{D} the {neighbour} was selling it.",
        ),
    ),
    FactForm(
        name="dream",
        statement="In the night {X} dreamed of {dream}.",
        answer="{dream}",
        question="What did {X} dream of in the night?",
        indirect="what {X} dreamed of in the night",
        tell=("Had {X} slept well?", "What strange thing did {X} tell {Y}?", "Why was {X} still so sleepy?"),
        tails=("{Xhe} wrote it down at once.", "{Y} asked what it could mean.", ""),
    ),
    FactForm(
        name="breakfast",
        statement="For breakfast {X} had {breakfast}.",
        answer="{breakfast}",
        question="What did {X} have for breakfast?",
        indirect="what {X} had for breakfast",
        tell=("Had {X} eaten anything that morning?", "How did the day of {X} begin?", "Had {X} eaten well?"),
        tails=(
            "It lasted until the evening.",
            "{Y} got the leftovers.",
            "{Xhe} would have liked a second helping.",
        ),
    ),
    FactForm(
        name="tune",
        statement="{X} whistled a tune called {tune}.",
        answer="{tune}",
        question="Which tune did {X} whistle?",
        indirect="which tune {X} whistled",
        tell=(
            "What could be heard from {X}?",
            "Was {X} fond of music?",
            "Which tune could {Y} hear from {X}?",
        ),
        tails=("Soon {Y} was whistling it too.", "It was very hard to forget.", ""),
    ),
    FactForm(
        name="flower",
        statement="The favourite flower of {X} was the {flower}.",
        answer="the {flower}",
        question="What was the favourite flower of {X}?",
        indirect="what the favourite flower of {X} was",
        tell=(
            "Did {X} like gardens?",
            "What did {X} press between two books?",
            "Which flower made {X} smile?",
        ),
        tails=("{Xhe} could talk about it for hours.", "{Y} preferred cabbages.", ""),
    ),
    FactForm(
        name="ancestor",
        statement="The grandmother of {X} had been {ancestor}.",
        answer="{ancestor}",
        question="What had the grandmother of {X} been?",
        indirect="what the grandmother of {X} had been",
        tell=("Did {X} come from an unusual family?", "What did {X} say about {xhis} grandmother?"),
        tails=("There was a picture of her above the stove.", "{Y} loved to hear about her.", ""),
    ),
    FactForm(
        name="origin",
        statement="The uncle of {X} came from {R}.",
        answer="{R}",
        question="Where did the uncle of {X} come from?",
        indirect="where the uncle of {X} came from",
        tell=("Did {X} have family elsewhere?", "Who sent {X} a parcel every winter?"),
        tails=("He wrote long letters.", "He had a very loud laugh.", "{Y} had met him once."),
    ),
    FactForm(
        name="parcel",
        statement="{X} posted a parcel to {D} of {R}.",
        answer="{D} of {R}",
        question="To whom did {X} post a parcel?",
        indirect="to whom {X} posted a parcel",
        tell=("What did {X} take to the post office?", "Did {X} send anything that day?"),
        tails=("It was wrapped in brown paper.", "{Y} paid for the stamps.", ""),
    ),
    FactForm(
        name="promise",
        statement="{X} promised to bring {D} {goods}.",
        answer="{goods}",
        question="What did {X} promise to bring {D}?",
        indirect="what {X} promised to bring {D}",
        tell=("What did {D} ask of {X}?", "Did {X} owe {D} anything?"),
        tails=("{Y} offered to help with it.", "{Xhe} tied a knot in a handkerchief.", ""),
    ),
    FactForm(
        name="wrote",
        statement="On the wall {X} painted {dream}.",
        answer="{dream}",
        question="What did {X} paint on the wall?",
        indirect="what {X} painted on the wall",
        tell=("Why did {X} have paint on both hands?", "What did {X} do with the empty wall?"),
        tails=("{Y} thought it a masterpiece.", "It took {xhim} the whole morning.", ""),
    ),
)

TOLD_BY_USER = Exchange(
    prompts=(
        "Please remember this. {fact}",
        "I will tell you something. {fact}",
        "Here is something to keep in mind. {fact}",
        "You should know this. {fact}",
    ),
    replies=(
        "I will remember that about {X}.",
        "Thank you, I will not forget it, and neither will {Y}.",
        "That is good to know. I will tell you whenever you ask about {X}.",
        "I have made a note of it, and {X} may ask me too.",
    ),
)

RECALLS_NEAR = (
    "{question}",
    "{question}",
    "Remind me: {question_low}",
    "Do you remember {indirect}?",
    "Can you tell me again {indirect}?",
    "Say it once more: {question_low}",
)
RECALLS_FAR = (
    "Earlier today in {P}, {question_low}",
    "Do you still remember {indirect}?",
    "Let us go back to the start: {question_low}",
    "I have forgotten {indirect}. Do you know?",
)
RECALLS_ELSEWHERE = (
    "Earlier, in {P}, {question_low}",
    "Think back to {P}: {question_low}",
    "Before this, back in {P}, {question_low}",
    "You told me about {P}. Do you still know {indirect}?",
)


def sentence_forms() -> tuple[str, ...]:
    """Every distinct sentence form of the stream, prompts and replies together."""
    exchanges = [OPENING, TOLD_BY_USER, *INTERLUDES, *(beat for plot in PLOTS for beat in plot.beats)]
    forms = [form for exchange in exchanges for form in (*exchange.prompts, *exchange.replies)]
    forms += [form for fact in FACTS for form in (fact.statement, fact.question, *fact.tell, *fact.tails) if form]
    forms += [*NEXT_PROMPTS, *END_PROMPTS, *RECALLS_NEAR, *RECALLS_FAR, *RECALLS_ELSEWHERE]
    return tuple(dict.fromkeys(forms))
