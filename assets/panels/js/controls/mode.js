// Whether lanes read one text or chat: a control above everything, the form's setting behind it, and the address. In either
// mode runs of that kind alone are on show.

import { isDialogue } from "../data/dialogue.js";
import { page } from "../data/page.js";
import { chooseRun, show } from "./shown.js";

function modeOf(history) {
  return isDialogue(history) ? "chat" : "read";
}

export function recordingsOf(state) {
  return page.recordings.filter((recording) => recording.mode === state.mode);
}

function put(state, mode) {
  state.mode = mode;
  state.root.classList.toggle("sl-chat", mode === "chat");
  for (const button of state.root.querySelectorAll(".sl-modes button")) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  putInForm(state);
}

// The form may come later than the page stands, and for a moment it says what it comes with.
export function putInForm(state) {
  const choice = state.find(`#mode input[value="${state.mode}"]`);
  if (choice && !choice.checked) choice.click();
}

// In the address as a word, so that it can be typed.
function putInAddress(mode) {
  const address = new URL(location.href);
  if (mode === "read") address.searchParams.delete("mode");
  else address.searchParams.set("mode", mode);
  history.replaceState(null, "", address);
}

// The visitor's own run of that kind, else the first recorded one, else nothing.
function showSome(state) {
  const own = state.told && modeOf(state.told) === state.mode ? state.told : null;
  const [recording] = recordingsOf(state);
  if (own) show(state, own);
  else if (recording) chooseRun(state, recording.name);
  else show(state, null);
}

export function chooseMode(state, mode) {
  if (mode === state.mode) return;
  put(state, mode);
  if (!state.alone) putInAddress(mode);
  if (modeOf(state.latest) !== mode || !state.latest) showSome(state);
  state.draw();
}

// A run that comes brings its mode along.
export function followRun(state) {
  if (state.latest && modeOf(state.latest) !== state.mode) put(state, modeOf(state.latest));
}

function asked() {
  return (new URLSearchParams(location.search).get("mode") ?? "").replaceAll('"', "");
}

export function bindMode(state) {
  for (const button of state.root.querySelectorAll(".sl-modes button")) button.addEventListener("click", () => chooseMode(state, button.dataset.mode));
  document.addEventListener("sl-moved", ({ detail }) => {
    const mode = detail[page.fields.indexOf("mode")];
    if (state.starting && state.preset) chooseMode(state, mode);
    else putInForm(state);
  });
}

// Once the page stands with what it comes with.
export function beginMode(state) {
  if (state.alone) put(state, modeOf(state.latest));
  else if (asked() === "chat") chooseMode(state, "chat");
}
