// The page's keys, and their list.

import { page } from "../data/page.js";
import { turnPage } from "../view/answers.js";
import { focusQuestion } from "./ask.js";
import { togglePlay } from "./player.js";
import { present, togglePresentation } from "./presentation.js";
import { act } from "./commands.js";
import { TOUR_KEYS } from "./tour.js";

const KEYS = {
  " ": (state) => act(state, "main"), s: (state) => act(state, "stop"), r: (state) => act(state, "restart"),
  a: focusQuestion, p: togglePlay, arrowleft: (state) => turnPages(state, -1), arrowright: (state) => turnPages(state, 1),
  f: togglePresentation, escape: (state) => present(state, false),
  "?": (state) => state.find(".sl-dialog").showModal(),
};
const KEYS_ALONE = { ...KEYS, " ": togglePlay, a: null, s: null, r: null };
const TYPING = 'input,textarea,select,dialog:modal,[contenteditable="true"],[role="slider"],[role="combobox"],[role="listbox"]';
const PRESSING = "button,a,summary,[tabindex='0']"; // what the space bar and Enter themselves press or scroll

export function onKey(state, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPING)) return;
  if ((event.key === " " || event.key === "Enter") && event.target.closest(PRESSING)) return;
  const key = event.key.toLowerCase();
  const action = (state.tour && TOUR_KEYS[key]) ?? (state.alone ? KEYS_ALONE : KEYS)[key];
  if (!action) return;
  event.preventDefault();
  action(state);
}

export function listKeys(state) {
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

function turnPages(state, step) {
  for (const { answers } of state.lanes) turnPage(answers, step);
}
