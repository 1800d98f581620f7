// The recorded run as a story of some twenty seconds: where it lingers, where it hurries, and what it says there. Every
// moment and every number is the recording's.

import { tellingQuestion, questionsOf } from "./judged.js";
import { breaks, outcome } from "./outcomes.js";
import { page } from "./page.js";
import { countText, fill, laneName, perplexityText } from "./words.js";

const BEFORE = 0.6; // seconds of the run before the collapse from which on it is told slowly
const AFTER = 3; // and after it
const END_STAYS = 6; // seconds for which the end is on show

function eventOf(history, kind) {
  for (const lane of history.lanes) {
    const event = lane.events.find((one) => one.kind === kind);
    if (event) return { ...event, lane };
  }
  return null;
}

// From a stretch of the run to the seconds in which it is shown, with its caption: {from, to, lasts, text}.
function stretch(from, to, lasts, text) {
  return { from, to: Math.max(from, to), lasts, text };
}

// What is said of a run as it stands at its end.
export function endCaption(history) {
  const question = tellingQuestion(questionsOf(history), history);
  return question ? page.words.story_asked : page.words.story_end;
}

// Without a collapse, the whole run at an even pace.
export function storyOf(history) {
  const { words } = page;
  const end = history.seconds;
  const left = eventOf(history, "training-length");
  const last = stretch(end, end, END_STAYS, endCaption(history));
  const known = left && outcome(left.lane, history);
  if (known?.outcome !== "collapse") return [stretch(0, end, 14, words.story_begin), last];
  const full = eventOf(history, "kv-budget");
  const slow = Math.max(0, left.seconds - BEFORE);
  const broke = known.beside && breaks(left.lane, known.beside, left.at);
  const gone = Math.min(end, Math.max(left.seconds + AFTER, broke ? broke[4] : 0));
  const out = full ? Math.max(gone, full.seconds) : end;
  const facts = { lane: laneName(left.lane), at: countText(left.at), context: countText(history.header?.context ?? left.at) };
  const told = [
    stretch(0, slow, 4, words.story_begin),
    stretch(slow, gone, 6, fill(words.moments["training-length"], facts)),
    stretch(gone, out, 4, fill(words.story_broke, { ...facts, ...risen(left.lane) })),
  ];
  if (full) told.push(stretch(out, end, 2.5, fill(words.story_full, { lane: laneName(full.lane), at: countText(full.at) })));
  return [...told, last];
}

function risen(lane) {
  return { now: perplexityText(lane.perplexity) };
}

export function storyLasts(story) {
  return story.reduce((sum, { lasts }) => sum + lasts, 0);
}

// The moment of the run that is shown so many seconds into the story, and what is said of it.
export function tellAt(story, seconds) {
  let began = 0;
  for (const { from, to, lasts, text } of story) {
    if (seconds < began + lasts) return { at: from + ((to - from) * (seconds - began)) / lasts, text };
    began += lasts;
  }
  const last = story.at(-1);
  return { at: last.to, text: last.text };
}
