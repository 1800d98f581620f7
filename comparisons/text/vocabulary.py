"""The words of the prompt stream: lists and small bundles that can be combined freely and still make sense.

A slot of a sentence form takes any entry of one list, so each list holds only what fits every form that
uses it. Where words belong together (a trade and its workplace, a weather and how it clears) they are
one bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_METALS = ("brass", "silver", "copper", "iron", "tin", "pewter", "bronze")
_METAL_THINGS = (
    "compass", "whistle", "hand bell", "key", "lantern", "thimble", "locket", "buckle", "medal", "coin",
    "candlestick", "telescope", "pocket watch", "teapot", "horseshoe", "snuffbox", "cup", "flute", "trumpet",
    "door knocker", "music box", "padlock", "sundial", "ladle",
)  # fmt: skip
_WOODS = ("oak", "walnut", "cherrywood", "pearwood", "birch", "willow", "maple")
_WOODEN_THINGS = (
    "box", "spoon", "recorder", "bowl", "comb", "spinning top", "toy duck", "toy horse", "chess king",
    "ruler", "picture frame", "mask", "puppet", "walking stick", "domino", "stamp",
)  # fmt: skip
_CLOTHS = ("woollen", "linen", "silk", "velvet", "cotton", "quilted")
_CLOTH_THINGS = (
    "scarf", "glove", "purse", "ribbon", "blanket", "handkerchief", "cap", "cushion", "shawl", "waistcoat",
    "apron", "flag",
)  # fmt: skip
_AGES = ("old", "folded", "faded", "torn", "painted", "unfinished")
_PAPER_THINGS = (
    "map", "letter", "diary", "notebook", "sketchbook", "songbook", "sea chart", "recipe", "postcard",
    "almanac", "portrait", "calendar",
)  # fmt: skip
_GLASSES = ("green", "blue", "clear", "amber", "smoky", "yellow")
_GLASS_THINGS = ("bottle", "marble", "bead", "vase", "jar", "lamp", "bowl", "paperweight", "inkwell", "flask")

OBJECTS: tuple[str, ...] = (
    *(f"{kind} {thing}" for kind in _METALS for thing in _METAL_THINGS),
    *(f"{kind} {thing}" for kind in _WOODS for thing in _WOODEN_THINGS),
    *(f"{kind} {thing}" for kind in _CLOTHS for thing in _CLOTH_THINGS),
    *(f"{kind} {thing}" for kind in _AGES for thing in _PAPER_THINGS),
    *(f"{kind} glass {thing}" for kind in _GLASSES for thing in _GLASS_THINGS),
)
"""Things that fit under an arm: they can be hidden, lost, found and given away."""

_UNDER = (
    "the old stone bridge", "the bakery steps", "a loose floorboard", "the chapel steps",
    "the big walnut tree", "a pile of sacks", "the market scales", "an upturned boat", "the kitchen table",
    "the stone trough", "a flat grey stone", "the schoolroom bench", "a heap of dry leaves",
    "the apple press", "the rain barrel", "a straw mattress", "the blackberry hedge", "the wooden bandstand",
    "the third stair", "the beehive stand", "a folded tent", "the hay cart", "the weaver's loom",
    "the garden bench", "the village notice board", "a stack of roof tiles", "the goat shed",
    "the captain's chair", "the clock tower stairs", "a bundle of reeds",
)  # fmt: skip
_BEHIND = (
    "the bread oven", "the chimney", "the blue curtain", "the grandfather clock", "the waterfall",
    "the old well", "the woodpile", "the rose trellis", "the stable door", "the tall bookcase",
    "the bell frame", "the rabbit hutch", "the milk churns", "the parish organ", "the painted screen",
    "the pickle barrels", "the garden wall", "the blacksmith's bellows", "the juniper bush", "the inn sign",
    "the flour bins", "the theatre stage", "the big copper kettle", "the pigeon loft", "the sundial wall",
    "the spinning wheel", "the cider casks", "the ivy on the tower", "the potting shed",
    "the counter of the inn",
)  # fmt: skip
_INSIDE = (
    "the hollow oak", "a cracked wine jar", "the empty beehive", "the potting bench", "a crate of turnips",
    "a basket of wool", "the bellows cupboard", "a sack of barley", "the scarecrow's coat", "the mill loft",
    "a cold stove", "the sentry box", "a drum with a torn skin", "the dovecote", "the bottom drawer",
    "the watchman's hut", "a barrel of apples", "the ringing chamber", "a broken cello", "the dry fountain",
    "the linen chest", "an empty dog kennel", "the cheese cellar", "the hen house", "a crate of straw",
    "the puppet theatre", "the tailor's dummy", "the old piano", "the ferryman's trunk", "the snow shed",
)  # fmt: skip
_ON = (
    "on the highest shelf of the pantry", "on the window sill of the school", "on the roof of the boathouse",
    "on the ledge above the door", "on a hook in the barn", "on the lowest branch of the plum tree",
    "on top of the kitchen dresser", "on top of the garden wall", "on top of the wine press",
    "between two hay bales", "between the roots of a beech", "between two flat stones by the stream",
    "beside the lily pond", "beside the lime kiln", "beside the milestone", "beside the orchard gate",
    "beside the sheepfold", "beside the duck pond", "at the bottom of the laundry basket",
    "at the back of the wardrobe", "at the foot of the signpost", "at the end of the jetty",
    "in the attic of the town hall", "in the crook of a pear tree", "in the corner of the cow barn",
    "in the corner of the stable", "in the crypt of the chapel", "in the gap above the archway",
)  # fmt: skip
HIDING_PLACES: tuple[str, ...] = (
    *(f"under {place}" for place in _UNDER),
    *(f"behind {place}" for place in _BEHIND),
    *(f"inside {place}" for place in _INSIDE),
    *_ON,
)
"""Where a thing can be put in any village, with its preposition."""

COLOURS = (
    "scarlet", "crimson", "rose pink", "coral red", "brick red", "rust brown", "chestnut brown",
    "honey yellow", "mustard yellow", "lemon yellow", "saffron yellow", "butter yellow", "apricot orange",
    "pumpkin orange", "amber", "moss green", "olive green", "bottle green", "sea green", "apple green",
    "mint green", "turquoise", "sky blue", "navy blue", "cornflower blue", "slate blue", "midnight blue",
    "ice blue", "lavender", "lilac", "plum purple", "violet", "cherry red", "ivory white", "snow white",
    "chalk white", "pearl grey", "ash grey", "smoke grey", "charcoal black", "raven black", "peacock blue",
    "fern green", "copper brown",
)  # fmt: skip
COLOURED = (
    "front door", "winter coat", "garden gate", "umbrella", "rowing boat", "handcart", "hat", "bicycle",
    "kite", "kitchen chair", "raincoat", "window shutter", "travelling bag", "teacup", "wool jumper",
    "lantern", "apron", "bookmark", "neckerchief", "wheelbarrow", "letter box", "bed quilt",
    "Sunday waistcoat", "toolbox",
)  # fmt: skip

_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBERS: tuple[str, ...] = (
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    *_TENS, *(f"{ten}-{one}" for ten in _TENS for one in _ONES),
)  # fmt: skip
COUNTED = (
    "chimneys", "sheep", "pigeons", "lanterns", "apple trees", "barrels", "steps", "swallows", "stars",
    "candles", "geese", "pumpkins", "beehives", "mushrooms", "windows", "flags", "sacks of flour",
    "haystacks", "ducklings", "fence posts", "paving stones", "church pews", "jars of jam", "white pebbles",
    "snails", "umbrellas",
)  # fmt: skip

_HOURS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_MINUTES = (
    "five past", "ten past", "a quarter past", "twenty past", "half past", "twenty to", "a quarter to",
    "ten to",
)  # fmt: skip
CLOCK_TIMES: tuple[str, ...] = tuple(f"at {minutes} {hour}" for minutes in _MINUTES for hour in _HOURS)

PASSWORDS = (
    "thistle", "marmalade", "periwinkle", "cinnamon", "gingerbread", "nightingale", "buttercup", "windmill",
    "chestnut", "dragonfly", "pepper", "saddlebag", "snowdrop", "juniper", "herring", "candlewick",
    "bumblebee", "cobweb", "porridge", "moonbeam", "acorn", "hedgehog", "starling", "rhubarb", "lavender",
    "pinecone", "sparrow", "almond", "driftwood", "clover", "walnut", "nutmeg", "foxglove", "teaspoon",
    "skylark", "bramble", "oatcake", "parsnip", "barnacle", "puddle", "feather", "turnip", "velvet",
    "whisker", "raspberry", "bluebell",
)  # fmt: skip
PASSWORD_DOORS = (
    "the boathouse", "the tree house", "the apple cellar", "the tower room", "the hay loft",
    "the secret garden", "the old wine cellar", "the reading room", "the map room", "the greenhouse",
    "the music room", "the ice house",
)  # fmt: skip

PETS = (
    "donkey", "goat", "old dog", "kitten", "parrot", "pony", "goose", "rabbit", "tortoise", "tame crow",
    "hen", "puppy", "piglet", "lamb", "ferret", "grey cat",
)  # fmt: skip
PET_NAMES = (
    "Marzipan", "Button", "Thunder", "Dumpling", "Captain", "Pickle", "Biscuit", "Professor", "Mustard",
    "Velvet", "Pepper", "Admiral", "Nutmeg", "Whisper", "Pancake", "Radish", "Comet", "Duchess", "Thimble",
    "Ginger", "Clover", "Barley", "Noodle", "Sultan", "Feather", "Turnip", "Bramble", "Muffin", "Pirate",
    "Blossom", "Treacle", "Caramel", "Trumpet", "Pudding", "Sparrow", "Walnut", "Cobbler", "Domino",
    "Truffle", "Cricket", "Marble", "Poppy", "Saffron", "Bishop", "Tinker", "Crumpet", "Juniper", "Pebble",
    "Lantern", "Toffee",
)  # fmt: skip

GOODS = (
    "a jar of plum jam", "a wheel of goat cheese", "a sack of red lentils", "a bunch of white tulips",
    "a basket of quinces", "a coil of rope", "a box of candles", "a bag of walnuts", "a pot of honey",
    "a pair of leather boots", "a bottle of pear juice", "a ball of green wool", "a straw hat", "a clay jug",
    "a string of onions", "a smoked trout", "a dozen eggs", "a bundle of firewood", "a tin of sardines",
    "a garden rake", "a roll of blue cloth", "a packet of seeds", "a wicker chair", "a loaf of rye bread",
    "a sheet of gold paper", "a bag of salt", "a fishing net", "a bucket of cherries", "a cake of soap",
    "a second-hand fiddle", "a pair of scissors", "a bowl of figs", "a young apple tree",
    "a jar of pickled beets", "a feather pillow", "a box of nails", "a bottle of black ink", "a wooden rake",
    "a barrel of cider", "a basket of mussels", "a cup of hot chocolate", "a paper kite", "a pot of basil",
    "a rolled carpet", "a pair of woollen socks", "a bag of roasted chestnuts", "a new frying pan",
    "a slice of almond cake",
)  # fmt: skip
DREAMS = (
    "a whale that carried lanterns", "a staircase made of bread", "a ship sailing over the hills",
    "a choir of polite frogs", "a garden under the sea", "a clock with thirteen hands",
    "a fox in a velvet coat", "a river of warm milk", "a library inside a tree", "a giant who sold umbrellas",
    "a moon made of cheese", "a bear playing the harp", "a door in the middle of a field",
    "a train pulled by swans", "a castle built of teacups", "a snowstorm of feathers",
    "a bridge made of glass", "a goose that could count", "a market on the moon", "a mountain that snored",
    "a piano full of bees", "a dancing scarecrow", "a cat who read the newspaper",
    "a road paved with buttons", "a kite as large as a house", "a mirror that told jokes",
    "a forest of tall candles", "a baker with wings", "a letter written in smoke", "a lake full of stars",
    "an owl who kept a shop", "an island that moved", "an orchestra of mice", "a lighthouse that sang",
    "a carpet of blue moss", "a hedgehog with a crown", "a bicycle made of ice", "a pumpkin with windows",
    "a horse on the church roof", "a well that answered questions",
)  # fmt: skip
BREAKFASTS = (
    "barley porridge with pears", "fried eggs with chives", "toast with cherry jam",
    "pancakes with blueberries", "cold rice pudding", "oatcakes with honey", "a bowl of stewed plums",
    "smoked herring on rye", "warm rolls with butter", "a mushroom omelette", "a slice of apple tart",
    "bread with soft cheese", "leek soup with dumplings", "a baked potato with cream", "cornbread with syrup",
    "yoghurt with walnuts", "a bun filled with raisins", "semolina with cinnamon",
    "scrambled eggs with tomatoes", "two boiled eggs", "figs with goat cheese", "a plate of cold beans",
    "waffles with apricots", "a honey cake with almonds", "buckwheat with onions", "a peach with cream",
    "millet with dried apples", "a sausage with mustard", "ginger biscuits with tea", "a wedge of onion pie",
    "melon with mint", "a bowl of hot broth", "crumpets with quince jelly", "spinach with poached eggs",
    "a slice of poppy seed cake", "grapes with nuts",
)  # fmt: skip
_TUNE_OWNERS = (
    "Miller",
    "Ferryman",
    "Owl",
    "Shepherd",
    "Winter",
    "Beekeeper",
    "Sailor",
    "Tinker",
    "Fox",
    "Weaver",
)
_TUNE_THINGS = (
    "Moon",
    "Farewell",
    "Lantern",
    "Garden",
    "Daughter",
    "Promise",
    "Road",
    "Dream",
    "Waltz",
    "Orchard",
)
TUNES: tuple[str, ...] = tuple(f"The {owner}'s {thing}" for owner in _TUNE_OWNERS for thing in _TUNE_THINGS)
FLOWERS = (
    "foxglove", "marigold", "primrose", "cornflower", "snowdrop", "bluebell", "poppy", "water lily",
    "wild rose", "sunflower", "harebell", "violet", "daffodil", "peony", "lavender", "hollyhock", "crocus",
    "honeysuckle", "larkspur", "sweet pea", "buttercup", "gentian", "thistle", "iris", "camellia",
    "forget-me-not", "jasmine", "lily of the valley", "dahlia", "clover", "heather", "cowslip", "hyacinth",
    "magnolia", "meadow saffron",
)  # fmt: skip
PAST_TRADES = (
    "glassblower", "ship's cook", "bell founder", "lion tamer", "map maker", "ferry pilot", "circus juggler",
    "opera singer", "piano tuner", "bookbinder", "salt trader", "lace maker", "river guide", "kite maker",
    "wood carver", "court painter", "whaler", "goldsmith", "mountain guide", "travelling dentist",
    "trumpeter", "astronomer", "button maker", "puppeteer", "horse trainer", "chimney sweep", "silk weaver",
    "postmistress", "beekeeper", "lamplighter", "tightrope walker", "shipwright", "truffle hunter",
    "cheese maker", "organ builder", "night watchman", "pearl diver", "clown", "printer", "umbrella maker",
    "sail maker", "wine merchant",
)  # fmt: skip
NEIGHBOURS = (
    "cobbler", "postman", "weaver", "schoolteacher", "gardener", "organist", "cooper", "beekeeper", "doctor",
    "blacksmith", "ferryman", "tailor", "potter", "innkeeper", "shepherd", "carpenter", "fiddler",
    "librarian", "florist", "roofer", "pedlar", "miller", "glazier", "sexton", "painter", "saddler",
    "watchman", "cook",
)  # fmt: skip
INSTRUMENTS = (
    "fiddle",
    "accordion",
    "flute",
    "harp",
    "trumpet",
    "drum",
    "mandolin",
    "clarinet",
    "guitar",
    "cello",
)
BEASTS = (
    "goat", "donkey", "lamb", "pony", "heifer", "calf", "piglet", "puppy", "kid goat", "grey mare", "old ram",
    "nanny goat", "foal", "sheepdog",
)  # fmt: skip
DISHES = (
    "onion soup", "plum dumplings", "potato pie", "lentil stew", "mushroom soup", "baked trout",
    "apple fritters", "barley broth", "cheese pancakes", "bean stew", "pumpkin soup", "roast chestnuts",
    "noodles with butter", "leek tart", "cherry strudel", "fish soup", "buttered carrots", "corn fritters",
    "pea soup", "walnut bread",
)  # fmt: skip
MOODS = (
    "calm and rather curious", "tired but cheerful", "hopeful, and a little nervous", "quietly proud",
    "wide awake and ready for anything", "a little homesick", "merry as a lark", "thoughtful and quiet",
    "hungry but in good spirits", "braver than the day before", "restless and full of plans",
    "warm and content",
)  # fmt: skip
SOUNDS = (
    "a distant church bell", "the creak of a cart", "two dogs barking at each other",
    "a blackbird in the hedge", "somebody practising scales on a piano", "the slow drip of a gutter",
    "children laughing behind a wall", "the hammer of the blacksmith",
    "a rooster that had lost track of time", "the rattle of a loose shutter", "an old woman singing",
    "the hum of many bees", "a saw going back and forth", "footsteps on gravel",
)  # fmt: skip
SMELLS = (
    "fresh bread", "wood smoke", "wet earth", "cut hay", "pine resin", "roasting coffee", "warm apples",
    "wild mint", "lamp oil", "candle wax", "clean laundry", "cinnamon buns", "old books", "lime blossom",
)  # fmt: skip
LANDMARKS = (
    "the market square", "the old well", "the stone bridge", "the clock tower", "the village green",
    "the inn", "the mill", "the chapel", "the orchard", "the school", "the stables", "the town gate",
    "the fountain", "the ropewalk", "the washhouse", "the great lime tree", "the post office", "the common",
    "the granary",
)  # fmt: skip


class Setting(NamedTuple):
    """A kind of village; `water` is what boats sail on there, or nothing."""

    town: str
    water: str


SETTINGS = (
    Setting("harbour town", "sea"),
    Setting("fishing village", "sea"),
    Setting("island village", "sea"),
    Setting("river town", "river"),
    Setting("lakeside village", "lake"),
    Setting("ferry town", "river"),
    Setting("mountain village", ""),
    Setting("market town", ""),
    Setting("forest village", ""),
    Setting("hill village", ""),
    Setting("mill village", ""),
    Setting("valley village", ""),
    Setting("orchard village", ""),
    Setting("moorland village", ""),
    Setting("walled town", ""),
    Setting("vineyard village", ""),
)


class Weather(NamedTuple):
    """A weather that fits its season, as a clause, and what became of it later in the day."""

    season: str
    clause: str
    later: str


WEATHERS = (
    Weather("spring", "a soft rain was falling", "The rain had stopped, and every leaf was shining"),
    Weather("spring", "a mild wind was blowing", "The mild wind had dropped, and the air smelled of blossom"),
    Weather("spring", "the last snow was melting", "The snow had melted, and small streams ran down the street"),
    Weather("spring", "sun and showers were taking turns", "The showers were over, and a rainbow stood in the sky"),
    Weather("spring", "a pale sun was shining", "The sun had grown warm, and people sat on their doorsteps"),
    Weather("summer", "the sun was already hot", "It had grown so hot that even the cats lay in the shade"),
    Weather("summer", "not a leaf was moving", "A breeze had come up at last and cooled the streets"),
    Weather("summer", "thunder was rumbling far away", "The thunder had come closer, and heavy drops were falling"),
    Weather("summer", "a warm breeze was blowing", "The breeze had died down, and the air was warm and still"),
    Weather("summer", "the sky was clear and blue", "The sky was still blue, with one small white cloud"),
    Weather("autumn", "there was a thick fog", "The fog had lifted, and the roofs were dripping"),
    Weather("autumn", "a gusty wind was chasing the leaves", "The wind had calmed, and the leaves lay in heaps"),
    Weather("autumn", "a cold drizzle was falling", "The drizzle had turned into a steady, patient rain"),
    Weather("autumn", "a golden light was shining", "The light had turned red, and the shadows were long"),
    Weather("autumn", "the first frost was sparkling on the grass", "The frost was gone, and the grass was wet"),
    Weather(
        "winter",
        "snow was falling in large flakes",
        "The snow had stopped, and everything was white and quiet",
    ),
    Weather("winter", "an icy wind was whistling", "The wind had dropped, but the cold had grown sharper"),
    Weather(
        "winter",
        "the ponds were frozen hard",
        "It was still freezing, and children were skating on the ponds",
    ),
    Weather("winter", "grey clouds were hanging low", "The clouds had broken, and a weak sun was looking through"),
    Weather("winter", "hail was rattling on the roofs", "The hail had passed, and the sky was clearing"),
)

TIMES = (
    "early in the morning", "in the middle of the morning", "when the market opened", "soon after breakfast",
    "late in the morning", "when the bells rang nine", "as the first shutters opened",
    "soon after the school bell", "an hour before noon",
)  # fmt: skip


class Trade(NamedTuple):
    """Somebody's work: the name, the place, what the hands are doing, and a tool of it."""

    name: str
    workplace: str
    doing: str
    tool: str


