// Start, pause, stop, restart of the visitor's own run; keys; theme; presentation. The settings themselves are Gradio components.

function phase(state) {
  if (state.loading) return "loading";
  if (state.starting) return "starting";
  return state.told && !state.told.recorded ? state.told.state : "idle";
}

const MAIN_ACTIONS = { running: "pause", paused: "resume" };

function drawControls(state) {
  const now = phase(state);
  const live = now === "running" || now === "paused";
  const coming = now === "starting" || now === "loading";
  const action = MAIN_ACTIONS[now] ?? (coming ? "starting" : "start");
  const main = state.find("[data-do='main']");
  main.dataset.action = action;
  main.disabled = coming;
  setText(main.firstElementChild, page.words[action]);
  state.find("[data-tool='tour']").disabled = !state.history;
  state.find("[data-do='stop']").disabled = !live && now !== "loading";
  state.find("[data-do='restart']").disabled = !live && now !== "finished";
}

// A run by the settings as they stand, or, with the name of a preset, by those that it sets.
function startRun(state, preset = null) {
  const text = state.starting || preset ? "" : ownText(state);
  if (state.starting || text === null) return;
  state.starting = true;
  state.preset = preset;
  if (preset) state.trigger("preset", { name: preset });
  else state.trigger("start", { text });
  state.draw();
}

async function control(state, action) {
  await state.server.control({ run: (state.loading ?? state.told).run, action });
}

function act(state, what) {
  const now = phase(state);
  const live = now === "running" || now === "paused";
  if (what === "main" && MAIN_ACTIONS[now]) control(state, MAIN_ACTIONS[now]);
  else if (what === "main") startRun(state);
  else if (what === "stop" && (live || now === "loading")) control(state, "stop");
  else if (what === "restart" && (live || now === "finished")) startRun(state);
}

const KEYS = {
  " ": (state) => act(state, "main"), s: (state) => act(state, "stop"), r: (state) => act(state, "restart"),
  a: focusQuestion, p: togglePlay, arrowleft: (state) => turnPages(state, -1), arrowright: (state) => turnPages(state, 1),
  f: togglePresentation, escape: (state) => present(state, false),
  "?": (state) => state.find(".sl-dialog").showModal(),
};
const KEYS_ALONE = { ...KEYS, " ": togglePlay, a: null, s: null, r: null };
const TYPING = 'input,textarea,select,dialog:modal,[contenteditable="true"],[role="slider"],[role="combobox"],[role="listbox"]';
const PRESSING = "button,a,summary,[tabindex='0']"; // what the space bar and Enter themselves press or scroll

function onKey(state, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPING)) return;
  if ((event.key === " " || event.key === "Enter") && event.target.closest(PRESSING)) return;
  const key = event.key.toLowerCase();
  const action = (state.tour && TOUR_KEYS[key]) ?? (state.alone ? KEYS_ALONE : KEYS)[key];
  if (!action) return;
  event.preventDefault();
  action(state);
}

function isPresenting() {
  return document.body.classList.contains("sl-present");
}

function togglePresentation(state) {
  present(state, !isPresenting());
}

function present(state, on) {
  if (on === isPresenting()) return;
  document.body.classList.toggle("sl-present", on);
  state.find("[data-tool='present']").setAttribute("aria-pressed", String(on));
  fitScreen(state);
  window.dispatchEvent(new Event("resize"));
}

// Large on the whole screen, where the browser allows it: inside another page it may not. The browser takes its time,
// and the key may be pressed again meanwhile: what counts is what the page wants at the end.
async function fitScreen(state) {
  if (state.fitting || !document.fullscreenEnabled) return;
  state.fitting = true;
  try {
    while (isPresenting() !== Boolean(document.fullscreenElement)) {
      await (isPresenting() ? document.documentElement.requestFullscreen() : document.exitFullscreen());
    }
  } catch {
    // Refused, as without a key or a click of the visitor's: large in the window, then.
  } finally {
    state.fitting = false;
  }
}

// A visitor leaves the whole screen by the browser's own key, which ends the lecture as well.
function bindPresentation(state) {
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && !state.fitting) present(state, false);
  });
}

function turnPages(state, step) {
  for (const { answers } of state.lanes) turnPage(answers, step);
}

function toggleTheme(state) {
  document.body.classList.toggle("dark");
  state.draw();
}

function toggleMore(state) {
  const on = state.root.classList.toggle("sl-more");
  state.find("[data-tool='more']").setAttribute("aria-expanded", String(on));
}

// A link carries the settings as they stand, each as JSON.
async function copyLink(state, values) {
  const query = new URLSearchParams(values.map((value, i) => [page.fields[i], JSON.stringify(value)]));
  history.replaceState(null, "", `?${query}`);
  const { quietly } = state;
  state.quietly = false;
  if (quietly) return;
  const button = state.find("[data-tool='link']");
  await navigator.clipboard?.writeText(location.href).catch(() => {});
  setText(button, page.words.link_copied);
  setTimeout(() => setText(button, page.words.copy_link), 2000);
}

function presetChip(state, [name, preset]) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "sl-chip";
  chip.textContent = preset.name;
  chip.title = preset.watch;
  chip.addEventListener("click", () => startRun(state, name));
  return chip;
}

function listKeys(state) {
  const list = state.find(".sl-dialog dl");
  for (const [key, words] of Object.entries(state.alone ? page.words.key_help_alone : page.words.key_help)) {
    const term = document.createElement("dt");
    const kbd = document.createElement("kbd");
    kbd.textContent = key === "Space" ? page.words.space_key : key;
    term.append(kbd);
    const what = document.createElement("dd");
    what.textContent = words;
    list.append(term, what);
  }
}

// Another language is another address; the settings of the link go along.
function languageLink({ language, name, path }) {
  const link = document.createElement("a");
  Object.assign(link, { className: "sl-quiet", textContent: name, href: path, lang: language, hreflang: language });
  link.dataset.tool = "language";
  link.addEventListener("click", () => {
    link.href = path + location.search;
  });
  return link;
}

function unzoom(state) {
  state.zoom = null;
  state.draw();
}

const TOOLS = {
  link: (state) => state.trigger("link"), theme: toggleTheme, present: togglePresentation, more: toggleMore, unzoom,
  "present-time": toPresent, tour: openTour,
  keys: (state) => state.find(".sl-dialog").showModal(),
};

function bindControls(state) {
  const onClick = (selector, act) => {
    for (const button of state.root.querySelectorAll(selector)) button.addEventListener("click", () => act(button.dataset));
  };
  onClick("[data-do]", (data) => act(state, data.do));
  onClick("button[data-tool]", (data) => TOOLS[data.tool](state));
  onClick("[data-save]", (data) => save(state, data.save));
  document.addEventListener("keydown", (event) => onKey(state, event));
  document.addEventListener("sl-link", (event) => copyLink(state, event.detail));
  document.addEventListener("sl-failed", () => {
    state.starting = false;
    state.loading = null;
    state.draw();
  });
  state.find(".sl-presets .sl-chips").append(...Object.entries(page.words.presets).map((preset) => presetChip(state, preset)));
  state.find(".sl-languages").append(...page.languages.map(languageLink));
  bindPresentation(state);
  bindTour(state);
  listKeys(state);
}
