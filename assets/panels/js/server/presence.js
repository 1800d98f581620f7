// A run that nobody sees is paused.

import { page } from "../data/page.js";
import { phase } from "../data/phase.js";
import { control } from "../controls/commands.js";
import { notify } from "../controls/shown.js";

// The address keeps the settings of the latest run, so that a reload, the visitor's or the server's, finds them again.
export function begun(state) {
  state.quietly = true;
  if (state.follows) state.trigger("suit"); // the model has come, and its settings with it
  state.follows = false;
  state.trigger("link");
  if (document.hidden) goAway(state);
}

function goAway(state) {
  if (phase(state) !== "running") return;
  state.away = state.told.run;
  control(state, "pause");
}

function comeBack(state) {
  if (state.away && state.away === state.told?.run && state.told.state !== "finished") {
    control(state, "resume");
    notify(state, page.words.hidden_pause);
  }
  state.away = null;
}

export function bindPresence(state) {
  document.addEventListener("visibilitychange", () => (document.hidden ? goAway : comeBack)(state));
}
