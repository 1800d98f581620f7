// The live panel: paints the recorded run at once, then follows the frames that the server yields.

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
  const known = state.history?.run === frame.run;
  if (!known && state.past.has(frame.run)) return;
  if (!known) {
    state.past.add(frame.run);
    state.history = newHistory(frame);
    state.history.preset = state.preset;
    state.zoom = null;
    state.starting = false;
  }
  mergeFrame(state.history, frame);
  state.draw();
}

function sourceText(history) {
  const { header, recorded } = history;
  const words = page.words;
  const values = {
    model: header?.model ?? "", seed: header?.seed ?? "", context: countText(header?.context ?? 0),
    seconds: countText(history.seconds),
    date: header?.recorded_at ? new Intl.DateTimeFormat(words.locale, { dateStyle: "long" }).format(new Date(header.recorded_at)) : "",
  };
  return fill(recorded ? words.source_recorded : words.source_live, values);
}

function drawSource(state) {
  const { history } = state;
  const { words } = page;
  const badge = state.find(".sl-badge");
  badge.dataset.state = history.recorded ? "recorded" : history.state;
  setText(badge, history.recorded ? words.recorded : words.states[history.state]);
  setText(state.find(".sl-watch"), words.presets[history.preset]?.watch ?? "");
  setText(state.find(".sl-source-text"), sourceText(history));
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
  const endings = state.history.lanes.map((lane) => lane.reason).join();
  const now = performance.now();
  if (state.history.recorded || (endings === state.endings && now - state.announced < ANNOUNCE_EVERY)) return;
  Object.assign(state, { endings, announced: now });
  const text = state.history.lanes.map((lane) => `${laneName(lane)}: ${verdict(lane)}.`).join(" ");
  setText(state.find("[role='status']"), text);
}

function render(state) {
  drawControls(state);
  if (!state.history) return;
  drawSource(state);
  drawLanes(state);
  drawChips(state);
  drawCaptions(state);
  drawCharts(state);
  drawQuestions(state);
  announce(state);
}

function newState(root, trigger, server) {
  const state = {
    root, trigger, server, history: null, past: new Set(), starting: false, preset: null,
    lanes: [], hidden: new Set(), zoom: null, look: null, stale: false, inRound: false, rested: 0,
    endings: "", announced: -ANNOUNCE_EVERY, waiting: false,
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

function mount(root, trigger, props, server, watch) {
  document.documentElement.lang = page.words.language;
  document.title = page.words.title;
  root.querySelector("[data-place='top']").append(part("top"));
  root.querySelector("[data-place='rest']").append(part("rest"));
  root.classList.add("sl");
  const state = newState(root, trigger, server);
  bindControls(state);
  buildQuestions(state);
  watchLook(state);
  accept(state, props.value);
  render(state);
  watch("value", () => accept(state, props.value));
  requestAnimationFrame(() => requestAnimationFrame(() => fetchPlotly(() => state.draw())));
}

mount(element, trigger, props, server, watch);
