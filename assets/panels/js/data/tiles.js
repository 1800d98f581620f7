// The tokens of a cache one by one: which are shown, what they say, and what attention they get. All of it is the lane's:
// how many tokens it holds is measured, and so is the attention.

import { heldParts } from "./cache.js";

const MOST = 160; // tiles: the first tokens, and the latest
export const OPENING = 16; // tokens of the stream's beginning whose text is kept, as sinks have it

// The stream's indices of the tokens that the lane's cache holds: {sinks, recent}, each [from, to).
function rangesOf(lane) {
  const { sinks, evicted, recent } = heldParts(lane);
  return { sinks: [0, sinks], recent: [sinks + evicted, sinks + evicted + recent] };
}

// Those that are shown, in their order, and how many between them are not.
export function tilesOf(lane) {
  const { sinks, recent } = rangesOf(lane);
  const [from, to] = recent;
  const first = sinks[1] || (from === 0 ? Math.min(4, to) : 0);
  const start = Math.max(from, first, to - (MOST - first));
  const indices = [...Array(first).keys(), ...Array.from({ length: Math.max(0, to - start) }, (_, i) => start + i)];
  return { indices, sinks: sinks[1], hidden: Math.max(0, start - Math.max(from, first)) };
}

// The text of a token; null where it is no longer known.
export function pieceOf(lane, index) {
  return (lane.text[index - lane.textFrom] ?? lane.opening?.[index])?.[0] ?? null;
}

// Attention by the stream's index, in shares of the whole, of one layer or (null) the mean of all; null where it was not seen.
export function paintOf(lane, layer) {
  const { attention } = lane;
  if (!attention?.layers.length) return null;
  const rows = layer === null ? attention.layers : [attention.layers[layer]];
  const last = attention.layers[0].length - 1;
  const paint = new Map();
  for (let i = 0; i <= last; i += 1) {
    const index = i < attention.first ? i : attention.at - (last - i);
    paint.set(index, rows.reduce((sum, row) => sum + row[i], 0) / rows.length / 1e4);
  }
  return paint;
}
