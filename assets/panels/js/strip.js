// The cache, drawn along the stream: what is held (sinks, recent) and what has been evicted.

function heldParts(lane) {
  const held = lane.cache_tokens;
  if (lane.kind === "dense" || held >= lane.tokens) return { sinks: 0, evicted: 0, recent: lane.tokens };
  const sinks = Math.min(lane.sinks, held);
  return { sinks, evicted: lane.tokens - held, recent: held - sinks };
}

function stripPane(root) {
  const state = { root, lane: null, scale: 1 };
  const strip = root.querySelector(".sl-strip");
  strip.addEventListener("pointermove", (event) => {
    const box = strip.getBoundingClientRect();
    strip.title = placeText(state.lane, Math.floor(((event.clientX - box.left) / box.width) * state.scale));
  });
  return state;
}

function placeText(lane, index) {
  const words = page.words;
  if (!lane || index < 0 || index >= lane.tokens) return words.strip_unread;
  const { sinks, evicted } = heldParts(lane);
  const values = { index: countText(index), position: countText(index < sinks ? index : index - evicted) };
  if (index >= sinks && index < sinks + evicted) return fill(words.strip_evicted, values);
  return fill(index < sinks ? words.strip_sink : words.strip_held, values);
}

function drawStrip(state, lane, scale) {
  Object.assign(state, { lane, scale });
  const parts = heldParts(lane);
  let start = 0;
  for (const seg of state.root.querySelectorAll("[data-seg]")) {
    const size = parts[seg.dataset.seg];
    seg.style.left = `${(100 * start) / scale}%`;
    seg.style.width = `${(100 * size) / scale}%`;
    seg.hidden = size === 0;
    start += size;
  }
  const values = { held: countText(lane.cache_tokens), tokens: countText(lane.tokens) };
  setText(state.root.querySelector(".sl-cache-text"), fill(page.words.cache_holds, values));
}