TRADES = (
    Trade("baker", "the bakery", "shaping the last loaves", "rolling pin"),
    Trade("clockmaker", "the workshop", "oiling a row of small wheels", "magnifying glass"),
    Trade("gardener", "the greenhouse", "watering the tomatoes", "watering can"),
    Trade("cobbler", "the cobbler's shop", "mending a pair of boots", "small hammer"),
    Trade("weaver", "the weaving room", "winding red yarn", "shuttle"),
    Trade("potter", "the pottery", "turning a large bowl", "sponge"),
    Trade("carpenter", "the joinery", "planing an oak plank", "plane"),
    Trade("blacksmith", "the smithy", "heating a horseshoe", "long tongs"),
    Trade("beekeeper", "the honey house", "scraping wax from a frame", "smoker"),
    Trade("innkeeper", "the inn", "polishing the glasses", "corkscrew"),
    Trade("tailor", "the tailor's shop", "sewing buttons on a coat", "measuring tape"),
    Trade("printer", "the printing house", "setting tiny letters in a row", "ink roller"),
    Trade("bookbinder", "the bindery", "stitching an old atlas", "bone folder"),
    Trade("painter", "the studio", "mixing a difficult blue", "finest brush"),
    Trade("cheese maker", "the dairy", "stirring a vat of milk", "curd knife"),
    Trade("basket maker", "the basket shop", "weaving willow rods", "bodkin"),
    Trade("candle maker", "the candle shop", "dipping a row of white candles", "wick cutter"),
    Trade("cooper", "the cooperage", "fitting a hoop to a barrel", "mallet"),
    Trade("glazier", "the glass shop", "cutting a round window", "glass cutter"),
    Trade("fiddle maker", "the fiddle workshop", "gluing a curved neck", "clamp"),
    Trade("herbalist", "the herb garden", "hanging bunches of sage", "mortar"),
    Trade("schoolteacher", "the school", "wiping the blackboard", "pointer"),
    Trade("librarian", "the library", "dusting the top shelf", "little ladder"),
    Trade("saddler", "the saddlery", "stitching a new bridle", "awl"),
    Trade("toymaker", "the toy shop", "painting the eyes of a wooden bear", "fretsaw"),
    Trade("rope maker", "the rope yard", "twisting long yellow fibres", "rope hook"),
    Trade("miller", "the mill", "sweeping flour into a sack", "grain shovel"),
    Trade("lamplighter", "the lamp store", "trimming a dozen wicks", "long pole"),
)

