"""All words of the page, one object per language.

A language is complete or it does not construct: no field has a default. Braces name what the page fills in
(`{tokens}`, `{before}`, …); the same names must stand in every language, which a test checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from streaming import errors
from streaming.errors import StreamingError

__all__ = ["ENGLISH", "ITALIAN", "TEXTS", "Preset", "Question", "Texts", "TourStep"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A preset's name, and what to watch in it; what comes of it with another model is there to be seen."""

    name: str
    watch: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question that people ask; the answer names what the page measures (`{held}`, `{tokens}`, …)."""

    ask: str
    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TourStep:
    """A step of the guided tour; its text is true of every run (`{context}`, `{budget}`, … are the run's settings)."""

    title: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """The words of the page in one language, named by where they stand."""

    language: str
    locale: str
    separators: str
    other_language: str
    other_name: str
    other_path: str

    title: str
    headline: str
    lead: str
    copy_link: str
    theme: str
    present: str
    keys: str
    close: str

    transport: str
    start: str
    starting: str
    pause: str
    resume: str
    stop: str
    restart: str

    sinks: str
    recent: str
    budget: str
    pace: str
    paces: Mapping[str, str]
    seed: str
    more: str
    more_lanes: str
    sink_positions: str
    positions: Mapping[str, str]
    presets_label: str
    presets: Mapping[str, Preset]
    link_copied: str

    recorded: str
    states: Mapping[str, str]
    source_recorded: str
    source_live: str

    lanes: str
    lane_names: Mapping[str, str]
    lane_policies: Mapping[str, str]
    statuses: Mapping[str, str]
    tokens: str
    perplexity: str
    memory: str
    speed: str
    time: str
    cache: str
    cache_holds: str
    strip_probe: str
    strip_unread: str
    strip_sink: str
    strip_held: str
    strip_evicted: str
    text: str
    calm: str
    surprised: str
    token_hover: str
    answers: str
    asked_at: str
    no_answers: str
    no_words: str
    right: str
    wrong: str
    reference: str
    earlier: str
    later: str

    verdict_waiting: str
    verdict_reading: str
    verdict_left: str
    verdict_past: str
    verdict_forgets: str
    verdict_still: str
    verdict_endings: Mapping[str, str]

    curves: str
    show_lanes: str
    curves_note: str
    unzoom: str
    captions: Mapping[str, str]
    axis_tokens: str
    budget_line: str
    process_memory: str
    event_training: str
    event_sinks_gone: str
    events: Mapping[str, str]

    download: str
    questions_title: str
    questions: tuple[Question, ...]

    space_key: str
    key_help: Mapping[str, str]

    player: str
    play_recorded: str
    play_from_start: str
    play_on: str
    moment: str
    moment_then: str
    moment_now: str
    to_live: str
    to_end: str
    replay_speed: str
    run_on_show: str
    own_run: str
    recording_title: str
    watch_recorded: str
    looking_back: str
    source_start: str
    not_fetched: str
    key_help_alone: Mapping[str, str]
    tools: str
    tour_open: str
    tour_step: str
    tour_start: str
    tour_back: str
    tour_next: str
    tour_done: str
    tour: Mapping[str, TourStep]
    ask_label: str
    ask_both: str
    ask_all: str
    ask_placeholder: str
    ask_hint: str
    ask_idle: str
    ask_elsewhere: str
    ask_lost: str
    ask_examples: str
    told_at: str
    said: str
    said_nothing: str
    said_waiting: str
    said_at: str
    unanswered: Mapping[str, str]
    model: str
    model_choice: str
    source: str
    sources: Mapping[str, str]
    after: str
    afters: Mapping[str, str]
    own_text: str
    own_placeholder: str
    own_open: str
    own_note: str
    own_count: str
    no_prompts: str
    refusals: Mapping[str, str]
    error: str
    errors: Mapping[str, str]
    readings: Mapping[str, str]
    window_beyond: str
    loading: str
    loading_stages: Mapping[str, str]
    queued: str
    queued_place: str
    queued_soon: str
    queued_minutes: str
    hidden_pause: str

    costs_title: str
    costs_note: str
    costs_token: str
    costs_dense: str
    costs_sinks: str

    share_label: str
    share_layer: str
    share_none: str
    share_evicted: str
    share_uncached: str
    share_unknown: str

    def as_json(self) -> dict[str, object]:
        """What the browser gets: every word, by name."""
        return asdict(self)

    def explain(self, error: StreamingError) -> str:
        """What to tell a visitor of an error: its own words are English, and elsewhere follow this language's."""
        kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in self.errors)
        return self.errors[kind].format(said=error)


