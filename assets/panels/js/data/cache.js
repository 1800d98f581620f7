// What a lane's cache holds of the stream, and where a token stands in it.

import { page } from "./page.js";
import { countText, fill } from "./words.js";

export function heldParts(lane) {
  const held = lane.cache_tokens;
  if (lane.kind === "dense" || held >= lane.tokens) return { sinks: 0, evicted: 0, recent: lane.tokens };
  const sinks = lane.sinks_aside ? 0 : Math.min(lane.sinks, held);
  return { sinks, evicted: lane.tokens - held, recent: held - sinks };
}

export function placeText(lane, index) {
  const words = page.words;
  if (!lane || index < 0 || index >= lane.tokens) return words.strip_unread;
  const { sinks, evicted } = heldParts(lane);
  const values = { index: countText(index), position: countText(index < sinks ? index : index - evicted) };
  if (index >= sinks && index < sinks + evicted) return fill(words.strip_evicted, values);
  return fill(index < sinks ? words.strip_sink : words.strip_held, values);
}

// The lane of which it is told what it has forgotten: StreamingLLM, or the first whose cache is bounded.
export function forgetter(lanes) {
  return lanes.find(({ kind }) => kind === "sinks") ?? lanes.find(({ recent }) => recent > 0) ?? lanes[0] ?? null;
}

// Whether a lane that has read so many tokens still holds what was told after `at` of them.
export function isKept({ recent, kind }, at, tokens) {
  return kind === "dense" || tokens - at <= recent;
}

export function toldText(ago, kept) {
  return fill(kept ? page.words.told_kept : page.words.told_gone, { ago: countText(ago) });
}
