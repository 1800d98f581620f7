// A run that waits for its model or for a place, while a recorded one plays.

import { togglePlay } from "./player.js";

export function acceptQueued(state, told) {
  const known = state.loading?.run === told.run;
  if (!known && state.past.has(told.run)) return;
  state.past.add(told.run);
  state.loading = told.place ? told : null;
  state.starting = state.loading !== null;
  if (!known && told.place && state.latest?.recorded && !state.playing) togglePlay(state);
  state.draw();
}

export function acceptLoading(state, told) {
  const known = state.loading?.run === told.run;
  if (!known && state.past.has(told.run)) return;
  state.past.add(told.run);
  state.loading = told.stage === "stopped" ? null : told;
  state.starting = state.loading !== null;
  state.draw();
}
