// The page's keys, and their list.

import { page } from "../data/page.js";
import { turnPage } from "../view/judged.js";
import { focusQuestion } from "./ask.js";
import { togglePlay } from "./player.js";
import { isPresenting, present, showAddressCode, togglePresentation } from "./presentation.js";
import { act } from "./commands.js";
import { TOUR_KEYS } from "./tour.js";

// Questions of the text are turned over; a chat has none.
function turn(state, by) {
  if (state.mode !== "chat") turnPage(state, by);
}

const KEYS = {
  " ": (state) => act(state, "main"), s: (state) => act(state, "stop"), r: (state) => act(state, "restart"),
  a: focusQuestion, p: togglePlay, arrowleft: (state) => turn(state, -1), arrowright: (state) => turn(state, 1),
  f: togglePresentation, escape: (state) => present(state, false),
  "?": (state) => state.find(".sl-keys").showModal(),
};
// What a clicker sends, in a lecture alone: there, nothing is to be scrolled.
const CLICKS = {
  pagedown: (state) => act(state, "main"), pageup: (state) => turn(state, -1), q: showAddressCode,
  b: () => document.body.classList.toggle("sl-black"), ".": () => document.body.classList.toggle("sl-black"),
};
const KEYS_ALONE = { ...KEYS, " ": togglePlay, a: null, s: null, r: null };
const TYPING = 'input,textarea,select,dialog:modal,[contenteditable="true"],[role="slider"],[role="combobox"],[role="listbox"]';
const PRESSING = "button,a,summary,[tabindex='0']"; // what the space bar and Enter themselves press or scroll

// A key by its letter; on a layout that has no Latin letters, by its place. Some programs press keys without either.
function keyOf({ key = "", code = "" }) {
  const foreign = key.length === 1 && key.charCodeAt(0) > 127;
  return (foreign ? code.replace(/^Key/, "") : key).toLowerCase();
}

export function onKey(state, event) {
  const key = keyOf(event);
  if (!key || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(TYPING)) return;
  if ((key === " " || key === "enter") && event.target.closest?.(PRESSING)) return;
  const action = (isPresenting() && CLICKS[key]) || ((state.tour && TOUR_KEYS[key]) ?? (state.alone ? KEYS_ALONE : KEYS)[key]);
  if (!action) return;
  event.preventDefault();
  action(state);
}

export function listKeys(state) {
  const list = state.find(".sl-keys dl");
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

