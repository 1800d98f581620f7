// Start, pause, stop, restart; keys; theme; presentation. The settings themselves are Gradio components.

function phase(state) {
  if (state.starting) return "starting";
  return state.history && !state.history.recorded ? state.history.state : "idle";
}

const MAIN_ACTIONS = { running: "pause", paused: "resume" };

function drawControls(state) {
  const now = phase(state);
  const live = now === "running" || now === "paused";
  const action = MAIN_ACTIONS[now] ?? (now === "starting" ? "starting" : "start");
  const main = state.find("[data-do='main']");
  main.dataset.action = action;
  main.disabled = now === "starting";
  setText(main.firstElementChild, page.words[action]);
  state.find("[data-do='stop']").disabled = !live;
  state.find("[data-do='restart']").disabled = !live && now !== "finished";
}

function startRun(state) {
  if (state.starting) return;
  state.starting = true;
  state.trigger("start");
  state.draw();
}

async function control(state, action) {
  await state.server.control({ run: state.history.run, action });
}

function act(state, what) {
  const now = phase(state);
  const live = now === "running" || now === "paused";
  if (what === "main" && MAIN_ACTIONS[now]) control(state, MAIN_ACTIONS[now]);
  else if (what === "main") startRun(state);
  else if (what === "stop" && live) control(state, "stop");
  else if (what === "restart" && (live || now === "finished")) startRun(state);
}

const KEYS = { " ": (state) => act(state, "main"), s: (state) => act(state, "stop"), r: (state) => act(state, "restart"),
  f: togglePresentation, "?": (state) => state.find(".sl-dialog").showModal() };
const TYPING = 'input,textarea,select,button,a,summary,dialog,[contenteditable="true"],[role="slider"],[role="combobox"],[role="listbox"]';

function onKey(state, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPING)) return;
  const action = KEYS[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action(state);
}

function togglePresentation(state) {
  const on = document.body.classList.toggle("sl-present");
  state.find("[data-tool='present']").setAttribute("aria-pressed", String(on));
  window.dispatchEvent(new Event("resize"));
}

function toggleTheme(state) {
  document.body.classList.toggle("dark");
  state.draw();
}

function listKeys(state) {
  const list = state.find(".sl-dialog dl");
  for (const [key, words] of Object.entries(page.words.key_help)) {
    const term = document.createElement("dt");
    const kbd = document.createElement("kbd");
    kbd.textContent = key;
    term.append(kbd);
    const what = document.createElement("dd");
    what.textContent = words;
    list.append(term, what);
  }
}

function bindControls(state) {
  for (const button of state.root.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => act(state, button.dataset.do));
  }
  state.find("[data-tool='theme']").addEventListener("click", () => toggleTheme(state));
  state.find("[data-tool='present']").addEventListener("click", () => togglePresentation(state));
  state.find("[data-tool='keys']").addEventListener("click", () => state.find(".sl-dialog").showModal());
  document.addEventListener("keydown", (event) => onKey(state, event));
  document.addEventListener("sl-ended", () => {
    state.starting = false;
    state.draw();
  });
  listKeys(state);
}
