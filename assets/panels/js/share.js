// How much of the attention goes to the first tokens of the stream, one bar per layer. A lane that has evicted them has
// nothing to show.

function shareText(percent) {
  return `${decimalText(percent, percent < 9.95 ? 1 : 0)} %`;
}

// Of which tokens the share is told.
function firstTokens(lane) {
  return lane.sink_share?.tokens ?? (lane.sinks || 4);
}

function shareWords(lane, recorded) {
  const { words } = page;
  if (lane.sink_share) return shareText((100 * lane.sink_share.layers.reduce((sum, one) => sum + one, 0)) / lane.sink_share.layers.length);
  if (lane.kind === "recompute") return words.share_uncached;
  if (lane.tokens > lane.cache_tokens && lane.cache_tokens > 0 && !lane.sinks) return words.share_evicted;
  return recorded ? words.share_unknown : words.share_none;
}

function drawShare(root, lane, recorded) {
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
