// Both lanes in one strip that stays in sight on a phone, where their cards stand one above the other.

import { verdict } from "../data/verdict.js";
import { bytesText, countText, laneName, perplexityText } from "../data/words.js";
import { setText } from "./dom.js";

function drawOne(node, lane, history) {
  node.dataset.kind = lane.kind;
  node.dataset.broke = verdict(lane, history).broke ? "yes" : "no";
  const [name, numbers] = node.children;
  setText(name, `${laneName(lane)}: ${perplexityText(lane.perplexity)}`);
  setText(numbers, `${countText(lane.tokens)} · ${bytesText(lane.kv_bytes)}`);
}

export function drawPulse(state) {
  const strip = state.find(".sl-pulse");
  while (strip.children.length < state.history.lanes.length) {
    const one = document.createElement("p");
    one.append(document.createElement("b"), document.createElement("span"));
    strip.append(one);
  }
  while (strip.children.length > state.history.lanes.length) strip.lastElementChild.remove();
  state.history.lanes.forEach((lane, i) => drawOne(strip.children[i], lane, state.history));
}