ENGLISH = Texts(
    language="en",
    locale="en-GB",
    separators=".,",
    other_language="it",
    other_name="Italiano",
    other_path="it",
    title="StreamingLLM, side by side",
    headline="One model reads an endless text, twice",
    lead="On the left it remembers every token; on the right, only the first few and the latest ones. "
    "Watch both as the text outgrows what the model was trained on.",
    copy_link="Copy link",
    theme="Light or dark",
    present="Present",
    keys="Keys",
    close="Close",
    transport="Run",
    start="Start",
    starting="Starting…",
    pause="Pause",
    resume="Resume",
    stop="Stop",
    restart="Restart",
    sinks="Sinks",
    recent="Recent tokens",
    budget="Budget, MB",
    pace="Pace",
    paces={
        "8": "Reading, 8 tokens/s",
        "30": "Skimming, 30 tokens/s",
        "100": "Fast, 100 tokens/s",
        "300": "Faster, 300 tokens/s",
        "0": "As fast as it can",
    },
    seed="Seed",
    more="More settings",
    more_lanes="More lanes, at the same number of tokens",
    sink_positions="Where the sinks stand",
    positions={"cache": "in the cache, as StreamingLLM has it", "text": "in the text, the control"},
    presets_label="Try",
    presets={
        "collapse": Preset(
            name="Collapse in 20 seconds",
            watch="Watch the tint of the left text, and both perplexities, around the marked training length.",
        ),
        "million": Preset(
            name="A million tokens",
            watch="No pace is set: watch the memory of both lanes, and how long the right one goes on.",
        ),
        "no_sinks": Preset(
            name="Without sinks",
            watch="The third lane has the same budget without sinks: watch it at its first eviction.",
        ),
        "text_positions": Preset(
            name="Original positions",
            watch="Here the sinks keep their distance in the text: watch the right lane’s perplexity as it grows.",
        ),
        "recall": Preset(
            name="What it forgets",
            watch="Watch the answers: facts told before the cache’s first recent token are gone for the right lane.",
        ),
    },
    link_copied="Link copied",
    recorded="Recorded run",
    states={"running": "Live", "paused": "Paused", "finished": "Finished"},
    source_recorded="Model “{model}”, {reading}, {seconds} s on {date}.",
    source_live="Model “{model}”, trained on {context} tokens at a time; {reading}; {seconds} s of running time.",
    lanes="Lanes",
    lane_names={
        "dense": "Dense cache",
        "sinks": "StreamingLLM",
        "window": "Window",
        "recompute": "Window, recomputed",
    },
    lane_policies={
        "dense": "keeps every token",
        "sinks": "keeps {sinks} sinks and the {recent} latest tokens",
        "window": "keeps the {recent} latest tokens, no sinks",
        "recompute": "rereads the {recent} latest for every token",
    },
    statuses={
        "waiting": "Waiting",
        "reading": "Reading",
        "answering": "Answering",
        "paused": "Paused",
        "stopped": "Stopped",
        "failed": "Failed",
    },
    tokens="Tokens read",
    perplexity="Perplexity",
    memory="KV memory",
    speed="Tokens/s",
    time="Time per token",
    cache="Cache",
    cache_holds="holds {held} of {tokens} tokens",
    strip_probe="look a token up in the cache",
    strip_unread="not read yet",
    strip_sink="token {index}: a sink, cache position {position}",
    strip_held="token {index}: in the cache, position {position}",
    strip_evicted="token {index}: evicted",
    text="Text being read",
    calm="expected",
    surprised="surprising",
    token_hover="token {index}: {nats} nats, probability {percent} %",
    answers="Answers",
    asked_at="Asked at token {at}",
    no_answers="Not asked anything yet",
    no_words="(says nothing)",
    right="✓ right",
    wrong="✗ wrong",
    reference="Reference",
    earlier="Earlier answer",
    later="Later answer",
    verdict_waiting="Has not read anything yet",
    verdict_reading="{tokens} tokens, perplexity {now}, {memory}",
    verdict_left="Left its training length at token {at}; perplexity {before} → {now}",
    verdict_past="Past its training length since token {at}; perplexity {now}, was {before}",
    verdict_forgets="Evicting since token {at}; perplexity {before} → {now}",
    verdict_still="perplexity {now}, {memory}",
    verdict_endings={
        "kv-budget": "Memory budget reached: stopped at token {tokens}",
        "tokens": "Stopped at the run’s last token, {tokens}",
        "seconds": "Stopped at the end of the run’s time, after {tokens} tokens",
        "user": "Stopped by you after {tokens} tokens",
        "end-of-text": "Read the whole text, {tokens} tokens",
        "memory": "The memory that all runs on this server share is used up: stopped after {tokens} tokens",
        "turn": "Others were waiting, and this run had had its turn: stopped after {tokens} tokens",
        "idle": "Paused for so long that the place was given to others: stopped after {tokens} tokens",
        "restart": "The server is restarting, reload the page in a minute: stopped after {tokens} tokens",
    },
    curves="Curves",
    show_lanes="Lanes shown",
    curves_note="Drag across a chart to zoom in.",
    unzoom="Show all",
    captions={
        "perplexity": "over the last {window} tokens, log scale; lower is better",
        "memory": "keys and values in the cache; dotted: the whole process, on its own scale",
        "time": "each lane’s own work, without what the page costs",
    },
    axis_tokens="tokens read",
    budget_line="memory budget {budget}",
    process_memory="process RSS",
    event_training="training length",
    event_sinks_gone="{lane}: sinks evicted",
    events={
        "first-eviction": "{lane}: first eviction",
        "kv-budget": "{lane}: memory budget",
        "failed": "{lane}: failed",
    },
    download="Download",
    questions_title="Questions people ask",
    questions=(
        Question(
            ask="Does StreamingLLM extend the context?",
            answer="No. A token sees what the cache holds, here {held} tokens, whether {tokens} tokens have been read or "
            "a million. What it extends is how long a model can go on.",
        ),
        Question(
            ask="Does it remember?",
            answer="Within its cache, yes: {sinks} first tokens and the {recent} latest. {evicted} tokens of this run have "
            "been evicted; a question about them can only be answered by chance. Of the {asked} questions whose answer is "
            "known, StreamingLLM got {right} right so far.",
        ),
        Question(
            ask="Why four sinks?",
            answer="Attention has to go somewhere, and models learn to leave it on the first tokens when nothing else "
            "fits (here, on the first {first}: {share}). Without them the rest gets attention that it never had in "
            "training. The paper found four to be enough for models trained without a sink of their own: set the sinks "
            "to 0, 1, 2 or 8, or try “Without sinks”, and see what this one needs.",
        ),
        Question(
            ask="How do positions work?",
            answer="They are counted inside the cache. With {sinks} sinks and {recent} recent tokens no token ever stands "
            "further than position {last_position}, which this model met in its training on {context} tokens. "
            "Move over the cache strips to see each token’s place.",
        ),
        Question(
            ask="What is the “22 times faster” that one reads about?",
            answer="The paper’s figure is against recomputing the whole window for every token, not against a dense "
            "cache. Add the lane “Window, recomputed” to measure it on this machine: time per token is one of the curves.",
        ),
        Question(
            ask="What do perplexity and the tint mean?",
            answer="For each token the lane says how likely it found it before seeing it. The tint is that surprise, "
            "token by token; perplexity is its average over the last {window} tokens, as the number of equally "
            "likely choices that would surprise as much.",
        ),
    ),
    space_key="Space",
    key_help={
        "Space": "start, pause, resume",
        "S": "stop",
        "R": "restart",
        "A": "ask the lanes a question",
        "P": "play what is recorded or past, pause",
        "← →": "earlier and later answers; in the tour, its steps",
        "F": "presentation mode, on and off",
        "Esc": "leave the tour, or presentation mode",
        "?": "this list",
    },
    player="Replay",
    play_recorded="Play the recorded run",
    play_from_start="Watch from the start",
    play_on="Go on",
    moment="Moment of the run",
    moment_then="{seconds} of {end} seconds, {tokens} tokens read",
    moment_now="now",
    to_live="Back to live",
    to_end="To the end",
    replay_speed="Speed of the replay",
    run_on_show="Run on show",
    own_run="Your run",
    recording_title="{tokens} tokens: {lanes}; “{model}”, {date}",
    watch_recorded="{tokens} tokens, recorded",
    looking_back="Looking back",
    source_start="Press Start to run it here and now.",
    not_fetched="That could not be fetched from the server: try again in a moment.",
    key_help_alone={
        "Space": "play, pause",
        "F": "presentation mode, on and off",
        "← →": "earlier and later answers",
        "Esc": "leave presentation mode",
        "?": "this list",
    },
    tools="Tools",
    tour_open="Take the tour",
    tour_step="Step {step} of {steps}",
    tour_start="Start a run",
    tour_back="Back",
    tour_next="Next",
    tour_done="Done",
    tour={
        "lanes": TourStep(
            title="Several lanes, one text",
            text="One model reads the same tokens in every lane. The lanes differ only in their cache: which tokens it "
            "keeps, and at which positions. The sentence at the top of a lane sums up what was measured there.",
        ),
        "tint": TourStep(
            title="The tint is surprise",
            text="For each token the lane says how likely it found it before seeing it. The deeper the tint, the less it "
            "expected what came: compare the same words from lane to lane.",
        ),
        "cache": TourStep(
            title="What the cache holds",
            text="The strip is the text, from its first token on: solid is in the cache, hatched has been evicted, and no "
            "later token can attend to it. StreamingLLM keeps {sinks} first tokens, the sinks, and the {recent} latest.",
        ),
        "perplexity": TourStep(
            title="Perplexity, and the training length",
            text="The surprise over the last {window} tokens as one number; lower is better. A line marks {context} tokens, "
            "the length of the texts that this model was trained on: compare the curves before it and after it.",
        ),
        "memory": TourStep(
            title="What it costs",
            text="The bytes of the keys and values that each lane holds. A cache that keeps every token grows towards the "
            "budget, {budget} here, and its lane stops there; a bounded cache stops growing once it is full.",
        ),
        "presets": TourStep(
            title="Things to try",
            text="Each of these sets the form and starts a run at once; a line above the lanes then says what to watch. "
            "“More settings” adds lanes and moves the sinks.",
        ),
        "questions": TourStep(
            title="What follows, and what does not",
            text="What people ask about StreamingLLM, answered with what the run on show measures. For a lecture, “Present” "
            "makes the lanes and the curves large; the key ? lists all keys.",
        ),
    },
    ask_label="Your question",
    ask_both="Ask both",
    ask_all="Ask all",
    ask_placeholder="Where did … hide the …?",
    ask_hint="The bundled models are tiny, trained on prompts like those of the text: ask for something that the text has told.",
    ask_idle="Start a run to ask.",
    ask_elsewhere="Go back to your run, as it is now, to ask.",
    ask_lost="The question did not arrive: the run has ended, or the connection was lost.",
    ask_examples="Questions that the text has answered",
    told_at="told by token {at}",
    said="Answer to your question",
    said_nothing="You have not asked anything yet",
    said_waiting="You ask",
    said_at="You asked at token {at}",
    unanswered={
        "kv-budget": "Out of memory: this lane’s budget has no room left for the question.",
        "ended": "This lane has stopped and freed its cache: there is nothing left to answer from.",
    },
    model="Model",
    model_choice="Model, or owner/name on the Hugging Face Hub",
    source="What is read",
    sources={"prompts": "the prompt stream", "text": "your own text", "python": "the Python language reference"},
    after="After the end of a text",
    afters={"stop": "stop", "prompts": "go on with prompts"},
    own_text="Your text",
    own_placeholder="Paste a text, or drop a text file here",
    own_open="Open a text file",
    own_note="Plain text in UTF-8 or UTF-16, up to 2 MB. It is read for this run and kept nowhere; a link does not carry it.",
    own_count="{count} of {most} characters",
    no_prompts="A text asks nothing: only prompts are answered",
    refusals={
        "empty": "There is no text to read: paste one, or open a text file.",
        "long": "The text is too long: 2,000,000 characters can be read at most. Cut it, or read a part.",
        "size": "The file is larger than 2 MB: open a smaller one, or paste a part of it.",
        "encoding": "The file cannot be read as text: save it as UTF-8, or as UTF-16 with a byte order mark.",
    },
    error="Error",
    errors=dict.fromkeys(errors.__all__, "{said}"),
    readings={
        "prompts": "prompt stream, seed {seed}",
        "text": "your text, {characters} characters",
        "python": "the Python language reference, {characters} characters",
        "text+prompts": "your text, {characters} characters, then the prompt stream, seed {seed}",
        "python+prompts": "the Python language reference, {characters} characters, then the prompt stream, seed {seed}",
    },
    window_beyond="A window of {window} tokens goes past the {context} of its training: StreamingLLM, too, leaves what it knows.",
    loading="Loading",
    loading_stages={
        "waiting": "Model “{model}”.",
        "looking up": "Looking for “{model}” on the Hugging Face Hub.",
        "downloading": "Downloading “{model}”: {done} of {total}.",
        "loading": "Opening “{model}”, {total}.",
        "stopped": "Stopped.",
    },
    queued="Waiting",
    queued_place="All places are taken; you are number {place} in the queue, {wait}. Meanwhile a recorded run is shown.",
    queued_soon="less than a minute to go",
    queued_minutes="roughly {minutes} min to go",
    hidden_pause="Paused while this page was out of sight.",
    costs_title="What would this cost on a large model?",
    costs_note="Keys and values after {tokens} tokens, in 16-bit numbers: computed from each model’s configuration, not measured. The weights come on top.",
    costs_token="Per token",
    costs_dense="Dense cache",
    costs_sinks="StreamingLLM, {window} tokens",
    share_label="Attention on the first {tokens} tokens, by layer",
    share_layer="layer {layer}: {share}",
    share_none="not measured yet",
    share_evicted="evicted: none to attend to",
    share_uncached="no cache to attend to",
    share_unknown="not recorded",
)

