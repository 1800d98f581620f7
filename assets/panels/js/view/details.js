// What each lane's cache holds and attends to, and what it said to the visitor: the details, one card per lane.

import { mostTokens } from "../data/history.js";
import { page } from "../data/page.js";
import { laneName } from "../data/words.js";
import { part, setText } from "./dom.js";
import { drawShare } from "./share.js";
import { drawStrip, stripPane } from "./strip.js";
import { drawTiles, tilesPane } from "./tiles.js";

export function buildDetail(lane) {
  const card = part("detail").firstElementChild;
  card.dataset.kind = lane.kind;
  setText(card.querySelector("h2"), laneName(lane));
  card.querySelector(".sl-answer").setAttribute("aria-label", `${laneName(lane)}: ${page.words.said}`);
  const strip = stripPane(card.querySelector(".sl-cache"), `${laneName(lane)}: ${page.words.strip_probe}`);
  return { card, strip, tiles: tilesPane(card.querySelector(".sl-tiles"), laneName(lane)) };
}

// A lane that has ended holds nothing more: its strip keeps the scale that it had, so that it does not seem to shrink.
export function drawDetail({ card, strip, tiles }, lane, history) {
  const scale = lane.reason ? lane.tokens : mostTokens(history);
  drawStrip(strip, lane, Math.max(scale, history.header?.context ?? 1));
  drawShare(card, lane, history.recorded);
  drawTiles(tiles, lane);
}