# Bundles that carry one plot each: whatever stands in one of them belongs to the same story.
MACHINES: tuple[Mapping[str, str], ...] = (
    {"machine": "the town clock", "symptom": "had stopped at midnight",
     "cause": "a bird's nest between the wheels",
     "cure": "carried the nest to a quiet beam", "proof": "the clock struck on time"},
    {"machine": "the mill wheel", "symptom": "refused to turn",
     "cause": "a thick branch wedged under the axle",
     "cure": "sawed the branch in two", "proof": "the wheel began to turn"},
    {"machine": "the village pump", "symptom": "gave nothing but a sigh", "cause": "a cracked leather valve",
     "cure": "cut a new valve from an old boot", "proof": "clear water came splashing out"},
    {"machine": "the chapel organ", "symptom": "could only wheeze",
     "cause": "a family of mice in the bellows",
     "cure": "tempted the mice outside with cheese", "proof": "the organ sang again"},
    {"machine": "the bread oven", "symptom": "filled the street with smoke",
     "cause": "a stork's nest on the chimney",
     "cure": "moved the nest to a cartwheel nearby", "proof": "the smoke rose straight up"},
    {"machine": "the great bell", "symptom": "made no sound at all",
     "cause": "a wool sock tied round the clapper",
     "cure": "climbed up and untied the sock", "proof": "the bell rang out over the fields"},
    {"machine": "the fountain", "symptom": "had run dry overnight", "cause": "a green frog in the pipe",
     "cure": "coaxed the frog out with a song", "proof": "the water leapt into the air"},
    {"machine": "the apple press", "symptom": "was stuck halfway", "cause": "a horse chestnut in the screw",
     "cure": "picked the chestnut out with a hairpin", "proof": "sweet juice ran into the bucket"},
    {"machine": "the barrel organ", "symptom": "played every tune backwards",
     "cause": "a roll put in upside down",
     "cure": "turned the roll round", "proof": "the right tune came out"},
    {"machine": "the weathervane", "symptom": "pointed north in every wind", "cause": "a rusted bearing",
     "cure": "rubbed the bearing with goose fat", "proof": "the vane swung to the west"},
)  # fmt: skip
HURDLES: tuple[Mapping[str, str], ...] = (
    {"hurdle": "the ford was flooded", "way": "crossed on a raft of barrels"},
    {"hurdle": "a fallen beech lay across the road", "way": "climbed over the trunk branch by branch"},
    {"hurdle": "a flock of sheep filled the whole road", "way": "walked along with the sheep for a mile"},
    {"hurdle": "the footbridge had been swept away", "way": "jumped from stone to stone"},
    {"hurdle": "the signpost had been turned the wrong way", "way": "asked a shepherd for the right path"},
    {"hurdle": "a stubborn bull stood in the lane", "way": "crept round behind the hedge"},
    {"hurdle": "the old gate was locked", "way": "squeezed through a gap in the wall"},
    {"hurdle": "a wasps' nest hung over the path", "way": "made a wide detour through the nettles"},
    {"hurdle": "the path ended at a cliff", "way": "found a narrow stair cut into the rock"},
    {"hurdle": "the light was fading fast", "way": "borrowed a lantern from a farmhouse"},
)
FEASTS: tuple[Mapping[str, str], ...] = (
    {"feast": "the harvest supper", "lack": "honey", "source": "an old hive in the churchyard wall",
     "result": "the honey cake was gone in minutes"},
    {"feast": "the lantern festival", "lack": "candles", "source": "a forgotten box in the chapel",
     "result": "every window glowed"},
    {"feast": "a neighbour's wedding", "lack": "music", "source": "an accordion in the attic of the inn",
     "result": "even the mayor danced"},
    {"feast": "the cheese fair", "lack": "tables", "source": "a row of old doors in the barn",
     "result": "nobody minded the door handles"},
    {"feast": "the midwinter dinner", "lack": "firewood", "source": "a stack of broken chairs in the cellar",
     "result": "the hall was warm until midnight"},
    {"feast": "the children's parade", "lack": "costumes", "source": "a trunk from the old theatre",
     "result": "the smallest child marched in front, dressed as a bear"},
    {"feast": "the mayor's birthday", "lack": "sugar", "source": "a tin in an old picnic basket",
     "result": "the mayor asked for a third slice"},
    {"feast": "the spring market", "lack": "bunting", "source": "a basket of bright old shirts",
     "result": "the square looked like a meadow"},
)  # fmt: skip
CONTESTS: tuple[Mapping[str, str], ...] = (
    {"contest": "the kite contest", "entry": "a kite shaped like a heron", "hitch": "the tail tore off",
     "remedy": "tied on a striped sock instead", "prize": "a basket of pears"},
    {"contest": "the pie contest", "entry": "a pie with a lattice of leaves", "hitch": "the crust cracked",
     "remedy": "covered the crack with sugar stars", "prize": "a copper pan"},
    {"contest": "the pumpkin show", "entry": "a pumpkin as wide as a cartwheel", "hitch": "the barrow broke",
     "remedy": "rolled the pumpkin on four logs", "prize": "a new spade"},
    {"contest": "the singing contest", "entry": "a song about a lazy river",
     "hitch": "the piano lost three strings",
     "remedy": "beat the time on a bucket", "prize": "a silver bell"},
    {"contest": "the scarecrow contest", "entry": "a scarecrow with a top hat",
     "hitch": "a crow stole the hat",
     "remedy": "gave it a saucepan to wear", "prize": "a sack of seed corn"},
    {"contest": "the flower show", "entry": "a sunflower taller than a door", "hitch": "the stem bent over",
     "remedy": "propped it up with a broom", "prize": "a watering can"},
    {"contest": "the cake contest", "entry": "a cake with seven layers", "hitch": "the top layer slid off",
     "remedy": "filled the gap with cherries", "prize": "a book of recipes"},
    {"contest": "the cart race", "entry": "a cart made of cider barrels", "hitch": "one wheel came off",
     "remedy": "fixed the wheel with a wooden spoon", "prize": "a blue pennant"},
)  # fmt: skip
TREASURES: tuple[Mapping[str, str], ...] = (
    {"chest": "a small chest", "treasure": "a hundred love letters tied with string"},
    {"chest": "a clay jar", "treasure": "seeds of a forgotten rose"},
    {"chest": "a leather tube", "treasure": "a plan of the village as it once was"},
    {"chest": "a tin box", "treasure": "the toy soldiers of some long-grown child"},
    {"chest": "a wooden case", "treasure": "a fiddle without strings"},
    {"chest": "an iron casket", "treasure": "a recipe for the best gingerbread in the land"},
    {"chest": "a stone bottle", "treasure": "a message from a homesick sailor"},
    {"chest": "a painted trunk", "treasure": "the curtains of a vanished theatre"},
)

