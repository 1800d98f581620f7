// Both lanes in one strip that stays in sight on a phone, where their cards stand one above the other.

import { verdict } from "../data/verdict.js";
import { bytesText, countText, laneName, perplexityText } from "../data/words.js";
import { setText } from "./dom.js";

// Of a lane that reads; `describe` of another kind gives the same.
function readingPulse(lane, history) {
  return {
    title: `${laneName(lane)}: ${perplexityText(lane.perplexity)}`, numbers: `${countText(lane.tokens)} · ${bytesText(lane.kv_bytes)}`,
    broke: verdict(lane, history).broke,
  };
}

function drawOne(node, lane, { title, numbers, broke }) {
  node.dataset.kind = lane.kind;
  node.dataset.broke = broke ? "yes" : "no";
  setText(node.firstElementChild, title);
  setText(node.lastElementChild, numbers);
}

export function drawPulse(state, describe = readingPulse) {
  const strip = state.find(".sl-pulse");
  while (strip.children.length < state.history.lanes.length) {
    const one = document.createElement("p");
    one.append(document.createElement("b"), document.createElement("span"));
    strip.append(one);
  }
  while (strip.children.length > state.history.lanes.length) strip.lastElementChild.remove();
  state.history.lanes.forEach((lane, i) => drawOne(strip.children[i], lane, describe(lane, state.history)));
}
