// The line above the lanes: which run is on show, or what it waits for.

import { isDialogue } from "../data/dialogue.js";
import { page } from "../data/page.js";
import { bytesText, countText, counted, dateText, fill } from "../data/words.js";
import { isLive } from "../data/phase.js";
import { isUnknown } from "../data/outcomes.js";
import { endCaption } from "../data/story.js";
import { chatSourceText } from "./chat/source.js";
import { setText } from "./dom.js";

// What is read; a name that the page has no words for is shown as it is.
export function readingText(header) {
  const values = { seed: header?.seed ?? "", characters: counted("characters", header?.source_characters ?? 0) };
  return fill(page.words.readings[header?.source ?? "prompts"] ?? header.source, values);
}

// A cache may be larger than what the model was trained on; then StreamingLLM, too, leaves what it knows.
function windowText({ header, lanes }) {
  const window = Math.max(...lanes.map((lane) => lane.sinks + lane.recent));
  if (!header || window <= header.context) return "";
  return fill(page.words.window_beyond, { window: countText(window), context: countText(header.context) });
}

// A model that does not know a text is perplexed in every lane, and no lane's perplexity says anything.
function unknownText(history) {
  const values = { vocabulary: countText(history.header?.settings?.vocabulary ?? 0) };
  return isUnknown(history) ? fill(page.words.unknown_text, values) : "";
}

// Where a recorded run was made, as far as its file says.
function machineText({ recorded, header }) {
  const { processor, cores, dtype } = header?.settings ?? {};
  return recorded && processor ? fill(page.words.source_machine, { processor, cores: String(cores), dtype }) : "";
}

// A recorded run is described as a whole, a live one as it is at the moment on show.
export function sourceText(state) {
  const { latest, history, alone } = state;
  if (isDialogue(latest)) return chatSourceText(state);
  const { header, recorded, seconds } = latest.recorded ? latest : history;
  const words = page.words;
  const values = {
    model: header?.model ?? "", reading: readingText(header), context: countText(header?.context ?? 0),
    seconds: countText(seconds), date: dateText(header?.recorded_at, "long"),
  };
  const start = recorded && !alone ? words.source_start : "";
  return [fill(recorded ? words.source_recorded : words.source_live, values), machineText(latest), start, windowText(history), unknownText(history)].filter(Boolean).join(" ");
}

function badgeOf({ latest, history, at, lost }) {
  const { words } = page;
  if (latest.recorded) return ["recorded", words.recorded];
  if (lost) return ["lost", words.lost];
  return at === null ? [history.state, words.states[history.state]] : ["past", words.looking_back];
}

// At its end, where the page begins, a recorded run is summed up.
function restText({ latest, at }) {
  return latest.recorded && !isDialogue(latest) && at === null ? endCaption(latest) : "";
}

// What Start will do stands beside the run on show, as long as none of the visitor's own goes on; captions of a run that
// is played need its place, unless the settings are open.
function drawExpected(state) {
  const node = state.find(".sl-expected");
  const told = state.playing?.text && !state.root.classList.contains("sl-more");
  const text = isLive(state) || state.loading || told ? "" : state.expected;
  setText(node, text);
  node.title = text;
}

export function drawSource(state) {
  if (!state.alone) drawExpected(state);
  const badge = state.find(".sl-badge");
  const [kind, text] = badgeOf(state);
  badge.dataset.state = kind;
  setText(badge, text);
  const moment = state.caption && performance.now() < state.caption.until && state.latest === state.told ? state.caption.text : null;
  const caption = state.notice ? "" : state.playing?.text ?? moment ?? page.words.presets[state.history.preset]?.watch ?? restText(state);
  setText(state.find(".sl-watch"), caption);
  setText(state.find(".sl-source-text"), state.notice || sourceText(state));
}

function loadingText({ model, stage, done_bytes: done, total_bytes: total }) {
  const values = { model, done: bytesText(done), total: bytesText(total ?? 0) };
  return fill(page.words.loading_stages[stage] ?? "", values);
}

function queuedText({ place, wait_seconds: seconds }) {
  const { words } = page;
  const wait = seconds < 60 ? words.queued_soon : fill(words.queued_minutes, { minutes: countText(Math.ceil(seconds / 60)) });
  return fill(words.queued_place, { place: countText(place), wait });
}

export function drawLoading(state) {
  const { loading } = state;
  const line = state.find(".sl-source");
  const share = loading?.total_bytes ? loading.done_bytes / loading.total_bytes : 0;
  line.style.setProperty("--loaded", loading?.stage === "downloading" ? share : 0);
  if (!loading) return;
  const badge = state.find(".sl-badge");
  badge.dataset.state = "loading";
  const queued = loading.state === "queued";
  setText(badge, queued ? page.words.queued : page.words.loading);
  setText(state.find(".sl-watch"), "");
  setText(state.find(".sl-source-text"), queued ? queuedText(loading) : loadingText(loading));
}