# Starts fall into four groups with different first letters, so that the persons of a scene never sound alike.
NAME_STARTS: tuple[tuple[str, ...], ...] = (
    ("Ve", "Va", "Vi", "Vel", "Bre", "Bri", "Bel", "Bar", "Hu",
     "Hal", "Hen", "Ju", "Jo", "Jen", "Wi", "Wen", "Wil"),
    ("To", "Tal", "Te", "Tor", "Tam", "Ma", "Mi", "Mar", "Mel",
     "Fe", "Fa", "Fen", "Fi", "Yo", "Ya", "Yel", "Yar"),
    ("Lo", "Le", "Lin", "Lor", "Kal", "Ke", "Kor", "Kel", "Sa",
     "Sev", "Sel", "Sol", "Ne", "No", "Nel", "Ni", "Nor"),
    ("Ra", "Ro", "Ri", "Ron", "Da", "Den", "Dor", "Dal", "Ga",
     "Gar", "Gal", "Ze", "Za", "Zel", "Or", "Ol", "Ar"),
)  # fmt: skip
NAME_MIDDLES = (
    "li", "ra", "no", "ve", "mu", "ri", "lo", "ne", "du", "sha", "mi", "la", "re", "vo", "da", "be", "le",
    "nu", "va", "ro", "so", "si", "te", "fa", "na", "vi", "lu", "tha", "do", "bi", "ko", "ha", "me", "je",
    "fi", "wi",
)  # fmt: skip
NAME_ENDS = (
    "ka", "len", "ris", "nia", "mar", "dor", "ven", "lia", "bel", "ric", "wyn", "ria", "lin", "thea", "nor",
    "sel", "vin", "dra", "mir", "ros", "tan", "ya", "lan", "nel", "rik", "vara", "stan", "mond", "ben",
    "lisa", "don", "neth", "var", "nik", "rell", "lon", "via", "dan", "ren", "sin", "line", "dric", "veth",
    "mon",
)  # fmt: skip
PLACE_ENDS = (
    "mere", "holm", "wick", "dale", "ford", "stead", "ness", "fell", "combe", "thorpe", "brook", "cliff",
    "field", "moor", "gate", "well", "ridge", "marsh", "cross", "hurst",
)  # fmt: skip