ITALIAN = Texts(
    language="it",
    locale="it-IT",
    separators=",.",
    other_language="en",
    other_name="English",
    other_path="./",
    title="StreamingLLM, fianco a fianco",
    headline="Un modello legge un testo senza fine, due volte",
    lead="A sinistra ricorda ogni token; a destra solo i primi e gli ultimi. "
    "Osserva che cosa succede quando il testo supera la lunghezza su cui il modello è stato addestrato.",
    copy_link="Copia link",
    theme="Chiaro o scuro",
    present="Presenta",
    keys="Tasti",
    close="Chiudi",
    transport="Esecuzione",
    start="Avvia",
    starting="Avvio…",
    pause="Pausa",
    resume="Riprendi",
    stop="Ferma",
    restart="Ricomincia",
    sinks="Sink",
    recent="Token recenti",
    budget="Limite, MB",
    pace="Ritmo",
    paces={
        "8": "Lettura, 8 token/s",
        "30": "Scorrendo, 30 token/s",
        "100": "Veloce, 100 token/s",
        "300": "Più veloce, 300 token/s",
        "0": "Il più veloce possibile",
    },
    seed="Seme",
    more="Altre impostazioni",
    more_lanes="Altre corsie, con lo stesso numero di token",
    sink_positions="Dove stanno i sink",
    positions={"cache": "nella cache, come in StreamingLLM", "text": "nel testo, per controllo"},
    presets_label="Prova",
    presets={
        "collapse": Preset(
            name="Collasso in 20 secondi",
            watch="Guarda i colori del testo a sinistra e le due perplessità attorno alla lunghezza di addestramento, che è segnata.",
        ),
        "million": Preset(
            name="Un milione di token",
            watch="Nessun limite di velocità: guarda la memoria delle due corsie, e fin dove arriva quella di destra.",
        ),
        "no_sinks": Preset(
            name="Senza sink",
            watch="La terza corsia ha lo stesso spazio ma nessun sink: guardala alla prima espulsione.",
        ),
        "text_positions": Preset(
            name="Posizioni originali",
            watch="Qui i sink mantengono la loro distanza nel testo: guarda come cambia la perplessità della corsia di destra.",
        ),
        "recall": Preset(
            name="Che cosa dimentica",
            watch="Guarda le risposte: ciò che è stato detto prima del primo token recente è perduto per la corsia di destra.",
        ),
    },
    link_copied="Link copiato",
    recorded="Esecuzione registrata",
    states={"running": "In diretta", "paused": "In pausa", "finished": "Finita"},
    source_recorded="Modello «{model}», {reading}, {seconds} s il {date}.",
    source_live="Modello «{model}», addestrato su {context} token per volta; {reading}; {seconds} s di esecuzione.",
    lanes="Corsie",
    lane_names={
        "dense": "Cache completa",
        "sinks": "StreamingLLM",
        "window": "Finestra",
        "recompute": "Finestra, ricalcolata",
    },
    lane_policies={
        "dense": "tiene ogni token",
        "sinks": "tiene {sinks} sink e gli ultimi {recent} token",
        "window": "tiene gli ultimi {recent} token, nessun sink",
        "recompute": "rilegge gli ultimi {recent} token per ogni token",
    },
    statuses={
        "waiting": "In attesa",
        "reading": "Legge",
        "answering": "Risponde",
        "paused": "In pausa",
        "stopped": "Fermata",
        "failed": "Fallita",
    },
    tokens="Token letti",
    perplexity="Perplessità",
    memory="Memoria KV",
    speed="Token/s",
    time="Tempo per token",
    cache="Cache",
    cache_holds="tiene {held} token su {tokens}",
    strip_probe="cerca un token nella cache",
    strip_unread="non ancora letto",
    strip_sink="token {index}: un sink, posizione {position} nella cache",
    strip_held="token {index}: nella cache, posizione {position}",
    strip_evicted="token {index}: espulso",
    text="Testo in lettura",
    calm="atteso",
    surprised="sorprendente",
    token_hover="token {index}: {nats} nat, probabilità {percent} %",
    answers="Risposte",
    asked_at="Chiesto al token {at}",
    no_answers="Non è stato chiesto ancora nulla",
    no_words="(non dice nulla)",
    right="✓ giusto",
    wrong="✗ sbagliato",
    reference="Riferimento",
    earlier="Risposta precedente",
    later="Risposta successiva",
    verdict_waiting="Non ha ancora letto nulla",
    verdict_reading="{tokens} token, perplessità {now}, {memory}",
    verdict_left="Ha superato la lunghezza di addestramento al token {at}; perplessità {before} → {now}",
    verdict_past="Oltre la lunghezza di addestramento dal token {at}; perplessità {now}, era {before}",
    verdict_forgets="Espelle token dal numero {at}; perplessità {before} → {now}",
    verdict_still="perplessità {now}, {memory}",
    verdict_endings={
        "kv-budget": "Limite di memoria raggiunto: fermata al token {tokens}",
        "tokens": "Fermata all’ultimo token dell’esecuzione, {tokens}",
        "seconds": "Fermata allo scadere del tempo, dopo {tokens} token",
        "user": "Fermata da te dopo {tokens} token",
        "end-of-text": "Ha letto tutto il testo, {tokens} token",
        "memory": "La memoria comune a tutte le esecuzioni di questo server è esaurita: fermata dopo {tokens} token",
        "turn": "Altri aspettavano, e questa esecuzione aveva avuto il suo turno: fermata dopo {tokens} token",
        "idle": "In pausa così a lungo che il posto è andato ad altri: fermata dopo {tokens} token",
        "restart": "Il server si riavvia, ricarica la pagina tra un minuto: fermata dopo {tokens} token",
    },
    curves="Curve",
    show_lanes="Corsie mostrate",
    curves_note="Trascina su un grafico per ingrandire.",
    unzoom="Mostra tutto",
    captions={
        "perplexity": "sugli ultimi {window} token, scala logaritmica; più bassa è meglio",
        "memory": "chiavi e valori nella cache; punteggiata: l’intero processo, su una scala propria",
        "time": "il solo lavoro di ogni corsia, senza il costo della pagina",
    },
    axis_tokens="token letti",
    budget_line="limite di memoria {budget}",
    process_memory="RSS del processo",
    event_training="lunghezza di addestramento",
    event_sinks_gone="{lane}: sink espulsi",
    events={
        "first-eviction": "{lane}: prima espulsione",
        "kv-budget": "{lane}: limite di memoria",
        "failed": "{lane}: fallita",
    },
    download="Scarica",
    questions_title="Domande frequenti",
    questions=(
        Question(
            ask="StreamingLLM allunga il contesto?",
            answer="No. Un token vede ciò che sta nella cache, qui {held} token, che ne siano stati letti {tokens} o un "
            "milione. Allunga soltanto il tempo per cui un modello può andare avanti.",
        ),
        Question(
            ask="Ricorda?",
            answer="Dentro la cache, sì: i primi {sinks} token e gli ultimi {recent}. In questa esecuzione {evicted} token "
            "sono stati espulsi: una domanda su di essi trova risposta solo per caso. Delle {asked} domande con "
            "risposta nota, StreamingLLM ne ha azzeccate finora {right}.",
        ),
        Question(
            ask="Perché quattro sink?",
            answer="L’attenzione deve andare da qualche parte, e i modelli imparano a lasciarla sui primi token quando "
            "non serve altrove (qui, sui primi {first}: {share}). Senza di essi il resto riceve un’attenzione mai avuta in "
            "addestramento. Secondo l’articolo ne bastano quattro ai modelli addestrati senza un sink apposito: metti i "
            "sink a 0, 1, 2 o 8, o prova «Senza sink», e guarda quanti ne servono a questo.",
        ),
        Question(
            ask="Come funzionano le posizioni?",
            answer="Si contano dentro la cache. Con {sinks} sink e {recent} token recenti nessun token sta mai oltre la "
            "posizione {last_position}, che questo modello ha visto nell’addestramento su {context} token. "
            "Passa con il puntatore sulle strisce della cache per vedere il posto di ogni token.",
        ),
        Question(
            ask="Che cosa sono le «22 volte più veloce» di cui si legge?",
            answer="Il dato dell’articolo è rispetto al ricalcolo dell’intera finestra per ogni token, non rispetto a una "
            "cache completa. Aggiungi la corsia «Finestra, ricalcolata» per misurarlo su questa macchina: il tempo per "
            "token è una delle curve.",
        ),
        Question(
            ask="Che cosa dicono la perplessità e i colori?",
            answer="Per ogni token la corsia dice quanto lo riteneva probabile prima di vederlo. Il colore è quella "
            "sorpresa, token per token; la perplessità è la sua media sugli ultimi {window} token, espressa come numero "
            "di scelte ugualmente probabili che sorprenderebbero altrettanto.",
        ),
    ),
    space_key="Spazio",
    key_help={
        "Space": "avvia, pausa, riprendi",
        "S": "ferma",
        "R": "ricomincia",
        "A": "fai una domanda alle corsie",
        "P": "riproduci ciò che è registrato o passato, pausa",
        "← →": "risposte precedenti e successive; nella visita, i suoi passi",
        "F": "entra nella modalità presentazione, o ne esce",
        "Esc": "esce dalla visita o dalla modalità presentazione",
        "?": "questo elenco",
    },
    player="Riproduzione",
    play_recorded="Riproduci la registrazione",
    play_from_start="Rivedi dall’inizio",
    play_on="Continua",
    moment="Momento dell’esecuzione",
    moment_then="{seconds} secondi su {end}, {tokens} token letti",
    moment_now="adesso",
    to_live="Torna in diretta",
    to_end="Alla fine",
    replay_speed="Velocità di riproduzione",
    run_on_show="Esecuzione mostrata",
    own_run="La tua esecuzione",
    recording_title="{tokens} token: {lanes}; «{model}», {date}",
    watch_recorded="{tokens} token, registrati",
    looking_back="Indietro nel tempo",
    source_start="Premi Avvia per eseguirla qui e ora.",
    not_fetched="Il server non l’ha fornita: riprova tra poco.",
    key_help_alone={
        "Space": "riproduci, pausa",
        "F": "entra nella modalità presentazione, o ne esce",
        "← →": "risposte precedenti e successive",
        "Esc": "esce dalla modalità presentazione",
        "?": "questo elenco",
    },
    tools="Strumenti",
    tour_open="Visita guidata",
    tour_step="Passo {step} di {steps}",
    tour_start="Avvia un’esecuzione",
    tour_back="Indietro",
    tour_next="Avanti",
    tour_done="Fine",
    tour={
        "lanes": TourStep(
            title="Più corsie, un solo testo",
            text="Un solo modello legge gli stessi token in ogni corsia. Le corsie differiscono solo nella cache: quali "
            "token tiene, e in quali posizioni. La frase in cima a una corsia riassume ciò che vi è stato misurato.",
        ),
        "tint": TourStep(
            title="Il colore è la sorpresa",
            text="Per ogni token la corsia dice quanto lo riteneva probabile prima di vederlo. Più il colore è intenso, meno "
            "si aspettava ciò che è venuto: confronta le stesse parole da una corsia all’altra.",
        ),
        "cache": TourStep(
            title="Che cosa sta nella cache",
            text="La striscia è il testo, dal suo primo token in poi: il pieno è nella cache, il tratteggiato è stato espulso, "
            "e nessun token successivo può più vederlo. StreamingLLM tiene i primi {sinks} token, i sink, e gli ultimi {recent}.",
        ),
        "perplexity": TourStep(
            title="La perplessità, e la lunghezza di addestramento",
            text="La sorpresa sugli ultimi {window} token in un solo numero; più basso è meglio. Una linea segna {context} token, "
            "la lunghezza dei testi su cui questo modello è stato addestrato: confronta le curve prima e dopo.",
        ),
        "memory": TourStep(
            title="Quanto costa",
            text="I byte delle chiavi e dei valori che ogni corsia tiene. Una cache che tiene ogni token cresce verso il limite, "
            "qui {budget}, e lì la sua corsia si ferma; una cache limitata smette di crescere quando è piena.",
        ),
        "presets": TourStep(
            title="Da provare",
            text="Ognuno di questi pulsanti imposta i valori e avvia subito un’esecuzione; una riga sopra le corsie dice poi che "
            "cosa guardare. «Altre impostazioni» aggiunge corsie e sposta i sink.",
        ),
        "questions": TourStep(
            title="Che cosa ne segue, e che cosa no",
            text="Ciò che si chiede di StreamingLLM, con risposte prese dalle misure dell’esecuzione mostrata. Per una lezione, "
            "«Presenta» ingrandisce le corsie e le curve; il tasto ? elenca tutti i tasti.",
        ),
    },
    ask_label="La tua domanda",
    ask_both="Chiedi a entrambe",
    ask_all="Chiedi a tutte",
    ask_placeholder="Where did … hide the …?",
    ask_hint="I modelli inclusi sono minuscoli, addestrati su domande come quelle del testo, in inglese: chiedi qualcosa che il testo ha detto.",
    ask_idle="Avvia un’esecuzione per chiedere.",
    ask_elsewhere="Torna alla tua esecuzione, al presente, per chiedere.",
    ask_lost="La domanda non è arrivata: l’esecuzione è finita, o la connessione è caduta.",
    ask_examples="Domande a cui il testo ha risposto",
    told_at="detto entro il token {at}",
    said="Risposta alla tua domanda",
    said_nothing="Non hai ancora chiesto nulla",
    said_waiting="Chiedi",
    said_at="Hai chiesto al token {at}",
    unanswered={
        "kv-budget": "Memoria esaurita: nel limite di questa corsia non c’è più posto per la domanda.",
        "ended": "Questa corsia si è fermata e ha liberato la cache: non ha più nulla da cui rispondere.",
    },
    model="Modello",
    model_choice="Modello, o proprietario/nome sull’Hub di Hugging Face",
    source="Che cosa si legge",
    sources={"prompts": "il flusso di prompt", "text": "un tuo testo", "python": "il manuale del linguaggio Python"},
    after="Dopo la fine di un testo",
    afters={"stop": "fermarsi", "prompts": "continuare con i prompt"},
    own_text="Il tuo testo",
    own_placeholder="Incolla un testo, o trascina qui un file di testo",
    own_open="Apri un file di testo",
    own_note="Testo semplice in UTF-8 o UTF-16, fino a 2 MB. Si legge per questa esecuzione e non si conserva; il link non lo porta con sé.",
    own_count="{count} caratteri su {most}",
    no_prompts="Un testo non chiede nulla: si risponde solo ai prompt",
    refusals={
        "empty": "Non c’è testo da leggere: incollane uno, o apri un file di testo.",
        "long": "Il testo è troppo lungo: si leggono al massimo 2.000.000 di caratteri. Accorcialo, o leggine una parte.",
        "size": "Il file supera i 2 MB: aprine uno più piccolo, o incollane una parte.",
        "encoding": "Il file non si può leggere come testo: salvalo in UTF-8, o in UTF-16 con byte order mark.",
    },
    error="Errore",
    errors={
        "StreamingError": "Non è possibile. (In inglese: {said})",
        "SettingsError": "Un’impostazione o una domanda non va bene: correggila. (In inglese: {said})",
        "ModelError": "Il modello non si può usare ora. (In inglese: {said})",
        "ModelNotFound": "Il modello non si trova, o è privato: controlla come è scritto. (In inglese: {said})",
        "ModelGated": "Il modello è riservato a chi ne ha accettato la licenza sull’Hub. (In inglese: {said})",
        "ModelUnsafe": "Il modello non si può aprire senza eseguire codice altrui: scegline uno in safetensors. (In inglese: {said})",
        "ModelDamaged": "I file del modello sono incompleti o guasti: riprova, o scegline un altro. (In inglese: {said})",
        "ModelTooLarge": "Il modello non entra nella memoria: scegline uno più piccolo. (In inglese: {said})",
        "ModelUnsupported": "Questo tipo di modello non si può leggere senza fine in modo esatto: scegline un altro. (In inglese: {said})",
        "HubUnreachable": "L’Hub di Hugging Face non risponde: riprova più tardi, o scegli un modello incluso. (In inglese: {said})",
        "ServerBusy": "Il server è pieno, o si sta riavviando: riprova tra qualche minuto. (In inglese: {said})",
        "StreamError": "La lettura non può continuare: avviala di nuovo. (In inglese: {said})",
        "RecordingError": "La registrazione è guasta, o di un’altra versione. (In inglese: {said})",
    },
    readings={
        "prompts": "flusso di prompt, seme {seed}",
        "text": "il tuo testo, {characters} caratteri",
        "python": "il manuale del linguaggio Python, {characters} caratteri",
        "text+prompts": "il tuo testo, {characters} caratteri, poi il flusso di prompt, seme {seed}",
        "python+prompts": "il manuale del linguaggio Python, {characters} caratteri, poi il flusso di prompt, seme {seed}",
    },
    window_beyond="Una finestra di {window} token va oltre i {context} dell’addestramento: anche StreamingLLM esce da ciò che conosce.",
    loading="Caricamento",
    loading_stages={
        "waiting": "Modello «{model}».",
        "looking up": "Ricerca di «{model}» sull’Hub di Hugging Face.",
        "downloading": "Download di «{model}»: {done} di {total}.",
        "loading": "Apertura di «{model}», {total}.",
        "stopped": "Fermato.",
    },
    queued="In coda",
    queued_place="Tutti i posti sono occupati; sei al numero {place} della coda, {wait}. Intanto si vede un’esecuzione registrata.",
    queued_soon="manca meno di un minuto",
    queued_minutes="mancano circa {minutes} min",
    hidden_pause="In pausa mentre questa pagina non era in vista.",
    costs_title="Quanto costerebbe su un modello grande?",
    costs_note="Chiavi e valori dopo {tokens} token, in numeri a 16 bit: calcolati dalla configurazione di ogni modello, non misurati. I pesi del modello si aggiungono.",
    costs_token="Per token",
    costs_dense="Cache completa",
    costs_sinks="StreamingLLM, {window} token",
    share_label="Attenzione ai primi {tokens} token, strato per strato",
    share_layer="strato {layer}: {share}",
    share_none="non ancora misurata",
    share_evicted="espulsi: nulla da guardare",
    share_uncached="nessuna cache da guardare",
    share_unknown="non registrata",
)

TEXTS: Mapping[str, Texts] = MappingProxyType({text.language: text for text in (ENGLISH, ITALIAN)})
