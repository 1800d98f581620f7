// The cache as tokens, one tile each: sinks pinned, new ones in, evicted ones fading, each as dark as the attention that it
// gets. Tiles are kept from one moment to the next, so that only what changes is touched.

import { shareText } from "../data/attention.js";
import { page } from "../data/page.js";
import { OPENING, paintOf, pieceOf, tilesOf } from "../data/tiles.js";
import { countText, fill } from "../data/words.js";
import { setText } from "./dom.js";
import { shownText } from "./text.js";

const FADES = 600; // ms for which an evicted token is still seen
const FEW = 6; // that are seen to go at once: where the text flies by, they would only take the place of others
const FULL = 0.2; // share of the attention from which on a tile is as dark as can be

export function tilesPane(root, name) {
  const state = { root, lane: null, tiles: new Map(), painted: "", layer: null };
  root.querySelector(".sl-tile-box").setAttribute("aria-label", `${name}: ${page.words.tiles}`);
  root.addEventListener("toggle", () => state.lane && drawTiles(state, state.lane));
  root.querySelector("select").addEventListener("change", ({ target }) => {
    state.layer = target.value === "" ? null : Number(target.value);
    drawTiles(state, state.lane);
  });
  return state;
}

function tileOf(lane, index) {
  const tile = document.createElement("span");
  tile.dataset.index = index;
  const text = pieceOf(lane, index);
  tile.textContent = text === null ? countText(index) : shownText(text).replace(/\n/g, "↵") || "·";
  return tile;
}

function retire(tile) {
  delete tile.dataset.index;
  tile.dataset.gone = "";
  tile.setAttribute("aria-hidden", "true");
  setTimeout(() => tile.remove(), FADES);
}

// After a leap all are made anew, and nothing fades.
function follow({ tiles, root }, lane, { indices, sinks }) {
  const box = root.querySelector(".sl-tile-box");
  const wanted = new Set(indices);
  const gone = [...tiles.keys()].filter((index) => !wanted.has(index));
  const leaps = gone.length === tiles.size;
  const seen = gone.length <= FEW && !matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const index of gone) {
    if (seen && !leaps) retire(tiles.get(index));
    else tiles.get(index).remove();
    tiles.delete(index);
  }
  for (const index of indices) {
    if (tiles.has(index)) continue;
    const tile = tileOf(lane, index);
    if (!leaps) tile.dataset.fresh = "";
    tiles.set(index, tile);
    box.append(tile);
  }
  for (const index of indices.slice(0, OPENING)) tiles.get(index).toggleAttribute("data-pinned", index < sinks);
}

// Only where the attention was looked at anew, or tiles came.
function paint(state, lane) {
  const key = `${lane.attention?.at}/${state.layer}/${[...state.tiles.keys()].at(-1)}`;
  if (key === state.painted) return;
  state.painted = key;
  const shares = paintOf(lane, state.layer);
  for (const [index, tile] of state.tiles) {
    const share = shares?.get(index) ?? 0;
    tile.style.setProperty("--paint", Math.min(1, Math.sqrt(share / FULL)).toFixed(3));
    tile.title = fill(page.words.tile_told, { index: countText(index), share: shares?.has(index) ? shareText(100 * share) : "–" });
  }
}

function drawLayers({ root }, lane) {
  const select = root.querySelector("select");
  const layers = lane.attention?.layers.length ?? 0;
  select.hidden = layers === 0;
  if (select.options.length === layers + 1) return;
  const named = Array.from({ length: layers }, (_, i) => new Option(fill(page.words.tiles_layer, { layer: countText(i + 1) }), i));
  select.replaceChildren(new Option(page.words.tiles_mean, ""), ...named);
}

export function drawTiles(state, lane) {
  state.lane = lane;
  state.root.hidden = lane.kind === "recompute";
  if (!state.root.open || state.root.hidden) return;
  const shown = tilesOf(lane);
  follow(state, lane, shown);
  paint(state, lane);
  drawLayers(state, lane);
  const unknown = lane.attention ? "" : page.words.tiles_unpainted;
  const hidden = shown.hidden ? fill(page.words.tiles_hidden, { count: countText(shown.hidden) }) : "";
  setText(state.root.querySelector(".sl-tile-note"), [hidden, unknown].filter(Boolean).join(" "));
}
