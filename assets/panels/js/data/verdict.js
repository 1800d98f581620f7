// One sentence per lane that follows from what was measured, and from nothing else.

import { page } from "./page.js";
import { bytesText, countText, fill, perplexityText } from "./words.js";

const ROSE = 2; // perplexity "rose" from this factor on; below it, it "is still"

// Where this lane left what it was trained on (dense) or began to forget (bounded lanes).
function turningPoint(lane) {
  const kind = lane.kind === "dense" ? "training-length" : "first-eviction";
  return lane.events.find((event) => event.kind === kind) ?? null;
}

function perplexityAt(lane, token) {
  let found = null;
  for (const point of lane.curve) {
    if (point[1] === null) continue;
    if (point[0] > token && found !== null) break;
    found = point[1];
  }
  return found;
}

function facts(lane) {
  const turn = turningPoint(lane);
  const before = turn ? perplexityAt(lane, turn.at) : null;
  return {
    turn,
    rose: before !== null && lane.perplexity !== null && lane.perplexity >= ROSE * before,
    at: turn ? countText(turn.at) : "",
    before: perplexityText(before),
    now: perplexityText(lane.perplexity),
    tokens: countText(lane.tokens),
    memory: bytesText(lane.kv_bytes),
  };
}

function course(lane, known) {
  const words = page.words;
  if (!known.turn) return fill(words.verdict_reading, known);
  if (lane.kind === "dense") return fill(known.rose ? words.verdict_left : words.verdict_past, known);
  return fill(known.rose ? words.verdict_forgets : words.verdict_reading, known);
}

export function verdict(lane) {
  const words = page.words;
  if (lane.reason === "error") return fill(words.errors.StreamError, { said: lane.message });
  if (!lane.tokens) return words.verdict_waiting;
  const known = facts(lane);
  const ending = words.verdict_endings[lane.reason];
  if (!ending) return course(lane, known);
  const sentence = fill(ending, known);
  return known.rose ? `${course(lane, known)}. ${sentence}` : `${sentence}, ${fill(words.verdict_still, known)}`;
}
