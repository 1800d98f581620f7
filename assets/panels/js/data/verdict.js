// One sentence per lane that follows from what was measured, and from nothing else. Lanes are compared with each other at
// the same token, as comparisons/runs/verdicts.py does: another passage is harder or easier, whatever the cache.

import { page } from "./page.js";
import { countText, decimalText, fill, laneName, perplexityText } from "./words.js";

const COLLAPSE = 3; // times the perplexity of the lane beside it: what a lane says is no language any more
const WORSE = 1.25; // times that a reader would notice
const SHATTERED = 10; // times what a lane was at its turning point: no passage is as much harder as that

// Where this lane left what it was trained on (dense) or began to forget (bounded lanes).
function turningPoint(lane) {
  const kind = lane.kind === "dense" ? "training-length" : "first-eviction";
  return lane.events.find((event) => event.kind === kind) ?? null;
}

const RECOVERS = 256; // tokens after which perplexity has forgotten what was before

// Where the visitor took its sinks away or gave them back, as long as that shows.
function sinksMoved(lane) {
  const last = lane.events.findLast(({ kind }) => kind === "sinks-aside" || kind === "sinks-back") ?? null;
  return lane.sinks_aside || (last && lane.tokens - last.at < RECOVERS) ? last : null;
}

// The lane that it is measured against: StreamingLLM, and for that the first of the others.
function besideOf(lane, lanes) {
  const ours = lanes.find((one) => one.kind === "sinks");
  return (lane === ours ? lanes.find((one) => one !== ours) : ours) ?? null;
}

// The points of both at the last token that both have a perplexity at.
function pointsOf(lane, beside) {
  const theirs = new Map(beside.curve.filter((point) => point[1] !== null).map((point) => [point[0], point]));
  const point = lane.curve.findLast((one) => one[1] !== null && theirs.has(one[0]));
  return point ? [point, theirs.get(point[0])] : null;
}

function outcomeOf(times) {
  if (times >= COLLAPSE) return "collapse";
  if (times > WORSE) return "worse";
  return "fine";
}

// How many times what it was when it left its training length or began to forget a lane's perplexity is.
function risen(lane) {
  const turn = turningPoint(lane);
  const before = turn && lane.curve.findLast((point) => point[1] !== null && point[0] <= turn.at);
  return before && lane.perplexity !== null ? lane.perplexity / before[1] : 1;
}

function compared(lane, lanes) {
  const turn = turningPoint(lane);
  if (!turn) return { turn, outcome: "fine", beside: null };
  const beside = besideOf(lane, lanes);
  const points = beside && pointsOf(lane, beside);
  if (!points || risen(lane) >= SHATTERED) return { turn, outcome: outcomeOf(risen(lane)), beside: null };
  const [[, mine, memory], [, theirs, theirMemory]] = points;
  return { turn, outcome: outcomeOf(mine / theirs), beside, mine, theirs, memory: memory / theirMemory };
}

const BREAKS = { dense: "verdict_left", window: "verdict_window" };

function wordOf(lane, { turn, outcome, beside, memory }) {
  if (sinksMoved(lane)) return lane.sinks_aside ? "verdict_aside" : "verdict_back";
  if (!turn) return "verdict_reading";
  if (outcome === "collapse") return BREAKS[lane.kind] ?? "verdict_forgets";
  if (outcome === "worse") return "verdict_worse";
  if (lane.kind !== "dense") return "verdict_still";
  return beside && memory >= 2 ? "verdict_dear" : "verdict_past";
}

// What stands on the card, and whether the lane broke down: {text, broke}.
export function verdict(lane, { lanes } = { lanes: [] }) {
  const { words } = page;
  if (lane.reason === "error") return { text: fill(words.errors.StreamError, { said: lane.message }), broke: true };
  if (!lane.tokens) return { text: words.verdict_waiting, broke: false };
  const known = compared(lane, lanes);
  const facts = {
    at: countText((sinksMoved(lane) ?? known.turn)?.at ?? 0), now: perplexityText(lane.perplexity), tokens: countText(lane.tokens), times: decimalText(known.memory ?? 1, 0),
    beside: known.beside ? laneName(known.beside) : "", mine: perplexityText(known.mine), theirs: perplexityText(known.theirs),
  };
  const sentences = [words[wordOf(lane, known)], words.verdict_endings[lane.reason] ?? ""];
  return { text: fill(sentences.filter(Boolean).join(" "), facts), broke: known.outcome === "collapse" || Boolean(lane.sinks_aside) };
}

// "Stopped" is for lanes that were stopped; one that read to the end of its run is done.
export function statusText(lane, { recorded }) {
  const { words } = page;
  const ending = words.endings[recorded && lane.reason === "seconds" ? "recorded" : lane.reason];
  return ending ?? words.statuses[lane.status] ?? lane.status;
}
