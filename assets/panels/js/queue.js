// Waiting for a place on a busy server, while a recorded run plays; and a run that nobody sees is paused.

function acceptQueued(state, told) {
  const known = state.loading?.run === told.run;
  if (!known && state.past.has(told.run)) return;
  state.past.add(told.run);
  state.loading = told.place ? told : null;
  state.starting = state.loading !== null;
  if (!known && told.place && state.latest?.recorded && !state.playing) togglePlay(state);
  state.draw();
}

function queuedText({ place, wait_seconds: seconds }) {
  const { words } = page;
  const wait = seconds < 60 ? words.queued_soon : fill(words.queued_minutes, { minutes: countText(Math.ceil(seconds / 60)) });
  return fill(words.queued_place, { place: countText(place), wait });
}

// The address keeps the settings of the latest run, so that a reload, the visitor's or the server's, finds them again.
function begun(state) {
  state.quietly = true;
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

function bindPresence(state) {
  document.addEventListener("visibilitychange", () => (document.hidden ? goAway : comeBack)(state));
}
