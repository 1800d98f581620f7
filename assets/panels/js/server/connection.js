// A lost connection loses nothing: what was measured stays, the badge tells, and the run is taken up again, by its token
// and the last frame that arrived, where the server still has it.

import { page } from "../data/page.js";
import { isLive } from "../data/phase.js";
import { startRun } from "../controls/commands.js";
import { notify } from "../controls/shown.js";
import { carryStreams } from "./wire.js";

const LOOK_EVERY = 500; // ms
const SILENT_AFTER = 5000; // ms without a frame of a run that goes on: frames come five times a second
const ALIVE = "gradio_api/app_id";

// Every frame, and what stands in for frames, is a sign of life, but for those that had come before the wire broke; after
// the last one there is nothing to lose. The first of them carry the token.
export function heard(state, { token, state: now }) {
  if (token) state.token = token;
  const broken = state.broken && now !== "finished";
  Object.assign(state, { heardAt: performance.now(), broken, lost: broken, takingUp: false });
}

function lose(state, broken = state.broken) {
  if (!isLive(state) && !state.loading && !state.starting) return;
  Object.assign(state, { broken, lost: true });
  state.draw();
}

function isSilent(state) {
  return state.told?.state === "running" && isLive(state) && performance.now() - state.heardAt > SILENT_AFTER;
}

// A page that was itself held up has not heard what may have come.
function forgiveGap(state) {
  const now = performance.now();
  const gap = now - state.lookedAt;
  if (gap > 2 * LOOK_EVERY) state.heardAt += gap;
  state.lookedAt = now;
}

async function look(state, wire) {
  forgiveGap(state);
  if (isSilent(state)) lose(state);
  if (!state.lost || state.resuming) return;
  state.resuming = true;
  const told = await wire.isThere(ALIVE);
  state.resuming = false;
  if (!told || !state.lost) return;
  if (told.app_id === window.gradio_config?.app_id && state.token) takeUp(state, wire);
  else if (state.starting && !state.loading) beginAgain(state, wire);
  else giveUp(state);
}

// Nothing had come of the run yet, by which it could be taken up: another one begins in its place.
function beginAgain(state, wire) {
  wire.cut();
  Object.assign(state, { broken: false, lost: false, starting: false });
  startRun(state, state.preset);
}

// Gradio brings the frames of a run that is taken up as it brings those of one that begins.
function takeUp(state, wire) {
  wire.cut();
  Object.assign(state, { heardAt: performance.now(), broken: false, lost: false, takingUp: true });
  state.trigger("start", { resume: { token: state.token, seq: state.told && !state.told.recorded ? state.told.seq : null } });
}

// The server knows nothing of the run any more: it stands as it was when the connection broke.
function giveUp(state) {
  Object.assign(state, { broken: false, lost: false, takingUp: false, loading: null, starting: false });
  if (state.told && !state.told.recorded) state.told.state = "finished";
  notify(state, page.words.lost_for_good);
}

// Who leaves for good lets the place go at once.
function leave(state) {
  const panel = window.gradio_config?.components.find(({ props }) => props.elem_id === "panel");
  const run = state.loading?.run ?? (isLive(state) ? state.told.run : null);
  if (!panel || !run) return;
  const request = { data: { run, action: "stop" }, fn_name: "control", component_id: panel.id, session_hash: "leaving" };
  navigator.sendBeacon("gradio_api/component_server/", new Blob([JSON.stringify(request)], { type: "application/json" }));
}

// The server has refused what was asked of it, in words that Gradio shows.
function refused(state) {
  if (state.takingUp) giveUp(state);
  Object.assign(state, { starting: false, loading: null });
  state.draw();
}

export function bindConnection(state) {
  const wire = carryStreams(() => lose(state, true));
  setInterval(() => look(state, wire), LOOK_EVERY);
  document.addEventListener("sl-failed", () => refused(state));
  window.addEventListener("pagehide", ({ persisted }) => !persisted && leave(state));
}
