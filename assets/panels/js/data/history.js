// What is known of a run so far. A frame carries the tail of each list with the absolute index of its
// first item, so that a frame lost on the way loses nothing.

import { TEXT_KEPT, newPast, notePast } from "./past.js";
import { OPENING } from "./tiles.js";
import { shorten } from "./thin.js";

export const COLUMNS = { perplexity: 1, memory: 2, time: 3 };

export function newHistory(frame) {
  const { run, header = null, recorded } = frame;
  return { run, seq: -1, header, recorded, rss: [], counted: {}, lanes: [], past: newPast() };
}

export function newLane() {
  return { curve: [], counted: {}, textFrom: 0, text: [], opening: [], answers: [] };
}

// Points that are new go to the end of a curve, which is shortened once it is long; `counted` counts those there were.
function addPoints(owner, name, { from, points }, columns) {
  const counted = owner.counted[name] ?? 0;
  owner[name].push(...points.slice(Math.max(0, counted - from)));
  owner.counted[name] = Math.max(counted, from + points.length);
  owner[name] = shorten(owner[name], columns);
}

// Write `items` into `list` from absolute index `from` on; a gap stays empty and is skipped when drawn.
function mergeTail(list, from, items) {
  for (let i = 0; i < items.length; i += 1) list[from + i] = items[i];
}

function mergeText(lane, from, pieces) {
  if (from > lane.textFrom + lane.text.length || from < lane.textFrom) {
    lane.textFrom = from;
    lane.text = [];
  }
  lane.text.length = from - lane.textFrom;
  lane.text.push(...pieces);
  const excess = lane.text.length - TEXT_KEPT;
  if (excess > 0) {
    lane.text.splice(0, excess);
    lane.textFrom += excess;
  }
}

export function mergeLane(lane, frame) {
  const { curve, text, answers, ...now } = frame;
  Object.assign(lane, now);
  addPoints(lane, "curve", curve, [COLUMNS.perplexity, COLUMNS.time]);
  mergeText(lane, text.from, text.pieces);
  mergeTail(lane.opening, text.from, text.pieces.slice(0, Math.max(0, OPENING - text.from)));
  mergeTail(lane.answers, answers.from, answers.items);
}

export function mergeFrame(history, frame) {
  if (frame.seq <= history.seq) return history;
  history.seq = frame.seq;
  history.state = frame.state;
  history.seconds = frame.seconds;
  history.header = frame.header ?? history.header;
  frame.lanes.forEach((now, i) => mergeLane((history.lanes[i] ??= newLane()), now));
  addPoints(history, "rss", frame.rss, [1]);
  notePast(history.past, frame);
  return history;
}

export function mostTokens(history) {
  return Math.max(0, ...history.lanes.map((lane) => lane.tokens));
}
