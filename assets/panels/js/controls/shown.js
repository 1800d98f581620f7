// Which run is on show: the visitor's own, or a recorded one, fetched when it is first wanted.

import { recordedRunOf } from "../data/any.js";
import { page } from "../data/page.js";
import { OWN, isComplete } from "../data/phase.js";

export function show(state, history) {
  Object.assign(state, { latest: history, at: null, playing: null, zoom: null, turn: null });
  state.draw();
}

export async function chooseRun(state, name) {
  const history = name === OWN ? state.told : await recordedRun(state, name);
  if (history && history !== state.latest) show(state, history);
}

function recordedRun(state, name) {
  if (!state.runs.has(name)) state.runs.set(name, fetchRun(state, name));
  return state.runs.get(name);
}

// Nothing where it cannot be fetched: the page says so, and it can be tried again.
async function fetchRun(state, name) {
  try {
    const answer = await fetch(page.recordings.find((known) => known.name === name).url);
    if (!answer.ok) throw new Error(answer.status);
    return Object.assign(recordedRunOf(await answer.json(), name), { name });
  } catch {
    state.runs.delete(name);
    notify(state, page.words.not_fetched);
    return null;
  }
}

// The page comes with the end of a recorded run; what happened before that is fetched.
export async function complete(state) {
  const { latest } = state;
  if (isComplete(latest)) return true;
  const whole = await recordedRun(state, latest.name);
  if (whole && state.latest === latest) state.latest = Object.assign(whole, { run: latest.run });
  return Boolean(whole);
}

export function notify(state, text) {
  state.notice = text;
  state.draw();
  setTimeout(() => {
    state.notice = "";
    state.draw();
  }, NOTICE_LASTS);
}

const NOTICE_LASTS = 4000; // ms
