// Start, pause, stop and restart of the visitor's own run. The settings themselves are Gradio components.

import { page } from "../data/page.js";
import { isLive, phase } from "../data/phase.js";
import { setText } from "../view/dom.js";
import { ownText } from "./own.js";

const MAIN_ACTIONS = { running: "pause", paused: "resume" };

export function drawControls(state) {
  const [now, live] = [phase(state), isLive(state)];
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
export function startRun(state, preset = null) {
  const text = state.starting || preset || state.mode === "chat" ? "" : ownText(state);
  if (state.starting || text === null) return;
  Object.assign(state, { starting: true, preset, token: null });
  if (preset) state.trigger("preset", { name: preset });
  else state.trigger("start", { text, follows: state.follows, mode: state.mode });
  state.draw();
}

export async function control(state, action) {
  await state.server.control({ run: (state.loading ?? state.told).run, action }).catch(() => false); // not while it is lost
}

export function act(state, what) {
  const [now, live] = [phase(state), isLive(state)];
  if (what === "main" && MAIN_ACTIONS[now]) control(state, MAIN_ACTIONS[now]);
  else if (what === "main") startRun(state);
  else if (what === "stop" && (live || now === "loading")) control(state, "stop");
  else if (what === "restart" && (live || now === "finished")) startRun(state);
}
