// Looking back: any moment of the run on show, by hand or played. `state.latest` is that run, `state.at` the moment in
// seconds, null for the present; a live run goes on meanwhile.

import { isDialogue } from "../data/dialogue.js";
import { mostTokens } from "../data/history.js";
import { page } from "../data/page.js";
import { OWN, isGoingOn } from "../data/phase.js";
import { clockText, countText, dateText, fill } from "../data/words.js";
import { setText } from "../view/dom.js";
import { recordingsOf } from "./mode.js";
import { chooseRun, complete } from "./shown.js";

const PLAY_EVERY = 100; // ms between two moments
const LONGEST_STEP = 1000; // ms: a page that was held up goes on from where it was
const SPEEDS = [1, 2, 5, 20, 100, 300];
const SEEN_WITHIN = 60; // seconds that a recording takes which is played at the touch of a button, if a speed allows it

async function seek(state, seconds) {
  if (state.playing?.story) state.playing = null; // the visitor has taken it in hand
  state.at = seconds >= state.latest.seconds ? null : seconds;
  if (!(await complete(state))) state.at = null;
  state.draw();
}

export function toPresent(state) {
  Object.assign(state, { at: null, playing: null });
  state.draw();
}

export async function togglePlay(state) {
  if (state.playing) {
    state.playing = null;
    return state.draw();
  }
  if (!state.latest) await chooseRun(state, recordingsOf(state)[0]?.name ?? OWN);
  if (!state.latest || !(await complete(state))) return;
  state.at ??= 0;
  state.playing = { shown: performance.now() };
  playOn(state, state.playing);
}

function playOn(state, playing) {
  if (state.playing !== playing) return;
  const now = performance.now();
  const seconds = (state.at ?? 0) + (state.speed * Math.min(now - playing.shown, LONGEST_STEP)) / 1000;
  if (seconds >= state.latest.seconds) return toPresent(state);
  state.at = seconds;
  playing.shown = now;
  state.draw();
  setTimeout(() => playOn(state, playing), PLAY_EVERY);
}

function setSpeed(state, speed) {
  state.speed = speed;
  state.find(".sl-speed").value = speed;
}

// From its beginning to its end, as fast as it must be to be seen at once.
async function watchRun(state, name) {
  await chooseRun(state, name);
  if (state.latest?.name !== name) return;
  setSpeed(state, SPEEDS.find((speed) => speed * SEEN_WITHIN >= state.latest.seconds) ?? SPEEDS.at(-1));
  Object.assign(state, { at: null, playing: null });
  togglePlay(state);
}

// A button that says one thing or another is as wide as the longest.
function say(button, word) {
  for (const either of button.querySelectorAll("[data-word]")) either.classList.toggle("sl-off", either.dataset.word !== word);
}

function playWord(state) {
  if (state.playing) return "pause";
  if (!state.latest || state.latest.recorded) return "play_recorded";
  return state.at === null ? "play_from_start" : "play_on";
}

function momentText(state, seconds) {
  if (state.at === null && isGoingOn(state.latest)) return page.words.moment_now;
  const tokens = countText(mostTokens(state.history));
  return fill(page.words.moment_then, { seconds: countText(seconds), end: countText(state.latest.seconds), tokens });
}

export function drawPlayer(state) {
  const { latest, at } = state;
  const play = state.find("[data-play]");
  play.dataset.play = state.playing ? "on" : "off";
  say(play, playWord(state));
  const present = state.find("[data-tool='present-time']");
  say(present, isGoingOn(latest) ? "to_live" : "to_end");
  present.disabled = at === null;
  drawRuns(state);
  if (latest) drawMoment(state, at ?? latest.seconds, latest.seconds);
}

function drawMoment(state, seconds, end) {
  const slider = state.find(".sl-moment");
  slider.disabled = end === 0;
  slider.max = end;
  slider.value = seconds;
  slider.style.setProperty("--share", end ? seconds / end : 1);
  slider.setAttribute("aria-valuetext", momentText(state, seconds));
  setText(state.find(".sl-clock"), `${clockText(seconds)} / ${clockText(end)}`);
}

function runTitle({ model, kinds, tokens, recorded_at }) {
  const lanes = kinds.map((kind) => page.words.lane_names[kind] ?? kind).join(", ");
  return fill(page.words.recording_title, { model, lanes, tokens: countText(tokens), date: dateText(recorded_at, "medium") });
}

function runChip(state, recording) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "sl-chip sl-recorded";
  const length = { model: recording.model, tokens: countText(recording.tokens), turns: countText(recording.turns ?? 0) };
  chip.textContent = fill(recording.turns ? page.words.chat_watch_recorded : page.words.watch_recorded, length);
  chip.title = runTitle(recording);
  chip.dataset.of = recording.mode;
  chip.addEventListener("click", () => watchRun(state, recording.name));
  return chip;
}

function drawRuns(state) {
  const box = state.find(".sl-runs");
  const own = state.told && !state.told.recorded && isDialogue(state.told) === (state.mode === "chat") ? [[OWN, page.words.own_run]] : [];
  const kept = recordingsOf(state);
  if (box.options.length !== own.length + kept.length || box.dataset.of !== state.mode) {
    box.dataset.of = state.mode;
    const known = kept.map((recording) => [recording.name, runTitle(recording)]);
    box.replaceChildren(...[...own, ...known].map(([name, title]) => new Option(title, name)));
  }
  box.value = state.latest?.name ?? OWN;
}

export function bindPlayer(state) {
  state.find("[data-play]").addEventListener("click", () => togglePlay(state));
  state.find(".sl-moment").addEventListener("input", ({ target }) => seek(state, Number(target.value)));
  const speed = state.find(".sl-speed");
  speed.append(...SPEEDS.map((times) => new Option(`${times}×`, times)));
  speed.addEventListener("change", () => setSpeed(state, Number(speed.value)));
  const others = page.recordings.filter((recording) => recording.name !== page.painted);
  state.find(".sl-presets .sl-chips").append(...others.map((recording) => runChip(state, recording)));
  const runs = state.find(".sl-runs");
  runs.hidden = page.recordings.length === 0;
  runs.addEventListener("change", () => chooseRun(state, runs.value));
}
