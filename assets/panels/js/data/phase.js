// What a run is at the moment: the visitor's own, and the one on show.

export function phase(state) {
  if (state.loading) return "loading";
  if (state.starting) return "starting";
  return state.told && !state.told.recorded ? state.told.state : "idle";
}

export function isLive(state) {
  const now = phase(state);
  return now === "running" || now === "paused";
}

export function isGoingOn(history) {
  return Boolean(history && !history.recorded && history.state !== "finished");
}

export function isComplete(history) {
  return !history.recorded || history.complete;
}

export const OWN = ""; // the visitor's own run, among the names of recordings
