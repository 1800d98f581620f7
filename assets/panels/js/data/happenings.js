// What happens in a live run, as captions: each once, when it is first known. All of it was measured.

import { page } from "./page.js";
import { verdict } from "./verdict.js";
import { countText, fill, laneName, perplexityText } from "./words.js";

// The words for an event of a lane; "" where it is no news: bounded lanes pass the training length unharmed.
function captionOf(lane, { kind, at }) {
  const { moments } = page.words;
  const word = kind === "training-length" && lane.kind !== "dense" ? null : moments[`${kind}/${lane.kind}`] ?? moments[kind];
  const values = { at: countText(at), lane: laneName(lane), sinks: countText(lane.sinks), now: perplexityText(lane.perplexity) };
  return word ? fill(word, values) : "";
}

function eventsOf(lane, history) {
  const broke = !lane.reason && verdict(lane, history).broke && !lane.sinks_aside;
  return broke ? [...lane.events, { kind: "broke", at: lane.tokens }] : lane.events;
}

// What is new since this was last asked for the run: a list of {lane, at, kind, text}, in the order of the text.
export function happeningsOf(history) {
  history.happened ??= new Set();
  const fresh = [];
  for (const lane of history.lanes) {
    for (const event of eventsOf(lane, history)) {
      const name = `${lane.label}/${event.kind}/${event.kind === "broke" ? "" : event.at}`;
      if (history.happened.has(name)) continue;
      history.happened.add(name);
      const text = captionOf(lane, event);
      if (text) fresh.push({ lane, at: event.at, kind: event.kind, text });
    }
  }
  return fresh.sort((one, other) => one.at - other.at);
}
