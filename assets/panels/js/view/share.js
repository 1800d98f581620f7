// How much of the attention goes to the first tokens of the stream, one bar per layer. A lane that has evicted them has
// nothing to show.

import { firstTokens, shareText, shareWords } from "../data/attention.js";
import { page } from "../data/page.js";
import { countText, fill } from "../data/words.js";
import { setText } from "./dom.js";

export function drawShare(root, lane, recorded) {
  const layers = lane.sink_share?.layers ?? [];
  const bars = root.querySelector(".sl-share-bars");
  while (bars.children.length < layers.length) bars.append(document.createElement("i"));
  while (bars.children.length > layers.length) bars.lastElementChild.remove();
  bars.hidden = layers.length === 0;
  const told = layers.map((one, i) => fill(page.words.share_layer, { layer: countText(i + 1), share: shareText(100 * one) }));
  layers.forEach((one, i) => bars.children[i].style.setProperty("--part", one));
  bars.title = told.join("\n");
  bars.setAttribute("aria-label", told.join(", "));
  setText(root.querySelector(".sl-share-label"), fill(page.words.share_label, { tokens: countText(firstTokens(lane)) }));
  setText(root.querySelector(".sl-share-mean"), shareWords(lane, recorded));
}
