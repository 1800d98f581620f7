// The panel: paints the run that its host begins with at once, then follows the frames that come.

const ANNOUNCE_EVERY = 10_000; // ms between two announcements to a screen reader

function part(name) {
  const markup = document.createElement("template");
  markup.innerHTML = page.markup;
  const piece = markup.content.querySelector(`[data-part="${name}"]`).content;
  putWords(piece);
  return piece;
}

function accept(state, text) {
  if (!text) return;
  const frame = JSON.parse(text);
  if (frame.state === "loading") {
    acceptLoading(state, frame);
    return;
  }
  if (frame.state === "queued") {
    acceptQueued(state, frame);
    return;
  }
  const known = state.told?.run === frame.run;
  if (!known && state.past.has(frame.run)) return;
  if (!known) {
    state.past.add(frame.run);
    state.told = Object.assign(newHistory(frame), { preset: state.preset, name: frame.recorded ? page.painted : OWN });
    state.starting = false;
    state.loading = null;
    show(state, state.told);
  }
  mergeFrame(state.told, frame);
  if (!known && !frame.recorded) begun(state);
  state.draw();
}

// What is read; a name that the page has no words for is shown as it is.
function readingText(header) {
  const values = { seed: header?.seed ?? "", characters: countText(header?.source_characters ?? 0) };
  return fill(page.words.readings[header?.source ?? "prompts"] ?? header.source, values);
}

// A cache may be larger than what the model was trained on; then StreamingLLM, too, leaves what it knows.
function windowText({ header, lanes }) {
  const window = Math.max(...lanes.map((lane) => lane.sinks + lane.recent));
  if (!header || window < header.context) return "";
  return fill(page.words.window_beyond, { window: countText(window), context: countText(header.context) });
}

// A recorded run is described as a whole, a live one as it is at the moment on show.
function sourceText({ latest, history, alone }) {
  const { header, recorded, seconds } = latest.recorded ? latest : history;
  const words = page.words;
  const values = {
    model: header?.model ?? "", reading: readingText(header), context: countText(header?.context ?? 0),
    seconds: countText(seconds), date: dateText(header?.recorded_at, "long"),
  };
  const start = recorded && !alone ? words.source_start : "";
  return [fill(recorded ? words.source_recorded : words.source_live, values), start, windowText(history)].filter(Boolean).join(" ");
}

function badgeOf({ latest, history, at }) {
  const { words } = page;
  if (latest.recorded) return ["recorded", words.recorded];
  return at === null ? [history.state, words.states[history.state]] : ["past", words.looking_back];
}

function drawSource(state) {
  const badge = state.find(".sl-badge");
  const [kind, text] = badgeOf(state);
  badge.dataset.state = kind;
  setText(badge, text);
  setText(state.find(".sl-watch"), page.words.presets[state.history.preset]?.watch ?? "");
  setText(state.find(".sl-source-text"), state.notice || sourceText(state));
}

function drawCaptions(state) {
  const { header } = state.history;
  for (const figure of state.root.querySelectorAll("[data-chart]")) {
    const words = page.words.captions[figure.dataset.chart];
    setText(figure.querySelector("figcaption p"), fill(words, { window: countText(header?.window ?? 0) }));
  }
}

// A screen reader hears the verdicts when a lane's ending changes, otherwise every ten seconds at most.
function announce(state) {
  if (state.notice) setText(state.find("[role='status']"), state.notice);
  if (state.latest.recorded || state.at !== null) return;
  const endings = state.history.lanes.map((lane) => lane.reason).join();
  const now = performance.now();
  if (endings === state.endings && now - state.announced < ANNOUNCE_EVERY) return;
  Object.assign(state, { endings, announced: now });
  const text = state.history.lanes.map((lane) => `${laneName(lane)}: ${verdict(lane)}.`).join(" ");
  setText(state.find("[role='status']"), text);
}

// A moment that was shown stays as it was while the run goes on.
function momentOnShow({ latest, at, history }) {
  const place = `${latest?.run}@${at}`;
  if (at === null || !isComplete(latest)) return latest;
  return history?.place === place ? history : Object.assign(historyAt(latest, at), { place });
}

function render(state) {
  state.history = momentOnShow(state);
  drawControls(state);
  if (state.history && !state.loading) drawSource(state);
  drawLoading(state);
  drawPlayer(state);
  drawAsk(state);
  if (!state.history) return;
  drawLanes(state);
  drawReplies(state);
  drawChips(state);
  drawCaptions(state);
  drawCharts(state);
  drawCosts(state);
  drawQuestions(state);
  announce(state);
  drawTour(state);
}

// `told` is the run that frames tell, `latest` the run on show, which may be a recording, and `history` the moment of it.
function newState(root, { trigger, server, alone = false }) {
  const state = {
    root, trigger, server, alone, told: null, latest: null, history: null, at: null, playing: null, speed: 1,
    runs: new Map(), notice: "", past: new Set(), starting: false, loading: null, preset: null,
    lanes: [], hidden: new Set(), zoom: null, look: null, stale: false, inRound: false, rested: 0,
    asked: null, examples: [], examplesOf: null, examplesAt: -EXAMPLES_STAY, endings: "", announced: -ANNOUNCE_EVERY, waiting: false,
    away: null, quietly: false, fitting: false,
    find: (selector) => root.querySelector(selector),
  };
  state.draw = () => {
    if (state.waiting) return;
    state.waiting = true;
    requestAnimationFrame(() => {
      state.waiting = false;
      render(state);
    });
  };
  return state;
}

// A host is what the panel stands in: `follow` begins to tell the state what to show; the commands `trigger` and
// `server` are Gradio's; in a page that stands alone there are none.
function mount(root, host) {
  document.documentElement.lang = page.words.language;
  document.title = page.words.title;
  root.querySelector("[data-place='top']").append(part("top"));
  root.querySelector("[data-place='rest']").append(part("rest"));
  root.classList.add("sl");
  root.classList.toggle("sl-alone", Boolean(host.alone));
  const state = newState(root, host);
  bindControls(state);
  bindPlayer(state);
  if (!host.alone) bindOwn(state);
  if (!host.alone) bindPresence(state);
  buildCosts(state);
  buildQuestions(state);
  buildAsk(state);
  watchLook(state);
  host.follow(state);
  render(state);
  requestAnimationFrame(() => requestAnimationFrame(() => fetchPlotly(() => state.draw())));
}
