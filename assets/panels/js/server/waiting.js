// A run that waits for its model or for a place, while a recorded one plays.

import { togglePlay } from "../controls/player.js";

// A wait is over for itself: the run that it was for has the same id.
function waitOf(told) {
  return `wait for ${told.run}`;
}

export function acceptQueued(state, told) {
  const known = state.loading?.run === told.run;
  if (!known && state.past.has(waitOf(told))) return;
  state.past.add(waitOf(told));
  state.loading = told.place ? told : null;
  state.starting = state.loading !== null;
  if (!known && told.place && state.latest?.recorded && !state.playing) togglePlay(state);
  state.draw();
}

export function acceptLoading(state, told) {
  const known = state.loading?.run === told.run;
  if (!known && state.past.has(waitOf(told))) return;
  state.past.add(waitOf(told));
  state.loading = told.stage === "stopped" ? null : told;
  state.starting = state.loading !== null;
  state.draw();
}
