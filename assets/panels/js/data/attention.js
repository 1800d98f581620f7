// How much of the attention goes to the first tokens of the stream.

import { page } from "./page.js";
import { decimalText } from "./words.js";

export function shareText(percent) {
  return `${decimalText(percent, percent < 9.95 ? 1 : 0)} %`;
}

// Of which tokens the share is told.
export function firstTokens(lane) {
  return lane.sink_share?.tokens ?? (lane.sinks || 4);
}

export function shareWords(lane, recorded) {
  const { words } = page;
  if (lane.sink_share) return shareText((100 * lane.sink_share.layers.reduce((sum, one) => sum + one, 0)) / lane.sink_share.layers.length);
  if (lane.kind === "recompute") return words.share_uncached;
  if (lane.tokens > lane.cache_tokens && lane.cache_tokens > 0 && !lane.sinks) return words.share_evicted;
  return recorded ? words.share_unknown : words.share_none;
}
