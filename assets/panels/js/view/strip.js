// The cache, drawn along the stream: what is held (sinks, recent) and what has been evicted.

import { heldParts, placeText } from "../data/cache.js";
import { page } from "../data/page.js";
import { countText, fill } from "../data/words.js";
import { part, setText } from "./dom.js";

// Stands first in the root.
export function stripPane(root, name) {
  root.prepend(part("strip"));
  const state = { root, lane: null, scale: 1, probe: root.querySelector(".sl-probe") };
  bindProbe(state);
  state.probe.setAttribute("aria-label", name);
  return state;
}

// A token is looked up by pointing at it, by a finger on it, or with the keyboard.
function bindProbe(state) {
  const { probe } = state;
  const look = (index) => {
    probe.dataset.on = "";
    probe.max = state.scale - 1;
    probe.value = index;
    probe.setAttribute("aria-valuetext", placeText(state.lane, Number(probe.value)));
    drawPlace(state);
  };
  const leave = () => {
    if (probe.matches(":focus-visible")) return;
    delete probe.dataset.on;
    drawPlace(state);
  };
  for (const name of ["pointerdown", "pointermove"]) {
    probe.addEventListener(name, (event) => look(indexAt(state, event.clientX)));
  }
  probe.addEventListener("mousedown", (event) => event.preventDefault()); // the page's keys stay the page's
  for (const name of ["focus", "input"]) probe.addEventListener(name, () => look(probe.value));
  for (const name of ["blur", "pointerleave"]) probe.addEventListener(name, leave);
}

// Few sinks are drawn wider than to scale, so that they are seen.
function indexAt({ root, lane, scale, probe }, clientX) {
  const box = probe.getBoundingClientRect();
  const pixels = clientX - box.left;
  const drawn = root.querySelector("[data-seg='sinks']").getBoundingClientRect().width;
  if (pixels < drawn) return Math.floor((pixels / drawn) * heldParts(lane).sinks);
  return Math.floor((pixels / box.width) * scale);
}

// What is looked up, or how much the cache holds.
function drawPlace({ root, lane, probe }) {
  const { words } = page;
  const held = () => {
    if (lane.kind === "recompute") return fill(words.cache_rereads, { held: countText(Math.min(lane.tokens, lane.sinks + lane.recent)) });
    return fill(words.cache_holds, { held: countText(lane.cache_tokens), tokens: countText(lane.tokens) });
  };
  setText(root.querySelector(".sl-cache-text"), "on" in probe.dataset ? placeText(lane, Number(probe.value)) : held());
}

export function drawStrip(state, lane, scale) {
  Object.assign(state, { lane, scale });
  if ("on" in state.probe.dataset) state.probe.max = scale - 1; // a slider is laid out anew
  const parts = heldParts(lane);
  let start = 0;
  for (const seg of state.root.querySelectorAll("[data-seg]")) {
    const size = parts[seg.dataset.seg];
    seg.style.left = `${(100 * start) / scale}%`;
    seg.style.width = `${(100 * size) / scale}%`;
    seg.hidden = size === 0;
    start += size;
  }
  drawPlace(state);
}
